"""`callbox dlq` on real brokers: counted, shown, sent again with the key and the id it had, or said to be gone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from callbox.cli import run
from callbox.dead_letters.ledger import format_place
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from processors.intake.pillar_event import intake, record_place
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent, PlateRead
from schemas.registry import RegistryDevice
from schemas.topics import ACKS, PILLAR_EVENTS, PLATE_READS, REGISTRY, dead_letter_topic
from schemas.units import DAY_MS, EpochMs
from streams.clock import now_ms
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.dead_letters import make_dead_letter
from streams.kafka.producer import ProducerRecord, RecordMetadata, publish
from streams.kafka.reader import read
from streams.kafka.record import LogRecord
from streams.kafka.topics import apply as make_topics
from tests.support.fakes import checkpoint
from tests.support.log_records import device
from tests.support.logs import restored_logs

PLATE = "XYZ9876"

Call = Callable[..., str]
"""(arguments, code=0) -> what was printed, stdout and stderr."""


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KafkaConfig]:
    """Each broker with the topics of the catalogue, named by the config in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    if request.param == "kafka":  # shared with other tests: nothing here asks for all of a topic
        yield _made(request.getfixturevalue("kafka_config"))
        return
    with EmbeddedBroker(tmp_path / "broker.log") as embedded:
        yield _made(KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind))


def _made(config: KafkaConfig) -> KafkaConfig:
    make_topics(config, i_lose_order=False)
    text = f'[kafka]\nbootstrap = "{config.bootstrap}"\nkind = "{config.kind}"\n'
    Path("callbox.toml").write_text(text, encoding="utf-8")
    return config


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Run a command and look at its exit code."""

    def called(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        found = run(arguments)
        captured = capsys.readouterr()
        assert found == code, captured.out + captured.err
        return captured.out + captured.err

    with restored_logs():
        yield called


def name(base: str) -> str:
    """A device that no other test has."""
    return f"{base}-{now_ms()}"


def event(device_id: str, **fields: Any) -> PillarEvent:
    at = now_ms()
    usual: dict[str, Any] = {
        "device_id": device_id,
        "kind": PillarKind.TAMPER,
        "occurred_at": at,
        "received_at": at,
    }
    return PillarEvent(**(usual | fields))


def plate_read(checkpoint_id: str) -> bytes:
    at = now_ms()
    return encode(PlateRead(checkpoint_id=checkpoint_id, occurred_at=at, received_at=at, plate_text=PLATE))


def lying_at(broker: KafkaConfig, place: RecordMetadata) -> LogRecord:
    return next(
        record
        for record in read(broker, place.topic, place.partition, place.offset, place.offset + 1)
        if record.offset == place.offset
    )


def rejected(
    broker: KafkaConfig, topic: str, key: bytes, value: bytes, cause: Cause, *workers: str
) -> tuple[LogRecord, str]:
    """Write a record, give it up, and say where it lies and where its newest letter does."""
    (place,) = publish(broker, [ProducerRecord(topic, key, value)])
    record = lying_at(broker, place)
    letters = [make_dead_letter(record, cause, "what was found", worker) for worker in workers or ("worker",)]
    return record, format_place(publish(broker, letters)[-1])


def register(broker: KafkaConfig, given: RegistryDevice) -> None:
    publish(broker, [ProducerRecord(REGISTRY, given.device_id.encode(), encode(given))])


def place_in(printed: str, letter: str) -> RecordMetadata:
    """Where a record arrived, as the command says."""
    (line,) = [line for line in printed.splitlines() if line.startswith(f"sent  {letter} as ")]
    topic, partition, offset = line.split(" as ")[1].partition(";")[0].split("/")
    return RecordMetadata(topic, int(partition), int(offset))


def test_a_record_that_several_workers_gave_up_is_listed_once(call: Call, broker: KafkaConfig) -> None:
    began = now_ms()
    bad, letter = rejected(
        broker, REGISTRY, name("bad").encode(), b"poison", Cause.UNDECODABLE, "plates", "alarms", "alarms"
    )
    lines = [json.loads(line) for line in call("dlq", "list", REGISTRY, "--json").splitlines()]
    (found,) = [line for line in lines if line["place"] == letter]
    assert (found["letters"], found["workers"], found["cause"]) == (3, ["alarms", "plates"], "undecodable")
    assert (found["topic"], found["partition"], found["offset"]) == (REGISTRY, bad.partition, bad.offset)
    assert found["newest_at"] >= began - 60_000
    assert letter in call(
        "dlq", "list", dead_letter_topic(REGISTRY), "--since", "-1h", "--cause", "undecodable"
    )
    assert "no dead letters" in call("dlq", "list", REGISTRY, "--since", "2999-01-01T00:00:00Z")
    assert "would take the place of a newer one" in call("dlq", "retry", letter, "--force", code=65)
    publish(broker, [ProducerRecord(REGISTRY, bad.key, None)])


def test_a_letter_is_shown_by_its_place(call: Call, broker: KafkaConfig) -> None:
    given = event(name("shown"))
    _, letter = rejected(broker, PILLAR_EVENTS, b"k", encode(given), Cause.UNKNOWN_DEVICE)
    seen = json.loads(call("dlq", "show", letter, "--json"))
    assert seen["content"]["fields"]["device_id"] == given.device_id
    assert "PillarEvent, as this release writes it" in call("dlq", "show", letter)
    topic, partition, _ = letter.split("/")
    assert "no letter is there" in call("dlq", "show", f"{topic}/{partition}/{1 << 40}", code=66)
    assert "has no partition 77" in call("dlq", "show", f"{topic}/77/0", code=66)


def test_what_is_no_letter_is_neither_shown_nor_sent(call: Call, broker: KafkaConfig) -> None:
    (place,) = publish(broker, [ProducerRecord(dead_letter_topic(ACKS), None, b"poison")])
    assert "no letter that this release can read" in call("dlq", "show", format_place(place), code=65)
    call("dlq", "retry", format_place(place), code=65)
    assert "cannot be read by this release" in call("dlq", "list", ACKS)


def test_once_the_registry_names_its_device_a_record_is_sent_with_its_key_and_its_id(
    call: Call, broker: KafkaConfig
) -> None:
    given = event(name("pillar"))
    key = given.device_id.encode()
    record, letter = rejected(broker, PILLAR_EVENTS, key, encode(given), Cause.UNKNOWN_DEVICE)
    refused = call("dlq", "retry", letter, code=65)
    assert "the registry does not name its device" in refused
    assert "0 sent, 1 refused, 0 gone" in refused

    register(broker, device(given.device_id))
    assert f"would be sent  {letter}" in call("dlq", "retry", letter, "--dry-run")
    arrived = place_in(call("dlq", "retry", letter, letter), letter)  # named twice, sent once
    again = lying_at(broker, arrived)
    assert arrived.partition == record.partition
    assert arrived.offset == record.offset + 1  # neither the refusal nor the dry run wrote anything
    assert (again.key, again.value) == (key, encode(given))
    ids = {intake(decode(each.value, PillarEvent), each.timestamp_ms).event_id for each in (record, again)}
    assert len(ids) == 1


def test_an_id_that_hangs_on_the_time_is_kept_too(call: Call, broker: KafkaConfig) -> None:
    """A gateway whose clock is dead, and no id: intake names such an event by where it lay."""
    given = event(name("clockless"), occurred_at=EpochMs(0), received_at=EpochMs(0), kind=PillarKind.PRESS)
    record, letter = rejected(
        broker, PILLAR_EVENTS, given.device_id.encode(), encode(given), Cause.UNKNOWN_SCHEMA
    )
    again = lying_at(broker, place_in(call("dlq", "retry", letter), letter))
    assert again.value != record.value
    later = EpochMs(again.timestamp_ms + 9 * DAY_MS)
    place = record_place(record.topic, record.partition, record.offset)
    assert (
        intake(decode(again.value, PillarEvent), later).event_id
        == intake(given, record.timestamp_ms, place=place).event_id
    )


def test_all_of_a_topic_and_cause_go_out_once_each_and_in_their_order(
    call: Call, broker: KafkaConfig
) -> None:
    since = "-60s"
    key = name("ack").encode()
    pairs = [
        rejected(broker, ACKS, key, f"poison {n}".encode(), Cause.PROCESSING_FAILED, "a", "a") for n in (1, 2)
    ]
    arguments = ("dlq", "retry", "--topic", ACKS, "--cause", "processing_failed", "--since", since)
    assert "0 sent" in call(*arguments, code=65)
    printed = call(*arguments, "--force")
    arrived = [
        line.split(" as ")[1].partition(";")[0] for line in printed.splitlines() if line.startswith("sent  ")
    ]
    values = [
        lying_at(broker, RecordMetadata(ACKS, int(p), int(o))).value
        for _, p, o in (a.split("/") for a in arrived)
    ]
    assert [value for value in values if value in {record.value for record, _ in pairs}][-2:] == [
        b"poison 1",
        b"poison 2",
    ]


def test_a_sealed_record_is_read_again_where_it_lay_and_nothing_of_it_is_printed(
    call: Call, broker: KafkaConfig
) -> None:
    given = checkpoint(name("gate"))
    key, value = given.device_id.encode(), plate_read(given.device_id)
    _, letter = rejected(broker, PLATE_READS, key, value, Cause.UNKNOWN_DEVICE)
    printed = call("dlq", "retry", letter, code=65)
    register(broker, given)
    sent = call("dlq", "retry", letter)
    printed += sent
    again = lying_at(broker, place_in(sent, letter))
    assert (again.key, again.value) == (key, value)
    for command in (("show", letter), ("show", letter, "--json"), ("list", PLATE_READS), ("list", "--json")):
        printed += call("dlq", *command)
    assert letter in printed
    for secret in (PLATE, PLATE.encode().hex(), given.device_id):
        assert secret not in printed


@pytest.mark.kafka
def test_a_sealed_record_that_is_gone_is_said_to_be_gone(
    call: Call, kafka_config: KafkaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broker = _made(kafka_config)
    given = checkpoint(name("gate"))
    key, value = given.device_id.encode(), plate_read(given.device_id)
    record, gone = rejected(broker, PLATE_READS, key, value, Cause.UNKNOWN_DEVICE)
    register(broker, given)
    admin = AdminClient(librdkafka_settings(broker))
    behind = TopicPartition(PLATE_READS, record.partition, record.offset + 1)
    for future in admin.delete_records([behind]).values():
        future.result(20)
    there, kept = rejected(broker, PLATE_READS, key, value, Cause.UNKNOWN_DEVICE)

    printed = call("dlq", "retry", gone, code=66)
    assert (
        f"{format_place(RecordMetadata(PLATE_READS, record.partition, record.offset))} is no longer there"
        in printed
    )
    assert "0 sent, 0 refused, 1 gone" in printed
    both = call("dlq", "retry", gone, kept, "--force", code=66)
    assert "1 sent, 0 refused, 1 gone" in both
    arrived = place_in(both, kept)
    assert (arrived.partition, arrived.offset) == (
        there.partition,
        there.offset + 1,
    )  # the gone one sent nothing
    assert PLATE not in printed + both


def test_a_letter_of_a_topic_that_was_made_anew_does_not_lead_to_another_record(
    call: Call, broker: KafkaConfig
) -> None:
    given = checkpoint(name("gate"))
    register(broker, given)
    (place,) = publish(broker, [ProducerRecord(PLATE_READS, b"k", plate_read(given.device_id))])
    record = lying_at(broker, place)
    earlier = record._replace(timestamp_ms=EpochMs(record.timestamp_ms - DAY_MS))
    outgoing = make_dead_letter(earlier, Cause.UNKNOWN_DEVICE, None, "plates")
    assert decode(outgoing.value, DeadLetter).offset == record.offset
    (letter,) = publish(broker, [outgoing])
    assert "1 gone" in call("dlq", "retry", format_place(letter), code=66)
