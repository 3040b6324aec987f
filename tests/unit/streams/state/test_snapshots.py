"""Snapshots: written beside the hot path, of the moment in which they were begun, and never a reason to stop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace as replaced
from itertools import pairwise

import pytest
import structlog
import zstandard
from msgspec.structs import replace

from processors.fold.reducer import fold
from processors.state.partition_state import State
from schemas.codec import decode
from schemas.fusion_log import FusionSnapshot
from schemas.topics import BY_NAME, FUSION_SNAPSHOT, SNAPSHOT_SLOTS
from streams.state import snapshots
from streams.state.snapshots import BREAK_S, Snapshots
from streams.worker.settings import RuntimeSettings
from tests.support.fakes import World, run
from tests.support.recorded_log import END, LOG, PARTITION, Cluster, folded, state_at


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def world() -> World:
    return World("fusion", runtime=RuntimeSettings(snapshot_interval_s=5))


def sent(world: World) -> list[FusionSnapshot]:
    return world.delivery.decoded(FUSION_SNAPSHOT, FusionSnapshot)


def save(saving: Snapshots, *states: State) -> None:
    async def scene() -> None:
        for state in states:
            await saving.begin(state, "first")

    run(scene())


def test_what_is_saved_can_be_restored(world: World, cluster: Cluster) -> None:
    save(Snapshots(world.context), state_at(10))
    cluster.keep(*sent(world))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [10]


def test_it_takes_breaks_while_it_is_written_unless_something_waits_for_it(world: World) -> None:
    breaks: list[float] = []
    saving = Snapshots(world.context, breaks.append)
    save(saving, state_at(10))
    assert set(breaks) == {BREAK_S}
    breaks.clear()
    saving.is_awaited = True
    save(saving, state_at(10))
    assert breaks == []


def test_its_breaks_do_not_count_as_the_time_that_it_took(world: World) -> None:
    def long_break(_seconds: float) -> None:
        world.clock.seconds += 3_600

    saving = Snapshots(world.context, long_break)
    save(saving, state_at(10))
    world.clock.seconds += 6
    assert saving.is_due(state_at(10).partition)


def test_a_snapshot_is_of_the_moment_in_which_it_was_begun(world: World) -> None:
    async def scene() -> None:
        state = state_at(10)
        saved = Snapshots(world.context).begin(state, "first")
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


def test_a_snapshot_is_due_after_the_interval(world: World) -> None:
    saving = Snapshots(world.context)
    assert not saving.is_due(PARTITION), "a state that was just restored has a snapshot"
    world.clock.seconds += 4.9
    assert not saving.is_due(PARTITION)
    world.clock.seconds += 0.1
    assert saving.is_due(PARTITION)
    save(saving, state_at(1))
    assert not saving.is_due(PARTITION)


def test_no_second_one_is_due_while_one_is_on_its_way(world: World) -> None:
    async def scene() -> None:
        saving = Snapshots(world.context)
        on_its_way = saving.begin(state_at(1), "first")
        world.clock.seconds += 60
        assert not saving.is_due(PARTITION)
        await on_its_way
        await asyncio.sleep(0)
        assert saving.is_due(PARTITION)

    run(scene())


def failed(world: World, lines: Sequence[object]) -> None:
    assert world.count("callbox_snapshots_failed_total") == 1
    assert "snapshot.failed" in repr(lines)
    assert world.metrics.registry.get_sample_value("callbox_snapshot_bytes", {"partition": "0"}) is None


def test_a_snapshot_that_is_too_large_is_reported_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(BY_NAME[FUSION_SNAPSHOT], max_message_bytes=100)
    monkeypatch.setitem(BY_NAME, FUSION_SNAPSHOT, small)
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), state_at(END))
    assert sent(world) == []
    failed(world, lines)


def test_a_snapshot_that_the_broker_refuses_is_reported_and_stops_nothing(world: World) -> None:
    world.delivery.refused = frozenset({FUSION_SNAPSHOT})
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), state_at(END))
    failed(world, lines)


def test_a_state_that_cannot_be_written_is_reported_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise OverflowError("Integer value out of range")

    monkeypatch.setattr(snapshots, "pack", broken)
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), state_at(END))
    assert sent(world) == []
    failed(world, lines)
    assert "out of range" in lines[0]["error"]


def test_snapshots_that_fail_again_and_again_are_counted_each_time_and_told_once_a_minute(
    world: World,
) -> None:
    world.delivery.refused = frozenset({FUSION_SNAPSHOT})
    with structlog.testing.capture_logs() as lines:
        save(Snapshots(world.context), *[state_at(1)] * 5)
    assert world.count("callbox_snapshots_failed_total") == 5
    assert [line["event"] for line in lines] == ["snapshot.failed"]


def age(world: World, partition: int = PARTITION) -> float | None:
    return world.metrics.registry.get_sample_value(
        "callbox_snapshot_age_seconds", {"partition": str(partition)}
    )


def test_the_age_is_that_of_the_last_delivered_snapshot(world: World) -> None:
    saving, ours = Snapshots(world.context), frozenset({PARTITION})
    save(saving, state_at(1))
    world.clock.seconds += 7
    world.delivery.refused = frozenset({FUSION_SNAPSHOT})
    save(saving, state_at(2))
    world.clock.seconds += 3
    saving.show_ages(ours)
    assert age(world) == 10


def test_the_age_of_a_partition_that_was_never_saved_counts_from_its_coming(world: World) -> None:
    saving, ours = Snapshots(world.context), frozenset({PARTITION})
    saving.show_ages(ours)
    world.clock.seconds += 3
    saving.show_ages(ours)
    assert age(world) == 3


def test_a_lost_partition_is_shown_no_longer(world: World) -> None:
    saving = Snapshots(world.context)
    save(saving, state_at(1))
    saving.show_ages(frozenset({PARTITION}))
    saving.show_ages(frozenset())
    assert age(world) is None
    assert decode(world.delivery.to(FUSION_SNAPSHOT)[0].value, FusionSnapshot).partition == PARTITION
    size = world.metrics.registry.get_sample_value("callbox_snapshot_bytes", {"partition": str(PARTITION)})
    assert size is None


# --- never ahead of what is committed -----------------------------------------------------------------------------


def committing(world: World, committed: Callable[[int], int | None]) -> Snapshots:
    return Snapshots(
        replaced(world.context, committed=committed, runtime=RuntimeSettings(commit_interval_s=0.05))
    )


def test_a_snapshot_is_delivered_once_its_offset_is_committed_and_is_of_the_moment_it_was_begun(
    world: World,
) -> None:
    committed = [8]

    async def scene() -> None:
        state = state_at(10)
        saved = committing(world, lambda _partition: committed[0]).begin(state, "first")
        await asyncio.sleep(0.01)
        fold(state, LOG.entries[10])
        committed[0] = 9
        await asyncio.sleep(0.01)
        assert sent(world) == []
        committed[0] = 10
        await saved

    run(scene())
    (found,) = sent(world)
    assert zstandard.decompress(found.state) == folded(10)


def test_a_snapshot_is_of_the_partition_whose_commit_it_waits_for(world: World) -> None:
    saving = committing(world, {PARTITION: 10}.get)
    assert run(saving._until_committed(PARTITION, 10))
    assert not run(saving._until_committed(PARTITION, 11))
    assert run(saving._until_committed(PARTITION + 1, 11)), "nothing is known of it"


def test_one_whose_offset_is_not_committed_in_time_is_dropped_and_the_next_one_is_tried(world: World) -> None:
    committed = [0]
    saving = committing(world, lambda _partition: committed[0])
    with structlog.testing.capture_logs() as lines:
        save(saving, state_at(10))
    assert sent(world) == []
    assert [(line["event"], line["log_level"]) for line in lines] == [("snapshot.dropped", "info")]
    assert world.count("callbox_snapshots_failed_total") == 0
    committed[0] = 12
    save(saving, state_at(12))
    assert [found.next_offset for found in sent(world)] == [12]


def test_partitions_that_came_together_are_not_saved_one_right_after_another(world: World) -> None:
    world.ours = frozenset(range(4))
    saving, saved_at = Snapshots(world.context), list[float]()
    began = world.clock.seconds

    async def scene() -> None:
        while len(saved_at) < 8:
            due = [partition for partition in world.ours if saving.is_due(partition)]
            if due:
                state = state_at(10)
                state.partition = due[0]
                saved_at.append(world.clock.seconds - began)
                await saving.begin(state, "first")
            world.clock.seconds += 0.125

    run(scene())
    assert saved_at == [5.0, 5.625, 6.25, 6.875, 10.0, 10.625, 11.25, 11.875]


def test_a_state_that_cannot_be_packed_is_told_and_after_three_times_the_worker_is_not_ready(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving, ours = Snapshots(world.context), frozenset({PARTITION})

    def fails(*_: object) -> bytes:
        raise OverflowError("int too big to convert")

    with monkeypatch.context() as patched, structlog.testing.capture_logs() as lines:
        patched.setattr(snapshots, "pack", fails)
        for _ in range(snapshots.MOST_FAILURES):
            assert saving.are_kept(ours)
            save(saving, state_at(10))
    assert not saving.are_kept(ours)
    assert saving.are_kept(frozenset({PARTITION + 1}))
    assert "int too big to convert" in repr(lines)
    assert world.count("callbox_snapshots_failed_total") == snapshots.MOST_FAILURES
    save(saving, state_at(10))
    assert saving.are_kept(ours)
