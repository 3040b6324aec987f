"""Snapshots and restoring: whatever snapshot is there, the state at an offset is the fold of the log up to it."""

import asyncio
import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import structlog
import zstandard
from msgspec.structs import replace

from processors.entry import LogEntry
from processors.incidents import fold
from processors.state import FORMAT_VERSION, State, dump, new_state
from schemas.catalogue import BY_NAME, FUSION_INPUT, FUSION_SNAPSHOT, SNAPSHOT_SLOTS
from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.errors import LogBroken
from schemas.log import FusionSnapshot
from schemas.partitioning import partition_of
from schemas.units import EpochMs
from streams import snapshots
from streams.kafka_config import KafkaConfig
from streams.records import LogRecord
from streams.settings import RuntimeSettings
from streams.snapshots import LAST_RECORDS, Snapshots, restore
from tests.fakes import KAFKA, World, run
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


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(snapshots, "read", made.read)
    return made


# --- restoring ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("committed", [0, 1, 7, END])
def test_without_a_snapshot_the_whole_log_is_folded(cluster: Cluster, committed: int) -> None:
    assert cluster.restored(committed) == folded(committed)


@pytest.mark.parametrize("offset", [0, 1, 5, END - 1, END])
def test_with_a_snapshot_the_state_is_the_same_as_without(cluster: Cluster, offset: int) -> None:
    cluster.keep(snapshot(offset))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [max(offset - 1, 0)]


def test_the_newest_that_is_not_ahead_of_the_commit_is_taken(cluster: Cluster) -> None:
    cluster.keep(snapshot(12), snapshot(4), snapshot(8), snapshot(10))
    assert cluster.restored(9) == folded(9)
    assert cluster.folded_from == [7]


def test_a_snapshot_at_the_committed_offset_fits(cluster: Cluster) -> None:
    cluster.keep(snapshot(9))
    assert cluster.restored(9) == folded(9)


def damaged() -> list[bytes]:
    whole = snapshot(10)
    promising = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 45) + whole.state[6:]
    return [
        b"poison",
        b"",
        encode(whole)[:-10],
        encode(replace(whole, state=b"no frame")),
        encode(replace(whole, state=whole.state[:-5])),
        encode(replace(whole, state=zstandard.compress(b"no state"))),
        encode(replace(whole, state=promising)),  # terabytes
    ]


@pytest.mark.parametrize("value", damaged())
def test_a_damaged_snapshot_is_passed_over(cluster: Cluster, value: bytes) -> None:
    cluster.keep(snapshot(5), value)
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [4]


def test_a_snapshot_of_another_format_is_passed_over(cluster: Cluster) -> None:
    cluster.keep(snapshot(5), replace(snapshot(10), format_version=FORMAT_VERSION + 1))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [4]


def test_a_snapshot_of_another_partition_or_partition_count_is_passed_over(cluster: Cluster) -> None:
    stray = new_state((PARTITION + 1) % PARTITIONS, PARTITIONS)
    recut = new_state(PARTITION, PARTITIONS * 2)
    for state in (stray, recut):
        state.offset = 10
        cluster.keep(replace(snapshot(10), state=zstandard.compress(dump(state))))
    assert cluster.restored() == folded(END)


def test_a_snapshot_of_another_log_is_passed_over(cluster: Cluster) -> None:
    """The log was made anew under the same name: its offsets begin again, and old snapshots would seem to fit."""
    foreign = state_at(10)
    foreign.last_hash = "0" * 32
    cluster.keep(snapshot(5), replace(snapshot(10), state=zstandard.compress(dump(foreign))))
    with structlog.testing.capture_logs() as lines:
        assert cluster.restored() == folded(END)
    assert "snapshot.of_another_log" in [line["event"] for line in lines]


def test_a_snapshot_whose_last_record_retention_has_taken_is_believed(cluster: Cluster) -> None:
    cluster.keep(snapshot(10))
    del cluster.log[:10]
    assert cluster.restored() == folded(END)


def test_a_snapshot_far_from_the_end_of_its_topic_is_found(cluster: Cluster) -> None:
    cluster.keep(snapshot(5), *[snapshot(END)] * (LAST_RECORDS + 3))
    assert cluster.restored(9) == folded(9)
    assert cluster.folded_from == [4]


def test_the_beginning_of_the_topic_is_not_read_when_the_end_has_what_is_needed(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    cluster.restored()
    assert [start for topic, start, _ in cluster.asked if topic == FUSION_SNAPSHOT] == [-LAST_RECORDS]


def test_a_log_that_ends_before_the_commit_is_broken(cluster: Cluster) -> None:
    with pytest.raises(LogBroken, match=f"folded from 0 to {END}, but {END + 5} is committed"):
        cluster.restored(END + 5)


def test_records_that_retention_took_before_they_were_folded_are_told_of(cluster: Cluster) -> None:
    del cluster.log[:7]
    with structlog.testing.capture_logs() as lines:
        cluster.restored()
    (told,) = [line for line in lines if line["event"] == "state.records_missing"]
    assert (told["partition"], told["expected"], told["found"]) == (PARTITION, 0, 7)


# --- saving -------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(snapshots, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def world() -> World:
    return World(runtime=RuntimeSettings(snapshot_interval_s=5))


def sent(world: World) -> list[FusionSnapshot]:
    return world.delivery.decoded(FUSION_SNAPSHOT, FusionSnapshot)


def save(saving: Snapshots, *states: State) -> None:
    async def scene() -> None:
        for state in states:
            await saving.begin(state)

    run(scene())


def test_what_is_saved_can_be_restored(world: World, cluster: Cluster) -> None:
    save(Snapshots(world.context), state_at(10))
    cluster.keep(*sent(world))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [9]


def test_a_snapshot_is_of_the_moment_in_which_it_was_begun(world: World) -> None:
    async def scene() -> None:
        state = state_at(10)
        saved = Snapshots(world.context).begin(state)
        for entry in LOG.entries[10:]:
            fold(state, entry)
        await saved

    run(scene())
    (found,) = sent(world)
    assert found.next_offset == 10
    assert zstandard.decompress(found.state) == folded(10)


def test_a_snapshot_goes_to_its_own_partition_in_rotating_slots(world: World) -> None:
    saving = Snapshots(world.context)
    save(saving, *[state_at(offset) for offset in range(SNAPSHOT_SLOTS + 1)])
    records = world.delivery.to(FUSION_SNAPSHOT)
    assert {record.partition for record in records} == {PARTITION}
    keys = [record.key for record in records]
    assert len(set(keys)) == SNAPSHOT_SLOTS
    assert keys[0] == keys[SNAPSHOT_SLOTS]
    assert all(one != other for one, other in pairwise(keys))


def test_a_snapshot_is_due_after_the_interval(world: World, clock: list[float]) -> None:
    saving = Snapshots(world.context)
    assert not saving.is_due(PARTITION), "a state that was just restored has a snapshot"
    clock[0] += 4.9
    assert not saving.is_due(PARTITION)
    clock[0] += 0.1
    assert saving.is_due(PARTITION)
    save(saving, state_at(1))
    assert not saving.is_due(PARTITION)


def test_no_second_one_is_due_while_one_is_on_its_way(world: World, clock: list[float]) -> None:
    async def scene() -> None:
        saving = Snapshots(world.context)
        on_its_way = saving.begin(state_at(1))
        clock[0] += 60
        assert not saving.is_due(PARTITION)
        await on_its_way
        await asyncio.sleep(0)
        assert saving.is_due(PARTITION)

    run(scene())


def failed(world: World, lines: Sequence[object]) -> None:
    assert world.count("callbox_snapshots_failed_total") == 1
    assert "snapshot.failed" in repr(lines)
    assert world.metrics.registry.get_sample_value("callbox_snapshot_bytes", {"partition": "0"}) is None


def test_a_snapshot_that_is_too_large_is_told_of_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(BY_NAME[FUSION_SNAPSHOT], max_message_bytes=100)
    monkeypatch.setitem(BY_NAME, FUSION_SNAPSHOT, small)
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), state_at(END))
    assert sent(world) == []
    failed(world, lines)


def test_a_snapshot_that_the_broker_refuses_is_told_of_and_stops_nothing(world: World) -> None:
    world.delivery.refused = frozenset({FUSION_SNAPSHOT})
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), state_at(END))
    failed(world, lines)


def age(world: World, partition: int = PARTITION) -> float | None:
    return world.metrics.registry.get_sample_value(
        "callbox_snapshot_age_seconds", {"partition": str(partition)}
    )


def test_the_age_is_that_of_the_last_delivered_snapshot(world: World, clock: list[float]) -> None:
    saving, ours = Snapshots(world.context), frozenset({PARTITION})
    save(saving, state_at(1))
    clock[0] += 7
    world.delivery.refused = frozenset({FUSION_SNAPSHOT})
    save(saving, state_at(2))
    clock[0] += 3
    saving.show_ages(ours)
    assert age(world) == 10


def test_the_age_of_a_partition_that_was_never_saved_counts_from_its_coming(
    world: World, clock: list[float]
) -> None:
    saving, ours = Snapshots(world.context), frozenset({PARTITION})
    saving.show_ages(ours)
    clock[0] += 3
    saving.show_ages(ours)
    assert age(world) == 3


def test_a_lost_partition_is_shown_no_longer(world: World, clock: list[float]) -> None:
    saving = Snapshots(world.context)
    save(saving, state_at(1))
    saving.show_ages(frozenset({PARTITION}))
    saving.show_ages(frozenset())
    assert age(world) is None
    assert decode(world.delivery.to(FUSION_SNAPSHOT)[0].value, FusionSnapshot).partition == PARTITION
    size = world.metrics.registry.get_sample_value("callbox_snapshot_bytes", {"partition": str(PARTITION)})
    assert size is None
