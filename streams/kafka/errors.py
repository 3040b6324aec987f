"""What librdkafka's errors mean to an operator: the cause, and the setting to look at.

    a code or a text of librdkafka ─► `is_refusal` ─► waiting does not help ─► AccessDenied, exit code 77
                                           └────────► nobody answers ────────► BrokerUnavailable, exit code 69

librdkafka says "certificate verify failed" of a certificate that has expired, of one for another host and of one that
an unknown authority has signed, and it says nothing where a port with TLS or SASL gets a client without: the port is
then asked (streams/kafka/listener_probe.py).
"""

import re
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import (
    AccessDenied,
    BrokerUnavailable,
    CallboxError,
    DeliveryFailed,
    FileRefused,
    InputMissing,
    LogBroken,
)
from streams.kafka.config import KafkaConfig

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

_TLS_ALERT: Final = re.compile(r"SSL alert number (\d+)")
"""The broker has refused the handshake, or our certificate after it: librdkafka gives that as _SSL or _TRANSPORT."""

_CUT_OFF: Final = "unexpected eof"
"""A broker that ended during a handshake: OpenSSL's error, and no refusal."""

CERTIFICATE_REFUSED: Final = "certificate verify failed"
"""OpenSSL's words for every fault of the broker's certificate."""

_CLIENT_CERTIFICATE: Final = (
    "the broker wants a client certificate that it trusts, look at [kafka] ssl_certificate_file and "
    "ssl_key_file"
)
# The numbers are those of RFC 8446, 6.2. Java answers a missing certificate with 42, and an expired one with 46
# (measured on Apache Kafka 4.1.1).
_ALERTS: Final = {
    40: "the broker accepts no protocol version or cipher of ours, look at its ssl.enabled.protocols",
    42: _CLIENT_CERTIFICATE,
    43: _CLIENT_CERTIFICATE,
    44: "our client certificate is revoked, renew the one in [kafka] ssl_certificate_file",
    45: "our client certificate has expired, renew the one in [kafka] ssl_certificate_file",
    46: "the broker refuses our client certificate, as one that has expired: renew the one in [kafka] "
    "ssl_certificate_file",
    48: "the broker does not know the authority of our client certificate, look at [kafka] ssl_certificate_file",
    70: "the broker does not speak our versions of TLS, look at its ssl.enabled.protocols",
    71: "the broker accepts none of our ciphers, look at its ssl.cipher.suites",
    112: "the broker does not know the name that we call it by, look at [kafka] bootstrap",
    116: _CLIENT_CERTIFICATE,
}


class _Symptom(NamedTuple):
    """A text by which a cause is known, and what is told then."""

    text: str
    told: str


_SYMPTOMS: Final = (
    _Symptom(
        CERTIFICATE_REFUSED,
        "the broker's certificate is not trusted, look at [kafka] ssl_ca_file and the broker's certificate",
    ),
    _Symptom(
        "wrong version number", "the broker's port does not speak TLS, look at [kafka] security_protocol"
    ),
    _Symptom(
        "Request not valid in current SASL state",
        "the broker's port takes no user, look at [kafka] security_protocol: this one is without SASL",
    ),
    _Symptom("Unsupported SASL mechanism", "the broker does not have that, look at [kafka] sasl_mechanism"),
    _Symptom(
        "Invalid response size",
        "what answers there is no Kafka, or speaks TLS: look at [kafka] bootstrap and security_protocol",
    ),
)

_WRONG_USER: Final = (
    "wrong user or password, look at [kafka] sasl_username and sasl_password_file or sasl_password_env"
)


def is_refusal(error: KafkaError) -> bool:
    """Whether the broker is there and refuses us, so that waiting does not help: TLS, SASL or an ACL."""
    if error.code() == KafkaError._SSL:  # noqa: SLF001 - as _REFUSALS
        return _CUT_OFF not in error.str()
    return error.code() in _REFUSALS or _TLS_ALERT.search(error.str()) is not None


class RecordUndeliverable(DeliveryFailed):
    """No broker will ever take this record: it is too large, or none. What it was made from is to blame."""


_UNDELIVERABLE: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError._INVALID_ARG,  # noqa: SLF001 - as _REFUSALS
    }
)


def is_undeliverable(error: KafkaError) -> bool:
    """Whether a record that was not delivered never will be, on whichever broker."""
    return error.code() in _UNDELIVERABLE


def is_of_surroundings(error: BaseException) -> bool:
    """Whether a worker ends for want of a broker, of an ACL or of a file, and not of a record that it reads."""
    if isinstance(error, RecordUndeliverable):
        return False
    return isinstance(
        error, BrokerUnavailable | AccessDenied | DeliveryFailed | InputMissing | FileRefused | LogBroken
    )


def explain(config: KafkaConfig, error: KafkaError) -> CallboxError:
    """The error of ours that says what an operator can do about one of librdkafka's."""
    text = f"{config.bootstrap}: {error.str()} ({error.name()})"
    if is_refusal(error):
        told = _told(error)
        return AccessDenied(
            f"the broker refuses us: {told}: {text}" if told else f"the broker refuses us: {text}"
        )
    if error.code() in _NO_TOPIC:
        return InputMissing(f"no such topic: {text}")
    return BrokerUnavailable(f"no broker answers: {text}")


_OUR_NAMES: Final = {
    "ssl.ca.location": "ssl_ca_file",
    "ssl.certificate.location": "ssl_certificate_file",
    "ssl.key.location": "ssl_key_file",
}


def settings_refused(error: KafkaException) -> FileRefused:
    """The error of ours for settings that librdkafka makes no client of, such as a key of another certificate."""
    reason: KafkaError = error.args[0]
    text = reason.str()
    for theirs, ours in _OUR_NAMES.items():
        text = text.replace(theirs, ours)
    return FileRefused(f"[kafka] {text}")


def _told(error: KafkaError) -> str:
    """The cause of a refusal and where to look; empty where librdkafka's own words say it, as of a missing ACL."""
    text = error.str()
    if (alert := _TLS_ALERT.search(text)) is not None:
        return _ALERTS.get(int(alert[1]), "the broker breaks the TLS handshake off, look at [kafka] ssl_…")
    for symptom in _SYMPTOMS:
        if symptom.text in text:
            return symptom.told
    if error.code() in {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}:  # noqa: SLF001 - as _REFUSALS
        return _WRONG_USER
    if error.code() == KafkaError._SSL:  # noqa: SLF001 - as _REFUSALS
        return "no trusted connection, look at [kafka] ssl_… and the broker's certificate"
    return ""
