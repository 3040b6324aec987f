"""An agent's surroundings without a broker: records as the consuming thread brings them, deliveries written down."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import DeviceKind, Purpose
from schemas.errors import BrokerUnavailable, Cause, DeliveryFailed
from schemas.hotlist import HotlistEntry
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, HOTLIST, INCIDENTS, REGISTRY, dead_letter_topic
from schemas.units import DAY_MS, EpochMs
from streams.clock import Clock, pause
from streams.kafka.batch import Batch
from streams.kafka.compacted_table import Spawned
from streams.kafka.config import KafkaConfig
from streams.kafka.outbox import PendingDelivery
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.kafka.record import LogRecord
from streams.worker.agent import Agent, HotAgent, hot_hooks_of
from streams.worker.context import Context
from streams.worker.metrics import Metrics
from streams.worker.settings import AckSettings, RuntimeSettings, WorkerSettings
from streams.worker.spec import WORKERS
from streams.worker.work import Work
from tests.support.log_records import device, ms

if TYPE_CHECKING:
    from streams.kafka.reader import BrokerReader

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=msgspec.Struct)

KAFKA = KafkaConfig(bootstrap="127.0.0.1:1")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; one that waits for something that never comes fails."""
    return asyncio.run(asyncio.wait_for(work, 10))


async def processed(agent: Agent, batches: Sequence[Batch]) -> None:
    """Let an agent process batches, and wait until everything that follows is delivered."""
    await (await agent.process(batches))


def decided(world: "World", agent: HotAgent, *batches: Batch) -> Work:
    """Let a hot agent decide about batches, as its loop does; what follows may be on its way still."""
    work, hooks = Work(world.delivery, world.clock.clock), hot_hooks_of(agent)
    for each in batches:
        for _ in range(5_000):
            if hooks.prepare(each, work):
                break
            pause(0.001)
        else:
            raise TimeoutError("the agent is never prepared for a batch")
        agent.process(each, work)
    work.send()
    return work


def settled(work: Work) -> None:
    """Everything that follows is delivered, as far as the loop is told."""
    work.assert_not_failed()
    assert work.is_answered
    work.finish()


def done(world: "World", agent: HotAgent, *batches: Batch) -> None:
    """Let a hot agent decide about batches, and all that follows be delivered."""
    settled(decided(world, agent, *batches))


def hot_second(world: "World", agent: object) -> None:
    """One second of a hot agent in its own thread."""
    work = Work(world.delivery, world.clock.clock)
    hot_hooks_of(agent).punctuate(work)
    work.send()
    settled(work)


def consumed(
    value: bytes | None,
    *,
    topic: str = "topic",
    key: bytes | None = b"",
    partition: int = 0,
    offset: int = 0,
    at: EpochMs | None = None,
) -> LogRecord:
    """A record as the consuming thread hands it over."""
    return LogRecord(topic, partition, offset, ms(0) if at is None else at, key, value)


def batch(*values: bytes | None, topic: str, partition: int = 0, start: int = 0, at_s: float = 0) -> Batch:
    """A batch of records that follow each other, all appended at the same second."""
    return Batch(
        [
            consumed(value, topic=topic, partition=partition, offset=start + index, at=ms(at_s))
            for index, value in enumerate(values)
        ]
    )


class HandClock:
    """A worker's clock, moved by hand: `seconds` after the time line's beginning."""

    def __init__(self, seconds: float = 100.0) -> None:
        self.seconds = seconds
        self.step = 0.0
        """By how much each look at the clock for intervals moves it."""
        self.clock = Clock(lambda: ms(self.seconds), self._look)

    def _look(self) -> float:
        self.seconds += self.step
        return self.seconds


class FakePending(PendingDelivery):
    """Records that were handed over; the broker answers all of them at once."""

    __slots__ = ()

    def __init__(self, at: EpochMs, note_failure: Callable[[DeliveryFailed], None]) -> None:
        super().__init__(1, at, note_failure)

    def answer_all(self, at: EpochMs, failure: DeliveryFailed | None = None) -> None:
        self._left, self.confirmed_at = 0, at
        if failure is not None:
            self._note_failure(failure)


class FakeDelivery:
    """Takes everything that a worker may write, in the lists in which it came; without a list of topics, anything."""

    def __init__(self, may_write: Sequence[str] = tuple(BY_NAME)) -> None:
        self._may_write = frozenset(may_write)
        self.lists: list[list[ProducerRecord]] = []
        self.refused: frozenset[str] = frozenset()
        """Topics that the broker does not take."""
        self.held: frozenset[str] = frozenset()
        """Topics whose records the broker answers only after `confirm`."""
        self.waiting: list[Callable[[], None]] = []
        self._failures: list[DeliveryFailed] = []
        self.now_ms: Callable[[], EpochMs] = lambda: ms(0)
        """Our clock."""
        self.stamp: Callable[[], EpochMs | None] = lambda: None
        """What the broker's clock says, where it stamps what it appends."""

    @property
    def sent(self) -> list[ProducerRecord]:
        return [record for records in self.lists for record in records]

    def to(self, topic: str) -> list[ProducerRecord]:
        return [record for record in self.sent if record.topic == topic]

    def decoded(self, topic: str, kind: type[RecordT]) -> list[RecordT]:
        return [decode(record.value, kind) for record in self.to(topic)]

    def dead_letters(self, topic: str) -> list[DeadLetter]:
        return self.decoded(dead_letter_topic(topic), DeadLetter)

    def is_calm(self, topic: str) -> bool:
        return topic == INCIDENTS

    def serve(self, timeout_s: float = 0.0) -> None:
        pass

    def raise_failure(self) -> None:
        for failure in self._failures:
            raise failure

    def send(self, records: Sequence[ProducerRecord]) -> FakePending:
        """As `begin`, for a hot agent."""
        self._assert_may_write(records)
        pending = FakePending(self.now_ms(), self._failures.append)
        refused = any(record.topic in self.refused for record in records)
        failure = DeliveryFailed(f"{records[0].topic}: refused") if refused else None
        if records and not refused:
            self.lists.append(list(records))

        def answer() -> None:
            pending.answer_all(self.now_ms(), failure)

        if any(record.topic in self.held for record in records):
            self.waiting.append(answer)
        else:
            answer()
        return pending

    def _assert_may_write(self, records: Sequence[ProducerRecord]) -> None:
        for record in records:
            assert record.topic in self._may_write, f"{record.topic}: the worker's spec does not name it"

    async def begin(self, records: Sequence[ProducerRecord]) -> asyncio.Future[list[RecordMetadata]]:
        """The broker has them at once, unless it is `held`; nothing of what it refuses is written down."""
        self._assert_may_write(records)
        future: asyncio.Future[list[RecordMetadata]] = asyncio.get_running_loop().create_future()
        refused = [record.topic for record in records if record.topic in self.refused]
        places = [
            RecordMetadata(record.topic, record.partition or 0, len(self.sent) + index, self.stamp())
            for index, record in enumerate(records)
        ]
        if records and not refused:
            self.lists.append(list(records))

        def answer() -> None:
            if future.cancelled():
                return
            if refused:
                future.set_exception(DeliveryFailed(f"{refused[0]}: refused"))
            else:
                future.set_result(places)

        if any(record.topic in self.held for record in records):
            self.waiting.append(answer)
        else:
            answer()
        return future

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        await asyncio.sleep(0)
        return await (await self.begin(records))

    def confirm(self) -> None:
        """Answer what was held."""
        waiting, self.waiting = self.waiting, []
        for answer in waiting:
            answer()


class FakeReader:
    """What lies on the broker: followers of compacted topics, and records to read."""

    def __init__(self, may_read: Sequence[str]) -> None:
        self._may_read = frozenset(may_read)
        self.followers: dict[str, FakeFollower] = {}
        """Of a topic that is missing here nothing can be read: the broker is away."""
        self.records: dict[str, list[LogRecord]] = {}

    def holds(self, topic: str, records: Sequence[LogRecord]) -> "FakeFollower":
        self.followers[topic] = FakeFollower(list(records))
        return self.followers[topic]

    def follow(self, topic: str) -> "FakeFollower":
        assert topic in self._may_read, f"{topic}: the worker's spec does not name it"
        if topic not in self.followers:
            raise BrokerUnavailable(f"{topic}: nothing was put there")
        return self.followers[topic]

    def read(self, topic: str, partition: int, start: int, stop: int | None = None) -> Iterator[LogRecord]:
        found = (each for each in self.records.get(topic, ()) if each.partition == partition)
        return (each for each in found if start <= each.offset and (stop is None or each.offset < stop))


class World:
    """One agent's context, and what came of it.

    Args:
        worker: Whose: it can write and follow what that worker's spec names, and nothing else.
        holds: What lies in compacted topics at first.
        partitions: Of every topic.
        runtime: The settings of all workers.
        acknowledgements: Who may acknowledge.
    """

    def __init__(
        self,
        worker: str,
        holds: Mapping[str, Sequence[LogRecord]] | None = None,
        *,
        partitions: int = 4,
        runtime: RuntimeSettings | None = None,
        acknowledgements: AckSettings | None = None,
    ) -> None:
        spec = WORKERS[worker].with_organisations(acknowledgements or AckSettings())
        self.clock = HandClock()
        self.delivery, self.reader = FakeDelivery(spec.writes), FakeReader(spec.follows)
        for topic, records in (holds or {}).items():
            self.reader.holds(topic, records)
        self.delivery.now_ms = self.clock.clock.now_ms
        self.metrics = Metrics()
        self.ours = frozenset({0})
        self.caught_up = frozenset[int]()
        self.read_anew: list[tuple[str, Cause]] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        """The worker's event loop, where a test has one beside the thread that decides."""
        self.spawned: list[Future[Any]] = []
        """What was spawned on it."""
        self.context = Context(
            spec=spec,
            settings=WorkerSettings(http_port=0),
            runtime=runtime or RuntimeSettings(),
            delivery=self.delivery,
            reader=cast("BrokerReader", self.reader),
            metrics=self.metrics,
            executor=ThreadPoolExecutor(1),
            assignment=lambda: self.ours,
            caught_up=lambda: self.caught_up,
            partitions=dict.fromkeys(BY_NAME, partitions),
            cache=Path("no-models-here"),
            host="host-1",
            clock=self.clock.clock,
            tell_read_anew=lambda *what: self.read_anew.append(what),
            spawn=self._spawn,
        )

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> Spawned:
        if self.loop is None:
            return asyncio.ensure_future(work)
        self.spawned.append(asyncio.run_coroutine_threadsafe(work, self.loop))
        return self.spawned[-1]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def metrics_text(self) -> str:
        return "\n".join(str(family) for family in self.metrics.registry.collect())


class FakeFollower:
    """A compacted topic: what it holds at first, and what `arrive` adds."""

    def __init__(self, records: list[LogRecord]) -> None:
        self._first, self._waiting = records, list[LogRecord]()
        self.caught_up = True
        self.closed = self.paused = False
        self.failure: Exception | None = None

    def catch_up(self) -> list[LogRecord]:
        return self._first

    def arrive(self, *records: LogRecord) -> None:
        self._waiting += records

    def poll(self) -> list[LogRecord]:
        if self.failure is not None:
            raise self.failure
        assert not self.paused, "nothing comes from a follower that is paused"
        found, self._waiting = self._waiting, []
        return found

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

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
