"""The [kafka] table: what it accepts, what it refuses, what a client gets of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError

from schemas.errors import AccessDenied, BrokerUnavailable, FileRefused, InputMissing
from streams.kafka.admin import address_count, admin_client
from streams.kafka.capabilities import BrokerKind
from streams.kafka.client_settings import (
    CONNECTIONS,
    consumer_settings,
    fetch_max_wait_ms,
    librdkafka_settings,
)
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol, addresses, is_loopback
from streams.kafka.errors import explain


def decoded(**table: Any) -> KafkaConfig:
    """As it comes from a config file."""
    return msgspec.convert({"bootstrap": "broker:9092"} | table, KafkaConfig)


def sasl(password_file: Path, **table: Any) -> KafkaConfig:
    login = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "eve"}
    return decoded(
        security_protocol="SASL_PLAINTEXT", sasl_password_file=str(password_file), **login, **table
    )


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("s3cret\n", encoding="utf-8")
    return path


def test_a_plain_broker_needs_its_address_only() -> None:
    config = decoded()
    settings = librdkafka_settings(config)
    del settings["logger"]
    assert settings == {"bootstrap.servers": "broker:9092", "security.protocol": "PLAINTEXT", **CONNECTIONS}
    assert (config.session_ms, config.heartbeat_ms, fetch_max_wait_ms(config)) == (30_000, 3_000, 500)


def test_the_embedded_broker_has_its_own_times() -> None:
    config = decoded(kind="embedded")
    assert config.kind is BrokerKind.EMBEDDED
    assert (config.session_ms, config.heartbeat_ms, fetch_max_wait_ms(config)) == (2_000, 300, 10)
    assert not config.capabilities.durable


def test_times_of_the_file_count() -> None:
    settings = consumer_settings(decoded(session_timeout_ms=6_000, heartbeat_interval_ms=2_000), "group")
    assert (settings["session.timeout.ms"], settings["heartbeat.interval.ms"]) == (6_000, 2_000)
    assert (settings["group.id"], settings["enable.auto.commit"]) == ("group", False)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"bootstrop": "x:1"}, "bootstrop"),
        ({"kind": "rabbit"}, r"\$\.kind"),
        ({"session_timeout_ms": 0}, r"\$\.session_timeout_ms"),
        ({"session_timeout_ms": "6 s"}, r"\$\.session_timeout_ms"),
        ({"session_timeout_ms": 6_000}, "heartbeat_interval_ms 3000 is more than a third"),
        ({"bootstrap": "broker"}, "'broker' is not host:port"),
        ({"bootstrap": "a:1,b:0"}, "'b:0' is not host:port"),
        ({"bootstrap": ""}, "is not host:port"),
        ({"ssl_ca_file": "ca.pem"}, "security_protocol PLAINTEXT"),
        ({"security_protocol": "SSL", "ssl_key_file": "key.pem"}, "go together"),
        ({"sasl_username": "eve"}, "security_protocol PLAINTEXT"),
        ({"security_protocol": "SASL_SSL"}, "needs sasl_mechanism and sasl_username"),
        ({"security_protocol": "TLS"}, r"\$\.security_protocol"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_and_says_where(table: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=told):
        decoded(**table)


@pytest.mark.parametrize("references", [{}, {"sasl_password_file": "f", "sasl_password_env": "E"}])
def test_a_password_has_exactly_one_source(references: dict[str, str]) -> None:
    login = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "eve"}
    with pytest.raises(msgspec.ValidationError, match="one of them"):
        decoded(**login, **references)


def test_a_config_shows_no_secret(password: Path) -> None:
    config = sasl(password)
    assert "s3cret" not in repr(config)
    assert b"s3cret" not in msgspec.json.encode(config)


def test_a_client_gets_the_login(password: Path) -> None:
    settings = librdkafka_settings(sasl(password))
    assert (settings["sasl.mechanism"], settings["sasl.username"]) == ("SCRAM-SHA-512", "eve")
    assert settings["sasl.password"] == "s3cret"


def test_a_password_may_come_from_the_environment() -> None:
    config = KafkaConfig(
        bootstrap="broker:9092",
        security_protocol=SecurityProtocol.SASL_SSL,
        sasl_mechanism=SaslMechanism.PLAIN,
        sasl_username="eve",
        sasl_password_env="EVES_PASSWORD",
    )
    assert librdkafka_settings(config, {"EVES_PASSWORD": "s3cret"})["sasl.password"] == "s3cret"
    with pytest.raises(InputMissing, match="EVES_PASSWORD"):
        librdkafka_settings(config, {})


def test_a_missing_or_empty_password_file_is_named(tmp_path: Path, password: Path) -> None:
    with pytest.raises(InputMissing, match="nowhere"):
        librdkafka_settings(sasl(tmp_path / "nowhere"))
    password.write_text("\n", encoding="utf-8")
    with pytest.raises(InputMissing, match="no password there"):
        librdkafka_settings(sasl(password))


def test_a_missing_or_broken_certificate_is_named(tmp_path: Path) -> None:
    missing = decoded(security_protocol="SSL", ssl_ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(InputMissing, match=r"ssl_ca_file .*ca\.pem: No such file"):
        librdkafka_settings(missing)
    (tmp_path / "ca.pem").write_text("not a certificate", encoding="utf-8")
    with pytest.raises(FileRefused, match=r"ssl_ca_file .*ca\.pem: not a PEM file"):
        librdkafka_settings(missing)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nno", encoding="utf-8")
    with pytest.raises(FileRefused, match=r"\[kafka\] .*ssl_ca_file failed"):
        admin_client(missing, [])


def test_addresses_of_a_cluster() -> None:
    assert addresses("a:9092, b:9093,[::1]:9094") == (("a", 9092), ("b", 9093), ("::1", 9094))
    for wrong in ("::1:9094", "a:9092,", "a:65536", "a:-1", ":9092", "[::1]"):
        with pytest.raises(ValueError, match="is not host:port"):
            addresses(wrong)


def test_every_address_of_every_name_is_counted_and_a_name_without_one_is_one() -> None:
    assert address_count(decoded(bootstrap="127.0.0.1:1,127.0.0.1:2,[::1]:3,nowhere.invalid:4")) == 4


def test_only_addresses_of_this_machine_are_loopback() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(host) for host in ("kafka", "10.0.0.1", "localhost.example", "0.0.0.0", ""))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._AUTHENTICATION, AccessDenied),
        (KafkaError._SSL, AccessDenied),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, AccessDenied),
        (KafkaError._TRANSPORT, BrokerUnavailable),
        (KafkaError._TIMED_OUT, BrokerUnavailable),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, InputMissing),
    ],
)
def test_each_error_of_the_client_becomes_the_one_that_says_what_to_do(
    code: int, kind: type[Exception]
) -> None:
    explained = explain(decoded(), KafkaError(code))
    assert type(explained) is kind
    assert "broker:9092" in str(explained)
