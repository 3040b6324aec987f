"""What every client starts from: files that cannot be read are one line each, and a dead connection is noticed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from schemas.errors import CallboxError, FileRefused, InputMissing
from streams.kafka.client_settings import CONNECTIONS, consumer_settings, librdkafka_settings
from streams.kafka.config import KafkaConfig

NOTICED_MS = 10_000
"""A connection that is dead, a partition that is new, a broker that has moved: within ten seconds."""

NOBODY = 65_534


def decoded(**table: Any) -> KafkaConfig:
    return msgspec.convert({"bootstrap": "broker:9092"} | table, KafkaConfig)


def with_password(file: Path) -> KafkaConfig:
    return decoded(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="eve",
        sasl_password_file=str(file),
    )


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Rights of a file mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def complaint(config: KafkaConfig) -> CallboxError:
    with pytest.raises(CallboxError) as refused:
        librdkafka_settings(config)
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_password_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    error = complaint(with_password(tmp_path))
    assert isinstance(error, InputMissing)
    assert str(error) == f"[kafka] sasl_password_file {tmp_path}: Is a directory"


def test_a_password_file_that_is_no_text_is_named_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"s3cr\xe9t")
    error = complaint(with_password(file))
    assert isinstance(error, FileRefused)
    assert str(error) == f"[kafka] sasl_password_file {file}: not a text in UTF-8"
    assert error.__cause__ is None
    assert error.__suppress_context__, "a traceback would show the bytes"


@pytest.mark.usefixtures("as_nobody")
def test_a_file_that_we_may_not_read_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = Path("/proc/1/environ") if os.geteuid() == NOBODY else tmp_path_factory.mktemp("mine") / "closed"
    if os.geteuid() != NOBODY:
        file.touch(mode=0o000)
    error = complaint(with_password(file))
    assert isinstance(error, InputMissing)
    assert str(error) == f"[kafka] sasl_password_file {file}: Permission denied"
    of_tls = complaint(decoded(security_protocol="SSL", ssl_ca_file=str(file)))
    assert str(of_tls) == f"[kafka] ssl_ca_file {file}: Permission denied"


@pytest.mark.parametrize("field", ["ssl_ca_file", "ssl_certificate_file", "ssl_key_file"])
@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "Is a directory"), (b"\x30\x82\x01", "not a PEM file"), (b"", "not a PEM file")],
)
def test_a_certificate_or_key_that_is_none_is_named_by_its_setting(
    tmp_path: Path, field: str, content: bytes | None, told: str
) -> None:
    good, other = tmp_path / "good.pem", tmp_path / "other"
    good.write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    other.mkdir() if content is None else other.write_bytes(content)
    files = {"ssl_certificate_file": str(good), "ssl_key_file": str(good)} | {field: str(other)}
    assert str(complaint(decoded(security_protocol="SSL", **files))) == f"[kafka] {field} {other}: {told}"


def test_a_dead_connection_is_noticed_in_time() -> None:
    settings = consumer_settings(decoded(), "group")
    longest_fetch_ms = settings["fetch.wait.max.ms"]
    assert settings["socket.timeout.ms"] + longest_fetch_ms <= NOTICED_MS
    assert settings["socket.timeout.ms"] >= longest_fetch_ms + 1_000, "librdkafka wants that"
    assert 2 * settings["topic.metadata.refresh.interval.ms"] <= NOTICED_MS
    assert settings["reconnect.backoff.max.ms"] + settings["socket.connection.setup.timeout.ms"] < NOTICED_MS
    assert settings["socket.keepalive.enable"] is True


def test_how_long_a_record_may_be_on_its_way_is_left_to_librdkafka() -> None:
    settings = librdkafka_settings(decoded())
    assert not {"delivery.timeout.ms", "message.timeout.ms", "request.timeout.ms"} & set(settings)


def test_librdkafka_takes_the_settings_without_a_word() -> None:
    said: list[str] = []

    class Listening:
        def log(self, _level: int, text: str, *arguments: object) -> None:
            said.append(text % arguments)

    for kind in ("kafka", "embedded"):
        config = decoded(kind=kind, bootstrap="127.0.0.1:1")
        Consumer(consumer_settings(config, "group") | {"logger": Listening()}).close()
        Producer(librdkafka_settings(config) | {"logger": Listening()}).flush(0)
    assert [line for line in said if "CONFWARN" in line] == []


def test_no_consumer_waits_for_the_end_of_a_transaction() -> None:
    assert consumer_settings(decoded(), "group")["isolation.level"] == "read_uncommitted"


def test_the_constants_are_not_in_the_way_of_a_session() -> None:
    """A heartbeat is a request too: it must be able to fail twice within the shortest session."""
    assert CONNECTIONS["socket.timeout.ms"] < decoded().session_ms / 3
