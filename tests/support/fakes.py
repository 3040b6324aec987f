"""An agent's surroundings without a broker: records as the fetching thread brings them, deliveries written down."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiokafka.structs import ConsumerRecord

from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import DeviceKind, Purpose
from schemas.errors import DeliveryFailed
from schemas.hotlist import HotlistEntry
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, HOTLIST, REGISTRY, dead_letter_topic
from schemas.units import DAY_MS, EpochMs
from streams.faust.batching import Batch
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import Outgoing, Place
from streams.kafka.record import LogRecord
from streams.worker.context import Context
from streams.worker.metrics import Metrics
from streams.worker.settings import RuntimeSettings, WorkerSettings
from tests.support.timeline import device, ms

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=msgspec.Struct)

KAFKA = KafkaConfig(bootstrap="127.0.0.1:1")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; one that waits for something that never comes fails."""
    return asyncio.run(asyncio.wait_for(work, 10))


def consumed(
    value: bytes | None,
    *,
    topic: str = "topic",
    key: bytes | None = b"",
    partition: int = 0,
    offset: int = 0,
    at: EpochMs | None = None,
) -> Any:
    """A record as aiokafka hands it over."""
    size = -1 if value is None else len(value)
    appended = ms(0) if at is None else at
    return ConsumerRecord(topic, partition, offset, appended, 1, key, value, None, 0, size, ())


def batch(*values: bytes | None, topic: str, partition: int = 0, start: int = 0, at_s: float = 0) -> Batch:
    """A batch of records that follow each other, all appended at the same second."""
    return Batch(
        consumed(value, topic=topic, partition=partition, offset=start + index, at=ms(at_s))
        for index, value in enumerate(values)
    )


class FakeDelivery:
    """Takes everything and writes it down, in the lists in which it came."""

    def __init__(self) -> None:
        self.lists: list[list[Outgoing]] = []
        self.refused: frozenset[str] = frozenset()
        """Topics that the broker does not take."""

    @property
    def sent(self) -> list[Outgoing]:
        return [record for records in self.lists for record in records]

    def to(self, topic: str) -> list[Outgoing]:
        return [record for record in self.sent if record.topic == topic]

    def decoded(self, topic: str, kind: type[RecordT]) -> list[RecordT]:
        return [decode(record.value, kind) for record in self.to(topic)]

    def letters(self, topic: str) -> list[DeadLetter]:
        return self.decoded(dead_letter_topic(topic), DeadLetter)

    async def deliver(self, records: Sequence[Outgoing]) -> list[Place]:
        await asyncio.sleep(0)
        for record in records:
            if record.topic in self.refused:
                raise DeliveryFailed(f"{record.topic}: refused")
        places = [
            Place(record.topic, record.partition or 0, len(self.sent) + index)
            for index, record in enumerate(records)
        ]
        if records:
            self.lists.append(list(records))
        return places


class World:
    """One agent's context, and what came of it."""

    def __init__(self, *, partitions: int = 4, runtime: RuntimeSettings | None = None) -> None:
        self.delivery = FakeDelivery()
        self.metrics = Metrics()
        self.ours = frozenset({0})
        self.caught_up = frozenset[int]()
        self.context = Context(
            name="worker",
            kafka=KAFKA,
            settings=WorkerSettings(http_port=0),
            runtime=runtime or RuntimeSettings(),
            delivery=self.delivery,
            metrics=self.metrics,
            executor=ThreadPoolExecutor(1),
            assignment=lambda: self.ours,
            caught_up=lambda: self.caught_up,
            partitions=dict.fromkeys(BY_NAME, partitions),
            cache=Path("no-models-here"),
        )

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def metrics_text(self) -> str:
        return "\n".join(str(family) for family in self.metrics.registry.collect())


def follower_of(topics: Mapping[str, Sequence[LogRecord]]) -> Callable[[KafkaConfig, str], "FakeFollower"]:
    """What stands in for `streams.kafka.compacted_table.Follower`."""
    return lambda _kafka, topic: FakeFollower(list(topics.get(topic, ())))


class FakeFollower:
    """A compacted topic: what it holds at first, and what `arrive` adds."""

    def __init__(self, records: list[LogRecord]) -> None:
        self._first, self._waiting = records, list[LogRecord]()
        self.caught_up = True
        self.closed = False

    def catch_up(self) -> list[LogRecord]:
        return self._first

    def arrive(self, *records: LogRecord) -> None:
        self._waiting += records

    def poll(self) -> list[LogRecord]:
        found, self._waiting = self._waiting, []
        return found

    def close(self) -> None:
        self.closed = True


def kept(
    topic: str, key: str, record: msgspec.Struct | bytes | None, *, at_s: float = 0, offset: int = 0
) -> LogRecord:
    """A record of a compacted topic; bytes are taken as they are."""
    value = encode(record) if isinstance(record, msgspec.Struct) else record
    return LogRecord(topic, 0, offset, ms(at_s), key.encode(), value)


def registered(*devices: RegistryDevice) -> list[LogRecord]:
    return [kept(REGISTRY, each.device_id, each) for each in devices]


def checkpoint(device_id: str = "K1") -> RegistryDevice:
    return device(device_id, kind=DeviceKind.CHECKPOINT)


def entry_of(
    plate_text: str = "ABC1234",
    *,
    entry_id: str = "entry-1",
    jurisdiction: str = "CN",
    expires_s: float = DAY_MS / 1000,
    purpose: Purpose = Purpose.STOLEN_VEHICLE,
) -> HotlistEntry:
    return HotlistEntry(
        entry_id=entry_id,
        plate_text=plate_text,
        jurisdiction=jurisdiction,
        purpose=purpose,
        authority="county traffic police",
        case_ref="2026-17",
        entered_by="duty desk",
        expires_at=ms(expires_s),
    )


def listed(*entries: HotlistEntry, at_s: float = 0) -> list[LogRecord]:
    return [kept(HOTLIST, each.entry_id, each, at_s=at_s) for each in entries]
