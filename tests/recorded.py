"""A recorded log of one partition with its snapshots, as `streams.reader.read` gives them."""

from collections.abc import Iterator

import zstandard

from processors.entry import LogEntry
from processors.incidents import fold
from processors.state import FORMAT_VERSION, State, dump, new_state
from schemas.catalogue import FUSION_INPUT, FUSION_SNAPSHOT
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.log import FusionSnapshot
from schemas.partitioning import partition_of
from schemas.units import EpochMs
from streams.kafka_config import KafkaConfig
from streams.records import LogRecord
from streams.snapshots import restore
from tests.fakes import KAFKA
from tests.timeline import PARTITIONS, ZONE, Timeline, device

PARTITION = partition_of(ZONE, PARTITIONS)


def played() -> Timeline:
    """A log of some 20 records with incidents, bounces, timers and poison."""
    timeline = Timeline(device("P1"), device("P2", lat=31.0))
    for at_s in range(0, 60, 10):
        timeline.press(at_s, "P1")
        timeline.pillar(PillarKind.HEARTBEAT, at_s + 1, "P2")
        timeline.push_entry(LogEntry(timeline.state.offset, EpochMs(0), b"", b"poison"))
        timeline.tick(at_s + 2)
    return timeline


LOG = played()
END = LOG.state.offset


def folded(committed: int) -> bytes:
    """The state at an offset, by folding everything before it."""
    state = new_state(PARTITION, PARTITIONS)
    for entry in LOG.entries[:committed]:
        state, _ = fold(state, entry)
    return dump(state)


def state_at(offset: int) -> State:
    state = new_state(PARTITION, PARTITIONS)
    for entry in LOG.entries[:offset]:
        state, _ = fold(state, entry)
    return state


def snapshot(offset: int) -> FusionSnapshot:
    state = state_at(offset)
    return FusionSnapshot(
        format_version=FORMAT_VERSION,
        fold_version=1,
        partition=PARTITION,
        next_offset=offset,
        last_hash=state.last_hash,
        state=zstandard.compress(dump(state)),
    )


class Cluster:
    """The log and the snapshot topic, as `streams.reader.read` gives them."""

    def __init__(self) -> None:
        self.log = [
            LogRecord(FUSION_INPUT, PARTITION, entry.offset, entry.append_ms, entry.key, entry.value)
            for entry in LOG.entries
        ]
        self.snapshots: list[LogRecord] = []
        self.asked: list[tuple[str, int, int | None]] = []

    def keep(self, *values: FusionSnapshot | bytes) -> None:
        for value in values:
            encoded = value if isinstance(value, bytes) else encode(value)
            place = len(self.snapshots)
            self.snapshots.append(LogRecord(FUSION_SNAPSHOT, PARTITION, place, EpochMs(0), b"", encoded))

    def read(
        self, _kafka: KafkaConfig, topic: str, partition: int, start: int, stop: int | None = None
    ) -> Iterator[LogRecord]:
        assert partition == PARTITION
        self.asked.append((topic, start, stop))
        records = self.log if topic == FUSION_INPUT else self.snapshots
        high = records[-1].offset + 1 if records else 0
        first = start if start >= 0 else high + start
        for record in records:
            if record.offset >= first and (stop is None or record.offset < stop):
                yield record

    def restored(self, committed: int = END) -> bytes:
        return dump(restore(KAFKA, PARTITION, PARTITIONS, committed))

    @property
    def folded_from(self) -> list[int]:
        """Where reading the log began: one record before the snapshot, which it is held against."""
        return [start for topic, start, _ in self.asked if topic == FUSION_INPUT]
