"""Questions to the broker itself: whether it is there, and which topic it means."""

import socket
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from streams.clock import monotonic
from streams.kafka.client_settings import CONNECT_MS, librdkafka_settings
from streams.kafka.config import KafkaConfig, addresses
from streams.kafka.errors import explain, is_refusal, settings_refused
from streams.kafka.listener_probe import diagnose

_DESCRIBE_S: Final = 10.0

_ASK_S: Final = 0.5  # one metadata request; between two of them the errors of the connection are looked at

_PER_ADDRESS_S: Final = CONNECT_MS / 1000 + 2 * _ASK_S
"""librdkafka looks about once a second whether a connection has taken too long, and makes another when it is asked."""

_IN_TURN: Final = {"metadata.recovery.strategy": "none"}
"""Every address of a name gets its turn. librdkafka otherwise looks the name up again once all brokers seem to be
away, which finds brokers that have moved, and begins at any address: a dead one may come several times."""


def assert_reachable(config: KafkaConfig, timeout_s: float = 8.0) -> None:
    """Return once the broker has answered a question for its metadata.

    A broker that is only starting gets the whole time; a refusal of our credentials ends the wait at once. Where the
    names of the bootstrap have several addresses, each is waited for.

    Raises:
        BrokerUnavailable: Nobody answered within `timeout_s`.
        AccessDenied: TLS or SASL failed, our user may not ask, or the port is not of our `security_protocol`.
    """
    seen: list[KafkaError] = []
    client = admin_client(config, seen, _IN_TURN)
    began, wait_s, is_extended = monotonic(), timeout_s, False
    while True:
        try:
            client.list_topics(timeout=_ASK_S)
        except KafkaException as error:
            client.poll(0)  # serves the callback that fills `seen`
            refusal = next((e for e in (error.args[0], *seen) if is_refusal(e)), None)
            if refusal is not None:
                raise diagnose(config, refusal) from error
            if monotonic() - began < wait_s:
                continue
            if is_extended:
                raise diagnose(config, _most_specific(error.args[0], seen)) from error
            wait_s, is_extended = max(wait_s, address_count(config) * _PER_ADDRESS_S), True
        else:
            return


def address_count(config: KafkaConfig) -> int:
    """How many addresses the names of the bootstrap have; one that has none counts as one."""
    count = 0
    for host, port in addresses(config.bootstrap):
        try:
            count += len({found[4] for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
        except OSError:
            count += 1
    return count


def admin_client(
    config: KafkaConfig, seen: list[KafkaError], more: Mapping[str, Any] | None = None
) -> AdminClient:
    """A client for metadata and topics; the errors of its connections are appended to `seen`.

    Args:
        config: The broker.
        seen: Gets the errors.
        more: Settings of librdkafka for this client.

    Raises:
        FileRefused: librdkafka does not take the settings, for example a key that is no PEM file.
    """
    try:
        return AdminClient(librdkafka_settings(config) | {"error_cb": seen.append} | dict(more or {}))
    except KafkaException as error:
        raise settings_refused(error) from error


def topic_id_of(config: KafkaConfig, topic: str) -> str:
    """The broker's own id of a topic, which a topic that is made anew under the same name does not have.

    Returns:
        Base64 as Kafka prints it; empty where the broker gives none.

    Raises:
        BrokerUnavailable: It does not answer.
        AccessDenied: It refuses us.
    """
    if not config.capabilities.knows_topic_ids:
        return ""
    client = admin_client(config, [])  # it must live until the answer is there
    asked = client.describe_topics(TopicCollection([topic]), request_timeout=_DESCRIBE_S)
    try:
        return str(asked[topic].result().topic_id)
    except KafkaException as error:
        raise explain(config, error.args[0]) from error


def _most_specific(last: KafkaError, seen: list[KafkaError]) -> KafkaError:
    """The error that names the cause: a refused connection says more than a time-out."""
    connection = (KafkaError._RESOLVE, KafkaError._TRANSPORT)  # noqa: SLF001 - as _REFUSALS
    return next((error for error in reversed(seen) if error.code() in connection), last)
