"""Both Kafka clients from one `KafkaConfig`, and the question whether the broker is there.

`librdkafka_settings` is for confluent-kafka (delivery, topics, the reader), `broker_credentials` for Faust,
which hands them to aiokafka. Passwords are read here, at the last moment, and go nowhere else.
"""

import logging
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from faust.auth import SASLCredentials, SSLCredentials

from schemas.errors import AccessDenied, BrokerUnavailable, CallboxError, FileRefused, InputMissing
from streams.brokers.capabilities import BrokerKind
from streams.clock import monotonic
from streams.kafka_config import SASL, TLS, KafkaConfig

__all__ = [
    "KafkaConfig",
    "assert_reachable",
    "broker_credentials",
    "broker_urls",
    "consumer_settings",
    "explain",
    "fetch_max_wait_ms",
    "is_refusal",
    "librdkafka_settings",
    "read_password",
    "topic_id_of",
]

# Production waits as Kafka does by default; the embedded broker waits it out even when records are there.
_FETCH_MAX_WAIT_MS: Final = {BrokerKind.KAFKA: 500, BrokerKind.EMBEDDED: 10}
_DESCRIBE_S: Final = 10.0
_ASK_S: Final = 0.5  # one metadata request; between two of them the errors of the connection are looked at

_REFUSALS: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - librdkafka's own codes are public, their names begin so
        KafkaError._SSL,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SECURITY_DISABLED,
    }
)
_NO_TOPIC: Final = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)


def _silent_logger() -> logging.Logger:
    """A logger that says nothing: librdkafka's own lines on stderr would drown the one line that matters."""
    logger = logging.Logger("librdkafka")  # noqa: LOG001 - not in the tree, so that nobody turns it on by accident
    logger.addHandler(logging.NullHandler())
    return logger


_SILENT: Final = _silent_logger()


def librdkafka_settings(config: KafkaConfig, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What every confluent-kafka client of this broker starts from.

    Raises:
        InputMissing: A certificate, key or password that the config names is not there.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": config.bootstrap,
        "security.protocol": str(config.security_protocol),
        "logger": _SILENT,
    }
    files = {
        "ssl.ca.location": _readable("ssl_ca_file", config.ssl_ca_file),
        "ssl.certificate.location": _readable("ssl_certificate_file", config.ssl_certificate_file),
        "ssl.key.location": _readable("ssl_key_file", config.ssl_key_file),
    }
    settings |= {name: path for name, path in files.items() if path is not None}
    if config.security_protocol in SASL and config.sasl_mechanism is not None:
        settings |= {
            "sasl.mechanism": str(config.sasl_mechanism),
            "sasl.username": config.sasl_username,
            "sasl.password": read_password(config, environment),
        }
    return settings


def consumer_settings(config: KafkaConfig, group: str) -> dict[str, Any]:
    """`librdkafka_settings` and what only a consumer knows; it never commits by itself."""
    return librdkafka_settings(config) | {
        "group.id": group,
        "enable.auto.commit": False,
        "session.timeout.ms": config.session_ms,
        "heartbeat.interval.ms": config.heartbeat_ms,
        "fetch.wait.max.ms": fetch_max_wait_ms(config),
    }


def fetch_max_wait_ms(config: KafkaConfig) -> int:
    """How long a broker may hold a fetch that finds nothing, milliseconds."""
    return _FETCH_MAX_WAIT_MS[config.kind]


def broker_urls(config: KafkaConfig) -> list[str]:
    """The broker setting of a Faust app: its default driver, aiokafka."""
    return [f"kafka://{address.strip()}" for address in config.bootstrap.split(",")]


def broker_credentials(
    config: KafkaConfig, environment: Mapping[str, str] = os.environ
) -> SASLCredentials | SSLCredentials | None:
    """The `broker_credentials` of a Faust app; None where the broker asks for none.

    Raises:
        InputMissing: A certificate, key or password that the config names is not there or not usable.
    """
    context = _ssl_context(config) if config.security_protocol in TLS else None
    if config.security_protocol in SASL and config.sasl_mechanism is not None:
        return SASLCredentials(
            username=config.sasl_username,
            password=read_password(config, environment),
            mechanism=str(config.sasl_mechanism),
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def read_password(config: KafkaConfig, environment: Mapping[str, str] = os.environ) -> str:
    """The SASL password that the config refers to, without the line end that editors leave.

    Raises:
        InputMissing: The file or the variable is not there, or is empty.
    """
    if config.sasl_password_file is not None:
        source = f"sasl_password_file {config.sasl_password_file}"
        try:
            password = Path(config.sasl_password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise InputMissing(f"[kafka] {source}: {error.strerror}") from error
    else:
        source = f"sasl_password_env {config.sasl_password_env}"
        password = environment.get(config.sasl_password_env or "", "")
    if not password:
        raise InputMissing(f"[kafka] {source}: no password there")
    return password


def is_refusal(error: KafkaError) -> bool:
    """Whether the broker is there and does not want us: TLS, SASL or an ACL."""
    return error.code() in _REFUSALS


def explain(config: KafkaConfig, error: KafkaError) -> CallboxError:
    """The error of ours that says what an operator can do about one of librdkafka's."""
    text = f"{config.bootstrap}: {error.str()} ({error.name()})"
    if error.code() == KafkaError._SSL:  # noqa: SLF001 - as _REFUSALS
        return AccessDenied(
            f"no trusted connection, look at [kafka] ssl_ca_file and the broker's certificate: {text}"
        )
    if is_refusal(error):
        return AccessDenied(f"the broker refuses us: {text}")
    if error.code() in _NO_TOPIC:
        return InputMissing(f"no such topic: {text}")
    return BrokerUnavailable(f"no broker answers: {text}")


def assert_reachable(config: KafkaConfig, timeout_s: float = 8.0) -> None:
    """Return once the broker has answered a question for its metadata.

    A broker that is only starting gets the whole time; a refusal of our credentials ends the wait at once.

    Raises:
        BrokerUnavailable: Nobody answered within `timeout_s`.
        AccessDenied: TLS or SASL failed, or our user may not ask.
    """
    seen: list[KafkaError] = []
    client = admin_client(config, seen)
    give_up = monotonic() + timeout_s
    while True:
        try:
            client.list_topics(timeout=_ASK_S)
        except KafkaException as error:
            client.poll(0)  # serves the callback that fills `seen`
            refusal = next((e for e in (error.args[0], *seen) if is_refusal(e)), None)
            if refusal is not None:
                raise explain(config, refusal) from error
            if monotonic() >= give_up:
                raise explain(config, _telling(error.args[0], seen)) from error
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


def _telling(last: KafkaError, seen: list[KafkaError]) -> KafkaError:
    """The error that names the trouble: a refused connection tells more than a time-out."""
    connection = (KafkaError._RESOLVE, KafkaError._TRANSPORT)  # noqa: SLF001 - as _REFUSALS
    return next((error for error in reversed(seen) if error.code() in connection), last)


def _readable(field: str, path: str | None) -> str | None:
    if path is not None and not Path(path).is_file():
        raise InputMissing(f"[kafka] {field} {path}: no such file")
    return path


def _ssl_context(config: KafkaConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=_readable("ssl_ca_file", config.ssl_ca_file))
        if config.ssl_certificate_file is not None:
            context.load_cert_chain(config.ssl_certificate_file, config.ssl_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise InputMissing(f"[kafka] ssl_… files cannot be used: {error}") from error
    return context
