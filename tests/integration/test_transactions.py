"""Other writers' transactions on Apache Kafka: nothing waits for their end, and no marker is a missing record."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from benchmarks.support.registry_load import pillar
from callbox.demo.processes.broker import Broker
from processors.fold.snapshot_codec import dump
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Hazard, PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.registry import RegistryDevice
from schemas.topics import FUSION_INPUT, LOG_PARTITIONS, MAINTENANCE, PILLAR_EVENTS, REGISTRY
from streams.clock import monotonic, now_ms
from streams.kafka import topics
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.compacted_table import CompactedTable
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord
from streams.kafka.reader import BrokerReader, bounds, read_all
from streams.kafka.record import LogRecord
from streams.state.restore import Broken, restore
from tests.support.kill_harness import KillHarness, kill_harness
from tests.support.log_records import envelope, fact
from tests.support.wiped_kafka import wiped

pytestmark = pytest.mark.kafka

PARTITION = 1
ANSWER_S = 20.0


class Writer:
    """Somebody who writes in transactions."""

    def __init__(self, kafka: KafkaConfig, name: str) -> None:
        self._producer = Producer(librdkafka_settings(kafka) | {"transactional.id": name})
        self._producer.init_transactions(ANSWER_S)

    def write(self, records: list[ProducerRecord]) -> None:
        """Begin a transaction with records that the broker has when this returns; it stays open."""
        self._producer.begin_transaction()
        for record in records:
            partition = -1 if record.partition is None else record.partition
            self._producer.produce(record.topic, record.value, record.key, partition)
        assert self._producer.flush(ANSWER_S) == 0

    def commit(self) -> None:
        self._producer.commit_transaction(ANSWER_S)

    def abort(self) -> None:
        self._producer.abort_transaction(ANSWER_S)


@pytest.fixture
def kafka(own_kafka: Broker) -> Iterator[KafkaConfig]:
    with wiped(KafkaConfig(bootstrap=own_kafka.bootstrap)) as config:
        topics.apply(config, i_lose_order=False)
        yield config


# --- registry: a compacted table ----------------------------------------------------------------------------------


def device_record(number: int) -> ProducerRecord:
    device = pillar(number)
    return ProducerRecord(REGISTRY, device.device_id.encode(), encode(device))


async def known(kafka: KafkaConfig) -> set[str]:
    """The devices that a worker knows that starts now."""

    async def blocking(work: Any, *arguments: Any) -> Any:
        return await asyncio.to_thread(work, *arguments)

    async def deliver(records: Any) -> None:
        assert list(records) == []

    def reject(record: LogRecord, _cause: Cause, _detail: str) -> ProducerRecord:
        pytest.fail(f"{record.offset} is no record of the registry")

    table = CompactedTable(
        REGISTRY,
        RegistryDevice,
        follow=BrokerReader(kafka).follow,
        blocking=blocking,
        reject=reject,
        deliver=deliver,
        monotonic=monotonic,
        poll_interval_s=0.0,
    )
    await table.start()
    return {device.device_id for device in table.values()}


def test_devices_in_and_behind_an_open_transaction_are_known(kafka: KafkaConfig) -> None:
    within, behind = Writer(kafka, "within"), Writer(kafka, "behind")
    within.write([device_record(0)])
    behind.write([device_record(1)])
    behind.commit()
    assert asyncio.run(known(kafka)) == {pillar(0).device_id, pillar(1).device_id}
    within.commit()
    assert asyncio.run(known(kafka)) == {pillar(0).device_id, pillar(1).device_id}


def test_devices_of_an_aborted_transaction_stay_known_until_the_registry_says_otherwise(
    kafka: KafkaConfig,
) -> None:
    """What docs/adr/0021 decides: an abort takes nothing back."""
    writer = Writer(kafka, "writer")
    writer.write([device_record(0)])
    writer.abort()
    assert asyncio.run(known(kafka)) == {pillar(0).device_id}
    writer.write([ProducerRecord(REGISTRY, pillar(0).device_id.encode(), None)])
    writer.commit()
    assert asyncio.run(known(kafka)) == set()


# --- the log: markers ---------------------------------------------------------------------------------------------


def log_record(event_id: str) -> ProducerRecord:
    entry = envelope(fact(event_id=event_id))
    return ProducerRecord(FUSION_INPUT, entry.zone.encode(), encode(entry), PARTITION)


def test_markers_on_the_log_are_no_missing_records_wherever_the_commit_lies(kafka: KafkaConfig) -> None:
    writer = Writer(kafka, "writer")
    for number in range(3):
        writer.write([log_record(f"a-{number}"), log_record(f"b-{number}")])
        writer.abort() if number == 1 else writer.commit()
    _low, high = bounds(kafka, FUSION_INPUT, PARTITION)
    assert high == 9, "each transaction is two records and a marker"
    whole = None
    in_hand = None
    for committed in range(high + 1):
        fresh = restore(BrokerReader(kafka), PARTITION, LOG_PARTITIONS, committed)
        assert (fresh.broken, fresh.state.offset) == (None, committed)
        going_on = restore(BrokerReader(kafka), PARTITION, LOG_PARTITIONS, committed, in_hand)
        assert (going_on.broken, dump(going_on.state)) == (None, dump(fresh.state))
        in_hand, whole = going_on.state, fresh.state
    assert whole is not None
    assert len(whole.incidents) >= 1


def test_two_markers_side_by_side_are_told_though_nothing_is_missing(kafka: KafkaConfig) -> None:
    """The limit of the rule: no client shows what lies at an offset without a record."""
    one, other = Writer(kafka, "one"), Writer(kafka, "other")
    one.write([log_record("a")])
    other.write([log_record("b")])
    one.commit()
    other.commit()
    one.write([log_record("c")])
    one.commit()
    found = restore(BrokerReader(kafka), PARTITION, LOG_PARTITIONS, 5)
    assert found.broken == Broken(Cause.RECORDS_MISSING, 2, 4)


# --- the shipped workers ------------------------------------------------------------------------------------------


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, 10) as running:
        yield running


def press(number: int) -> ProducerRecord:
    at, device = now_ms(), pillar(number).device_id
    event = PillarEvent(
        device_id=device,
        kind=PillarKind.PRESS,
        occurred_at=at,
        received_at=at,
        event_id=f"press-{number}",
    )
    return ProducerRecord(PILLAR_EVENTS, device.encode(), encode(event))


def test_presses_in_and_behind_an_open_transaction_raise_and_no_marker_breaks_the_log(
    running: KillHarness,
) -> None:
    running.start("alarms")
    running.start("fusion")
    feed, log_writer = Writer(running.kafka, "gateway"), Writer(running.kafka, "dispatcher")
    log_writer.write(
        [
            log_record(f"foreign-{partition}")._replace(partition=partition)
            for partition in range(LOG_PARTITIONS)
        ]
    )
    feed.write([press(0), press(1)])
    running.confirmed |= {"press-0", "press-1"}
    assert running.lost() == set()
    log_writer.commit()
    with running.presses(10, 50):
        pass
    assert running.lost() == set()
    feed.abort()
    alerts = [decode(record.value, Alert) for record in read_all(running.kafka, MAINTENANCE)]
    assert [alert for alert in alerts if alert.hazard is Hazard.LOG_BROKEN] == []
