"""The `[kafka]` table: one description of a broker for every connection (streams/kafka/client_settings.py).

It holds references to secrets, never a secret: it may be printed, logged and put into a report.
"""

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final

import msgspec

from streams.kafka.capabilities import CAPABILITIES, BrokerKind, Capabilities


class SecurityProtocol(StrEnum):
    """How a connection is protected, as Kafka names it."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(StrEnum):
    """How a client proves who it is, as Kafka names it."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


TLS: Final = frozenset({SecurityProtocol.SSL, SecurityProtocol.SASL_SSL})
SASL: Final = frozenset({SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL})

# Kafka: half a minute rides out a long garbage collection or the migration of a machine.
# Embedded: its group join waits half the session time-out, 2 s joins in 1-2.5 s (measured).
_SESSION_MS: Final = {BrokerKind.KAFKA: 30_000, BrokerKind.EMBEDDED: 2_000}
_HEARTBEAT_MS: Final = {BrokerKind.KAFKA: 3_000, BrokerKind.EMBEDDED: 300}
_HEARTBEATS_PER_SESSION: Final = 3  # Kafka's own advice: a session outlives two lost heartbeats

Milliseconds = Annotated[int, msgspec.Meta(ge=1)]


class KafkaConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to talk to it.

    Attributes:
        bootstrap: `host:port`, several separated by commas; an IPv6 address in brackets.
        kind: A Kafka cluster, or the embedded broker of the demo.
        security_protocol: How connections are protected, as Kafka names it.
        ssl_ca_file: PEM file of the authorities to trust; None trusts those of the system.
        ssl_certificate_file: PEM file of our own certificate, where the broker asks for one.
        ssl_key_file: PEM file of the key of `ssl_certificate_file`.
        sasl_mechanism: How the user proves who it is; needed with SASL_PLAINTEXT and SASL_SSL.
        sasl_username: The user that logs in.
        sasl_password_file: File that holds the password; name it or `sasl_password_env`, one of them.
        sasl_password_env: Environment variable that holds the password, in place of `sasl_password_file`.
        session_timeout_ms: A worker that is silent for so long loses its partitions; None: 30 s, embedded 2 s.
        heartbeat_interval_ms: How often a worker reports to its group, at most a third of `session_timeout_ms`; None:
            3 s, embedded 0.3 s.
        log_key_file: File with the key by which this process signs what it writes into the log; None: it does not.
        log_keys_dir: Folder with every writer's key, by which `fusion` and a replay find out who has written a record;
            None: nobody looks.
    """

    bootstrap: str
    kind: BrokerKind = BrokerKind.KAFKA
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    ssl_ca_file: str | None = None
    ssl_certificate_file: str | None = None
    ssl_key_file: str | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password_file: str | None = None
    sasl_password_env: str | None = None
    session_timeout_ms: Milliseconds | None = None
    heartbeat_interval_ms: Milliseconds | None = None
    log_key_file: str | None = None
    log_keys_dir: str | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself; msgspec adds the path of the table to the text."""
        addresses(self.bootstrap)
        _check_references(self)
        _check_tls(self)
        _check_sasl(self)
        if self.heartbeat_ms * _HEARTBEATS_PER_SESSION > self.session_ms:
            raise ValueError(
                f"heartbeat_interval_ms {self.heartbeat_ms} is more than a third of "
                f"session_timeout_ms {self.session_ms}"
            )

    @property
    def session_ms(self) -> int:
        """The session time-out in force, milliseconds."""
        return _SESSION_MS[self.kind] if self.session_timeout_ms is None else self.session_timeout_ms

    @property
    def heartbeat_ms(self) -> int:
        """The heartbeat interval in force, milliseconds."""
        return _HEARTBEAT_MS[self.kind] if self.heartbeat_interval_ms is None else self.heartbeat_interval_ms

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of broker can be trusted with."""
        return CAPABILITIES[self.kind]


def addresses(bootstrap: str) -> tuple[tuple[str, int], ...]:
    """The (host, port) pairs of a bootstrap text.

    Raises:
        ValueError: One of them is not `host:port` with a port from 1 to 65535.
    """
    if "@" in bootstrap:  # not quoted: what stands before it may be a password
        raise ValueError(
            "bootstrap holds an @, allowed is host:port; a user and a password have settings of their own"
        )
    pairs = []
    for text in bootstrap.split(","):
        host, colon, port = text.strip().rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        is_port = port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16
        if not (colon and bare and is_port) or (":" in bare) != host.startswith("["):
            raise ValueError(f"bootstrap {text.strip()!r} is not host:port")
        pairs.append((bare, int(port)))
    return tuple(pairs)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by definition; a name that may resolve elsewhere is not."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _check_references(config: KafkaConfig) -> None:
    """Refuse a secret in the place of its file or variable, and do not quote it: errors are printed and logged."""
    files = ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file", "sasl_password_file")
    for name in files:
        value = getattr(config, name)
        if value is not None and ("-----BEGIN" in value or not value.isprintable()):
            raise ValueError(f"{name} holds the content of a file; name the file")
    variable = config.sasl_password_env
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise ValueError("sasl_password_env is no name of a variable; name the one that holds the password")


def _check_tls(config: KafkaConfig) -> None:
    named = (config.ssl_ca_file, config.ssl_certificate_file, config.ssl_key_file)
    if any(named) and config.security_protocol not in TLS:
        raise ValueError(f"ssl_… files mean nothing with security_protocol {config.security_protocol}")
    if (config.ssl_certificate_file is None) != (config.ssl_key_file is None):
        raise ValueError("ssl_certificate_file and ssl_key_file go together")


def _check_sasl(config: KafkaConfig) -> None:
    references = (config.sasl_password_file, config.sasl_password_env)
    if config.security_protocol not in SASL:
        if any((config.sasl_mechanism, config.sasl_username, *references)):
            raise ValueError(f"sasl_… means nothing with security_protocol {config.security_protocol}")
        return
    if config.sasl_mechanism is None or not config.sasl_username:
        raise ValueError(f"{config.security_protocol} needs sasl_mechanism and sasl_username")
    if len([reference for reference in references if reference]) != 1:
        raise ValueError("name the password by sasl_password_file or by sasl_password_env, one of them")
