"""librdkafka's texts, as they were seen on Apache Kafka 4.1.1, and what an operator is told of them."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import AccessDenied, BrokerUnavailable
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal, settings_refused

CONFIG = KafkaConfig(bootstrap="broker:9093")
AT = "ssl://broker:9093/bootstrap: "
SSL, TRANSPORT, LOGIN = KafkaError._SSL, KafkaError._TRANSPORT, KafkaError._AUTHENTICATION


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (SSL, "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed", "ssl_ca_file"),
        (SSL, "SSL handshake failed: error:0A00010B:SSL routines::wrong version number", "security_protocol"),
        (
            SSL,
            "SSL handshake failed: error:0A00042E:alert protocol version: SSL alert number 70",
            "enabled.protocols",
        ),
        (
            TRANSPORT,
            "Receive failed: error:0A000412:bad certificate: SSL alert number 42",
            "ssl_certificate_file",
        ),
        (
            TRANSPORT,
            "Receive failed: error:0A00045C:certificate required: SSL alert number 116",
            "ssl_key_file",
        ),
        (SSL, "SSL handshake failed: error:0A000001: of another kind", "ssl_"),
        (
            LOGIN,
            "Authentication failed … invalid credentials with SASL mechanism PLAIN",
            "sasl_password_file",
        ),
        (
            LOGIN,
            "handshake failed: Broker: Unsupported SASL mechanism: broker's supported: PLAIN",
            "sasl_mechanism",
        ),
        (LOGIN, "failed: Broker: Request not valid in current SASL state", "security_protocol"),
    ],
)
def test_a_refusal_names_the_setting_to_look_at_and_keeps_the_client_s_words(
    code: int, text: str, told: str
) -> None:
    error = KafkaError(code, AT + text)
    assert is_refusal(error)
    explained = explain(CONFIG, error)
    assert isinstance(explained, AccessDenied)
    cause, _, rest = str(explained).partition(f": {CONFIG.bootstrap}: ")
    assert told in cause
    assert text in rest


@pytest.mark.parametrize(
    "text",
    [
        "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT listener?",
        "Disconnected (after 3ms in state UP)",
        "Connect to ipv4#127.0.0.1:9093 failed: Connection refused",
    ],
)
def test_a_connection_that_ends_is_no_refusal(text: str) -> None:
    error = KafkaError(TRANSPORT, AT + text)
    assert not is_refusal(error)
    assert isinstance(explain(CONFIG, error), BrokerUnavailable)


def test_a_broker_that_is_killed_during_the_handshake_is_no_refusal() -> None:
    error = KafkaError(
        SSL, f"{AT}SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading"
    )
    assert not is_refusal(error)
    assert isinstance(explain(CONFIG, error), BrokerUnavailable)


def test_a_missing_right_is_told_as_before() -> None:
    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed.")
    assert str(explain(CONFIG, error)).startswith(
        "the broker refuses us: broker:9093: Topic authorization failed."
    )


def test_settings_that_make_no_client_are_named_as_in_the_config() -> None:
    error = KafkaException(
        KafkaError(KafkaError._INVALID_ARG, "ssl.key.location failed: key values mismatch")
    )
    assert str(settings_refused(error)) == "[kafka] ssl_key_file failed: key values mismatch"
