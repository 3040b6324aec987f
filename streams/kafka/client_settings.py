"""What every confluent-kafka client of a broker starts from, made of one `KafkaConfig`.

Passwords are read here, at the last moment, and go nowhere else.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import InputMissing
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import SASL, KafkaConfig

# Production waits as Kafka does by default; the embedded broker waits it out even when records are there.
_FETCH_MAX_WAIT_MS: Final = {BrokerKind.KAFKA: 500, BrokerKind.EMBEDDED: 10}


def _silent_logger() -> logging.Logger:
    """A logger that says nothing: librdkafka's own lines on stderr would drown the one line that matters."""
    logger = logging.Logger("librdkafka")  # noqa: LOG001 - not in the tree of loggers, so that no configuration turns it on by accident
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


def existing_file(field: str, path: str | None) -> str | None:
    """The path that a field names, or None.

    Raises:
        InputMissing: It names a file that is not there.
    """
    if path is not None and not Path(path).is_file():
        raise InputMissing(f"[kafka] {field} {path}: no such file")
    return path
