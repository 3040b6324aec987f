"""Questions to the broker itself: whether it is there, and which topic it means."""

from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from schemas.errors import FileRefused
from streams.clock import monotonic
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal

_DESCRIBE_S: Final = 10.0

_ASK_S: Final = 0.5  # one metadata request; between two of them the errors of the connection are looked at


def assert_reachable(config: KafkaConfig, timeout_s: float = 8.0) -> None:
    """Return once the broker has answered a question for its metadata.

    A broker that is only starting gets the whole time; a refusal of our credentials ends the wait at once.

    Raises:
        BrokerUnavailable: Nobody answered within `timeout_s`.
        AccessDenied: TLS or SASL failed, or our user may not ask.
    """
    seen: list[KafkaError] = []
    client = admin_client(config, seen)
    deadline = monotonic() + timeout_s
    while True:
        try:
            client.list_topics(timeout=_ASK_S)
        except KafkaException as error:
            client.poll(0)  # serves the callback that fills `seen`
            refusal = next((e for e in (error.args[0], *seen) if is_refusal(e)), None)
            if refusal is not None:
                raise explain(config, refusal) from error
            if monotonic() >= deadline:
                raise explain(config, _most_specific(error.args[0], seen)) from error
        else:
            return


def admin_client(config: KafkaConfig, seen: list[KafkaError]) -> AdminClient:
    """A client for metadata and topics; the errors of its connections are appended to `seen`.

    Raises:
        FileRefused: librdkafka does not take the settings, for example a key that is no PEM file.
    """
    try:
        return AdminClient(librdkafka_settings(config) | {"error_cb": seen.append})
    except KafkaException as error:
        raise FileRefused(f"[kafka]: {error.args[0].str()}") from error


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
