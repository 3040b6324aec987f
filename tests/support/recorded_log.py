"""A recorded log of one partition with its snapshots, as a worker's reader gives them."""

from collections.abc import Iterator

import zstandard

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.fold.snapshot_codec import dump
from processors.state.partition_state import FORMAT_VERSION, State, new_state
from schemas.codec import encode
from schemas.enums import PillarKind
from schemas.fusion_log import FusionSnapshot
from schemas.partitioning import partition_of
from schemas.topics import FUSION_INPUT, FUSION_SNAPSHOT
from schemas.units import EpochMs
from streams.kafka.record import LogRecord
from streams.state.restore import Restored, restore
from tests.support.log_records import PARTITIONS, ZONE, device, ms
from tests.support.timeline import Timeline

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
        topic_id="first",
    )


class Cluster:
    """The log and the snapshot topic, as a worker's reader gives them."""

    def __init__(self) -> None:
        self.log = [
            LogRecord(FUSION_INPUT, PARTITION, entry.offset, entry.append_ms, entry.key, entry.value)
            for entry in LOG.entries
        ]
        self.id = "first"
        self.high: int | None = None
        """The end of the log where it is not behind the last record, because a marker is."""
        self.now = ms(3_600)
        """Of the clock of whoever restores."""
        self.snapshots: list[LogRecord] = []
        self.asked: list[tuple[str, int, int | None]] = []

    def keep(self, *values: FusionSnapshot | bytes) -> None:
        for value in values:
            encoded = value if isinstance(value, bytes) else encode(value)
            place = len(self.snapshots)
            self.snapshots.append(LogRecord(FUSION_SNAPSHOT, PARTITION, place, EpochMs(0), b"", encoded))

    def read(self, topic: str, partition: int, start: int, stop: int | None = None) -> Iterator[LogRecord]:
        assert partition == PARTITION
        self.asked.append((topic, start, stop))
        records = self.log if topic == FUSION_INPUT else self.snapshots
        high = records[-1].offset + 1 if records else 0
        first = start if start >= 0 else high + start
        for record in records:
            if record.offset >= first and (stop is None or record.offset < stop):
                yield record

    def bounds(self, topic: str, partition: int) -> tuple[int, int | None]:
        assert (topic, partition) == (FUSION_INPUT, PARTITION)
        if not self.log:
            return 0, 0
        low = self.log[0].offset
        # What retention took is gone; a hole of one at the very beginning is a marker, as everywhere.
        return (0 if low == 1 else low), self.high or self.log[-1].offset + 1

    def topic_id(self, _topic: str) -> str:
        return self.id

    def restore(self, committed: int = END, in_hand: State | None = None) -> Restored:
        return restore(self, PARTITION, PARTITIONS, committed, in_hand, now=lambda: self.now)

    def restored(self, committed: int = END) -> bytes:
        """The state where nothing is wrong."""
        found = self.restore(committed)
        assert found.broken is None
        return dump(found.state)

    @property
    def folded_from(self) -> list[int]:
        """Where folding began: the last reading of the log. Snapshots were held against it before."""
        return [start for topic, start, _ in self.asked if topic == FUSION_INPUT][-1:]
