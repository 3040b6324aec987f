"""What an agent is given: its spec, delivery, metrics, clock, and what it reads outside of its consumer group."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from schemas.errors import Cause
from schemas.topics import REGISTRY
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.compacted_table import CompactedTable, Spawned
from streams.kafka.dead_letters import make_dead_letter
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.kafka.reader import BrokerReader
from streams.kafka.record import LogRecord
from streams.worker.commit_limits import CommitLimits
from streams.worker.metrics import Metrics
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WorkerSpec
from streams.worker.unreadable_runs import UnreadableRuns

log = structlog.get_logger(__name__)

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=msgspec.Struct)


def _unknown(_partition: int) -> int | None:
    """Nobody says what is committed."""
    return None


def _nothing_caught_up(_topic: str) -> frozenset[int]:
    """Nobody says how far a topic is."""
    return frozenset()


class Deliverer(Protocol):
    """What an agent asks of `streams.kafka.producer.Delivery`."""

    async def begin(self, records: Sequence[ProducerRecord]) -> "asyncio.Future[list[RecordMetadata]]":
        """Hand records over, in order after those of earlier calls; the future says where each of them lies."""

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Return where each record lies, once the broker has all of them."""


@dataclass(frozen=True, slots=True)
class Context:
    """The collaborators of one worker's agent; each is a value that a test can replace.

    Attributes:
        spec: Which worker.
        settings: Of this worker.
        runtime: Of all workers.
        delivery: Publishes records.
        reader: What is read outside of the consumer group.
        metrics: The counters.
        executor: A bounded pool for what blocks: ONNX, OpenCV, restoring.
        assignment: The partitions of the agent's first topic that are ours now.
        caught_up: Those of them in which no record has waited for longer than a moment.
        partitions: How many partitions each topic has that the agent uses.
        cache: Where the model weights are.
        replica: The replica that the worker belongs to; empty: the first one, which needs no name.
        host: The name of the machine; part of what a worker calls itself where another machine's would say otherwise.
        commit_limits: Records that no commit may pass yet.
        writer_of: Who has written a record of the log; None where nobody looks.
        committed: The offset that is committed of a partition of the agent's first topic; None where that is unknown.
        clock: Wall time and the clock for intervals.
        caught_up_of: As `caught_up`, of any topic that the agent reads.
        tell_read_anew: Told that a topic which is followed had to be read anew, and why.
        tables: The topics that are followed, by name.
        unreadable: Counts records in a row that cannot be read.
        spawn: Runs a coroutine on the worker's event loop, from whichever thread.
    """

    spec: WorkerSpec
    settings: WorkerSettings
    runtime: RuntimeSettings
    delivery: Deliverer
    reader: BrokerReader
    metrics: Metrics
    executor: ThreadPoolExecutor
    assignment: Callable[[], frozenset[int]]
    caught_up: Callable[[], frozenset[int]]
    partitions: Mapping[str, int]
    cache: Path
    replica: str = ""
    host: str = ""
    commit_limits: CommitLimits = field(default_factory=CommitLimits)
    writer_of: Callable[[LogRecord], str] | None = None
    committed: Callable[[int], int | None] = _unknown
    clock: Clock = SYSTEM_CLOCK
    caught_up_of: Callable[[str], frozenset[int]] = _nothing_caught_up
    tell_read_anew: Callable[[str, Cause], None] = lambda _topic, _cause: None
    tables: dict[str, CompactedTable[Any]] = field(default_factory=dict)
    spawn: Callable[[Coroutine[Any, Any, Any]], Spawned] = asyncio.ensure_future
    unreadable: UnreadableRuns = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        runs = UnreadableRuns(
            self.spec.reads,
            self.runtime.dead_letter_limit,
            stops=self.spec.stops_at_wrong_schema,
            monotonic=self.clock.monotonic,
        )
        object.__setattr__(self, "unreadable", runs)

    async def blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run what blocks beside the event loop, so that timers and probes go on."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)

    def table(self, topic: str, record: type[RecordT]) -> CompactedTable[RecordT]:
        """A compacted topic in memory; nothing is read before its `start`."""
        table = CompactedTable(
            topic,
            record,
            follow=self.reader.follow,
            blocking=self.blocking,
            reject=self.reject,
            deliver=self.delivery.deliver,
            monotonic=self.clock.monotonic,
            poll_interval_s=self.runtime.registry_poll_s,
            keeps_known=topic == REGISTRY,
            tell=self.tell_read_anew,
            spawn=self.spawn,
        )
        self.tables[topic] = table
        return table

    def note_made_anew(self, topic: str) -> None:
        """A topic that we follow was deleted and made anew."""
        if (table := self.tables.get(topic)) is not None:
            table.begin_anew(Cause.ANOTHER_LOG)

    def reject(self, record: LogRecord, cause: Cause, detail: str | None = None) -> ProducerRecord:
        """Make the dead letter of a record, count it and log it; the caller delivers it."""
        self.metrics.dead_letters.labels(record.topic, cause).inc()
        self.unreadable.note_rejected(record.topic, cause)
        log.warning(
            "record.dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            cause=cause,
        )
        return make_dead_letter(record, cause, detail, self.spec.name)
