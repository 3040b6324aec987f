"""What librdkafka's errors mean to an operator."""

from typing import Final

from confluent_kafka import KafkaError

from schemas.errors import AccessDenied, BrokerUnavailable, CallboxError, InputMissing
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


def is_refusal(error: KafkaError) -> bool:
    """Whether the broker is there and refuses us: TLS, SASL or an ACL."""
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
