"""What every confluent-kafka client of a broker starts from, made of one `KafkaConfig`.

Passwords are read here, at the last moment, and go nowhere else.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import FileRefused, InputMissing
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import SASL, KafkaConfig

# Production waits as Kafka does by default; the embedded broker waits it out even when records are there.
_FETCH_MAX_WAIT_MS: Final = {BrokerKind.KAFKA: 500, BrokerKind.EMBEDDED: 10}

CONNECT_MS: Final = 2_000
"""How long one address of a broker may take for TCP, TLS and SASL before another address of its name is tried. TCP
sends its first packet again after one second; a log-in by SCRAM over TLS takes 0.1 to 0.35 s (measured, Kafka 4.1.1).
With librdkafka's own 30 s one dead address outlasts every wait of a start (8 s)."""

CONNECTIONS: Final[Mapping[str, Any]] = {
    "socket.connection.setup.timeout.ms": CONNECT_MS,
    # A connection whose other end is gone is noticed within 10 s: 8 s and the longest fetch (0.5 s). An answer of
    # 8 MiB, the largest record, needs a link of 1 MB/s then. librdkafka: 60 s, and a second above `fetch.wait.max.ms`.
    "socket.timeout.ms": 8_000,
    # The system's probes end what no request ever will: a connection on which we only wait.
    "socket.keepalive.enable": True,
    # A broker that is back is found within two seconds, not ten; the first attempts come after 0.1 s as ever.
    "reconnect.backoff.max.ms": 2_000,
    # New partitions, and brokers that moved, are seen within 10 s: two refreshes, of which one may fail. librdkafka: 5
    # minutes. One small request each.
    "topic.metadata.refresh.interval.ms": 5_000,
}
"""When a connection counts as dead, and how soon what has changed in the cluster is seen. How long a record may be on
its way (`delivery.timeout.ms`) is none of these: a producer sends it again on the next connection."""

ISOLATION: Final = "read_uncommitted"  # docs/adr/0021: no record waits for the end of somebody's transaction


def _silent_logger() -> logging.Logger:
    """A logger that says nothing: librdkafka's own lines on stderr would drown the one line that matters."""
    logger = logging.Logger("librdkafka")  # noqa: LOG001 - not in the tree of loggers, so that no configuration turns it on by accident
    logger.addHandler(logging.NullHandler())
    return logger


_SILENT: Final = _silent_logger()


def librdkafka_settings(config: KafkaConfig, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What every confluent-kafka client of this broker starts from.

    Raises:
        InputMissing: A certificate, key or password that the config names is not there or cannot be read.
        FileRefused: One of these files holds something else.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": config.bootstrap,
        "security.protocol": str(config.security_protocol),
        "logger": _SILENT,
        **CONNECTIONS,
    }
    files = {
        "ssl.ca.location": existing_file("ssl_ca_file", config.ssl_ca_file),
        "ssl.certificate.location": existing_file("ssl_certificate_file", config.ssl_certificate_file),
        "ssl.key.location": existing_file("ssl_key_file", config.ssl_key_file),
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
        "isolation.level": ISOLATION,
        "session.timeout.ms": config.session_ms,
        "heartbeat.interval.ms": config.heartbeat_ms,
        "fetch.wait.max.ms": fetch_max_wait_ms(config),
    }


def fetch_max_wait_ms(config: KafkaConfig) -> int:
    """How long a broker may hold a fetch that finds nothing, milliseconds."""
    return _FETCH_MAX_WAIT_MS[config.kind]


def read_password(config: KafkaConfig, environment: Mapping[str, str] = os.environ) -> str:
    """The SASL password that the config refers to, without the line end that editors leave.

    Raises:
        InputMissing: The file or the variable is not there, cannot be read, or is empty.
        FileRefused: The file is no UTF-8 text.
    """
    if config.sasl_password_file is not None:
        source = f"sasl_password_file {config.sasl_password_file}"
        try:
            password = Path(config.sasl_password_file).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise InputMissing(f"[kafka] {source}: {error.strerror}") from error
        except UnicodeDecodeError:
            # Without the error as its cause: that one holds the bytes of the file.
            raise FileRefused(f"[kafka] {source}: not a text in UTF-8") from None
    else:
        source = f"sasl_password_env {config.sasl_password_env}"
        password = environment.get(config.sasl_password_env or "", "")
    if not password:
        raise InputMissing(f"[kafka] {source}: no password there")
    return password


def existing_file(field: str, path: str | None) -> str | None:
    """The path of the PEM file that a field names, or None.

    Raises:
        InputMissing: It names a file that is not there or cannot be read.
        FileRefused: The file is not PEM.
    """
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputMissing(f"[kafka] {field} {path}: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise FileRefused(f"[kafka] {field} {path}: not a PEM file")
    return path
