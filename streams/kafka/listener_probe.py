"""What a broker's port expects, asked where librdkafka does not say why it gets no answer.

    nobody listens ──────────────────────────────────────────────► nothing to tell
    we speak TLS, it does not, or the other way round ───────────► look at security_protocol
    TLS on both sides ─► its certificate, by Python's OpenSSL ───► expired, another host, an unknown authority, …
    neither side wrong about TLS ─► a SaslHandshake of ours ─────► it wants a user, or takes none

It connects for itself, sends no secret, and costs some milliseconds; it blocks, and only a start that has failed asks.
"""

import re
import socket
import ssl
import struct
from contextlib import suppress
from typing import Final

from confluent_kafka import KafkaError

from schemas.errors import AccessDenied, CallboxError
from streams.kafka.config import SASL, TLS, KafkaConfig, addresses
from streams.kafka.errors import CERTIFICATE_REFUSED, explain

_ANSWER_S: Final = (
    2.0  # of a port that accepts and says nothing; as long as a connection may take (client_settings)
)
_MOST_BYTES: Final = 64 << 10  # an answer to a handshake has some dozens

_PLACE: Final = re.compile(r"ssl://(?P<host>.+):(?P<port>\d+)/")
"""How librdkafka names the broker that it could not trust: one of the bootstrap, or one that advertises itself."""

# OpenSSL's X509_V_ERR_…, x509_vfy.h.
_NOT_YET_VALID, _EXPIRED, _WRONG_HOST, _WRONG_ADDRESS, _REVOKED = 9, 10, 62, 64, 23
_NO_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21, 24, 27})
_TOLD: Final = {
    _EXPIRED: "the broker's certificate, or that of its authority, has expired: renew it",
    _NOT_YET_VALID: "the broker's certificate is not valid yet, look at it and at this machine's clock",
    _WRONG_HOST: "the broker's certificate is for another host, look at [kafka] bootstrap, the broker's "
    "advertised.listeners and the names in its certificate",
    _REVOKED: "the broker's certificate is revoked: renew it",
}
_TOLD_OF_AUTHORITY: Final = (
    "no authority that we trust has signed the broker's certificate, look at [kafka] ssl_ca_file"
)

# Kafka's protocol: SaslHandshake (17) version 1 with a mechanism that nobody has.
_SASL_HANDSHAKE: Final = struct.pack(">hhih7s", 17, 1, 1, 7, b"callbox") + struct.pack(">h7s", 7, b"callbox")
_ANSWER: Final = struct.Struct(">iih")  # length, correlation id, error code; the mechanisms come behind
_UNSUPPORTED_MECHANISM: Final = 33
_NO_SASL_HERE: Final = 34


def diagnose(config: KafkaConfig, error: KafkaError) -> CallboxError:
    """As `explain`, after a look at the port where librdkafka's error does not name the cause. Blocks.

    Args:
        config: How we reach the broker.
        error: librdkafka's.
    """
    text = error.str()
    if CERTIFICATE_REFUSED in text:
        place = _PLACE.search(text)
        asked = ((place["host"].strip("[]"), int(place["port"])),) if place else addresses(config.bootstrap)
        told = next(
            (found for host, port in asked if (found := _certificate_fault(config, host, port))), None
        )
    elif error.code() in {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN}:  # noqa: SLF001 - librdkafka's public names
        asked = addresses(config.bootstrap)
        told = next((found for host, port in asked if (found := _mismatch(config, host, port))), None)
    else:
        told = None
    if told is None:
        return explain(config, error)
    return AccessDenied(f"the broker refuses us: {told}: {config.bootstrap}: {text} ({error.name()})")


def _certificate_fault(config: KafkaConfig, host: str, port: int) -> str | None:
    """Why the certificate of a listener is not trusted, or None where this cannot be seen."""
    with suppress(OSError):
        context = ssl.create_default_context(cafile=config.ssl_ca_file)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # librdkafka is not that strict
        try:
            with socket.create_connection((host, port), _ANSWER_S) as plain:
                context.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            code = _WRONG_HOST if error.verify_code == _WRONG_ADDRESS else error.verify_code
            if code in _NO_AUTHORITY:
                return _TOLD_OF_AUTHORITY
            return _TOLD.get(code, f"the broker's certificate is not trusted: {error.verify_message}")
    return None


def _mismatch(config: KafkaConfig, host: str, port: int) -> str | None:
    """What our `security_protocol` gets wrong about a listener, or None where nothing is seen."""
    speaks_tls = _speaks_tls(host, port)
    if speaks_tls is None:
        return None
    ours = config.security_protocol
    if speaks_tls != (ours in TLS):
        theirs = "SSL or SASL_SSL" if speaks_tls else "PLAINTEXT or SASL_PLAINTEXT"
        return f"the broker's port is {theirs}, look at [kafka] security_protocol {ours}"
    wants_user = _wants_user(host, port, over_tls=speaks_tls)
    if wants_user and ours not in SASL:
        return (
            f"the broker's port wants a user, look at [kafka] security_protocol {ours}: this one is with SASL"
        )
    return None


def _speaks_tls(host: str, port: int) -> bool | None:
    """Whether a port speaks TLS; None where nobody answers at all."""
    try:
        with socket.create_connection((host, port), _ANSWER_S) as plain:
            _unverified().wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):  # it refuses us, in TLS
            return True
    except OSError:
        pass
    else:
        return True
    # Kafka closes a connection that begins with TLS where it speaks none; so do others. It answers this one:
    return False if _handshake_code(host, port, over_tls=False) is not None else None


def _wants_user(host: str, port: int, *, over_tls: bool) -> bool:
    return _handshake_code(host, port, over_tls=over_tls) == _UNSUPPORTED_MECHANISM


def _handshake_code(host: str, port: int, *, over_tls: bool) -> int | None:
    """Kafka's answer to a SaslHandshake: 33 on a listener with SASL, 34 on one without; None: no Kafka answers."""
    with suppress(OSError), socket.create_connection((host, port), _ANSWER_S) as plain:
        connection = _unverified().wrap_socket(plain, server_hostname=host) if over_tls else plain
        connection.sendall(struct.pack(">i", len(_SASL_HANDSHAKE)) + _SASL_HANDSHAKE)
        return answer_code(_received(connection))
    return None


def _received(connection: socket.socket) -> bytes:
    """The beginning of one answer, or what came of it."""
    received = b""
    while len(received) < _ANSWER.size:
        piece = connection.recv(_ANSWER.size - len(received))
        if not piece:
            break
        received += piece
    return received


def answer_code(answer: bytes) -> int | None:
    """The error code in an answer to our SaslHandshake (length, correlation id, code); None: it is none.

    Args:
        answer: The bytes, with Kafka's length in front.
    """
    if len(answer) < _ANSWER.size:
        return None
    length, correlation, code = _ANSWER.unpack_from(answer)
    is_ours = correlation == 1 and 0 < length < _MOST_BYTES
    return code if is_ours and code in {0, _UNSUPPORTED_MECHANISM, _NO_SASL_HERE} else None


def _unverified() -> ssl.SSLContext:
    """For a look at the port only: nothing secret is sent, and nothing that it says is believed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
