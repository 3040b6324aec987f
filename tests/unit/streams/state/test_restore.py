"""Restoring: whatever snapshot is there, the state at an offset is the fold of the log up to it."""

import struct

import msgspec
import pytest
import structlog
import zstandard
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry, record_hash
from processors.fold.reducer import fold
from processors.fold.skipping import fold_or_skip
from processors.fold.snapshot_codec import dump, load
from processors.state.partition_state import FORMAT_VERSION, State, new_state
from schemas.codec import encode
from schemas.enums import Grade, Hazard, Reason, SkipStep
from schemas.errors import Cause
from schemas.fusion_log import FusionSnapshot
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, FUSION_SNAPSHOT
from schemas.units import EpochMs
from streams.kafka.record import LogRecord
from streams.state.restore import LAST_RECORDS, Broken
from streams.worker.broken_feed import broken_log
from tests.support.log_records import PARTITIONS
from tests.support.paths import TESTS
from tests.support.recorded_log import END, LOG, PARTITION, Cluster, folded, snapshot, state_at
from tests.support.skips import skip, skip_entry
from tests.support.timeline import Timeline

SAMPLES = TESTS / "samples"

_LAST_HASH = 6
"""Where a state of format 1 has the hash of its last record."""


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.mark.parametrize("committed", [0, 1, 7, END])
def test_without_a_snapshot_the_whole_log_is_folded(cluster: Cluster, committed: int) -> None:
    assert cluster.restored(committed) == folded(committed)


@pytest.mark.parametrize("offset", [0, 1, 5, END - 1, END])
def test_with_a_snapshot_the_state_is_the_same_as_without(cluster: Cluster, offset: int) -> None:
    cluster.keep(snapshot(offset))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [offset]


def test_the_newest_that_is_not_ahead_of_the_commit_is_taken(cluster: Cluster) -> None:
    cluster.keep(snapshot(12), snapshot(4), snapshot(8), snapshot(10))
    assert cluster.restored(9) == folded(9)
    assert cluster.folded_from == [8]


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
    assert cluster.folded_from == [5]


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1])
def test_a_snapshot_of_a_later_format_or_of_none_is_passed_over(cluster: Cluster, version: int) -> None:
    cluster.keep(snapshot(5), replace(snapshot(10), format_version=version))
    assert cluster.restored() == folded(END)
    assert cluster.folded_from == [5]


def test_a_snapshot_of_an_earlier_format_is_read_and_the_log_goes_on_from_it(cluster: Cluster) -> None:
    earlier = (SAMPLES / "state-format-1.msgpack").read_bytes()
    state = load(earlier)
    # What the former release wrote is of another log than the one here: its next records are made to fit.
    head = LogRecord(FUSION_INPUT, PARTITION, state.offset - 1, EpochMs(0), b"", b"poison")
    state.last_hash = record_hash(LogEntry(head.offset, EpochMs(0), head.key, head.value))
    raw = msgspec.msgpack.decode(earlier)
    raw[_LAST_HASH] = state.last_hash
    cluster.log[:] = [head]
    cluster.keep(
        replace(
            snapshot(0),
            format_version=1,
            next_offset=state.offset,
            last_hash=state.last_hash,
            state=zstandard.compress(msgspec.msgpack.encode(raw)),
        )
    )
    assert cluster.restored(state.offset) == dump(state)
    assert cluster.folded_from == [state.offset]


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
    packed = zstandard.compress(dump(foreign))
    cluster.keep(snapshot(5), replace(snapshot(10), last_hash=foreign.last_hash, state=packed))
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
    assert cluster.folded_from == [5]


def test_the_beginning_of_the_topic_is_not_read_when_the_end_has_what_is_needed(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    cluster.restored()
    assert [start for topic, start, _ in cluster.asked if topic == FUSION_SNAPSHOT] == [-LAST_RECORDS]


def open_incidents(state: State) -> set[str]:
    return set(state.incidents)


def test_a_log_that_ends_before_the_commit_is_reported_and_folded_on_from_there(cluster: Cluster) -> None:
    found = cluster.restore(END + 5)
    assert found.broken == Broken(Cause.RECORDS_MISSING, END, END + 5)
    assert found.state.offset == END + 5
    assert open_incidents(found.state) == open_incidents(state_at(END))


def test_retention_that_overtook_a_stopped_group_is_reported_and_the_incidents_are_kept(
    cluster: Cluster,
) -> None:
    cluster.keep(snapshot(5))
    del cluster.log[:9]
    found = cluster.restore(9)
    assert found.broken == Broken(Cause.RECORDS_MISSING, 5, 9)
    assert found.state.offset == 9
    assert open_incidents(found.state) == open_incidents(state_at(5))


def test_a_log_without_its_beginning_and_without_a_snapshot_is_reported(cluster: Cluster) -> None:
    del cluster.log[:7]
    found = cluster.restore()
    assert found.broken == Broken(Cause.RECORDS_MISSING, 0, 7)
    assert found.state.offset == END


def test_a_jump_inside_the_log_is_reported(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    del cluster.log[10:12]
    assert cluster.restore().broken == Broken(Cause.RECORDS_MISSING, 10, 12)


def test_a_truncated_log_gives_the_newest_snapshot_that_fits_and_is_reported(cluster: Cluster) -> None:
    cluster.keep(snapshot(5), snapshot(END))
    del cluster.log[12:]
    found = cluster.restore(12)
    assert found.broken == Broken(Cause.RECORDS_MISSING, END, 12)
    assert dump(found.state) == folded(12)


def test_a_topic_that_was_made_anew_keeps_the_incidents_and_is_reported(cluster: Cluster) -> None:
    cluster.keep(snapshot(5), snapshot(END))
    cluster.id = "second"
    cluster.log.clear()
    found = cluster.restore(0)
    assert found.broken == Broken(Cause.ANOTHER_LOG, END, 0)
    assert found.topic_id == "second"
    assert found.state.offset == 0
    assert open_incidents(found.state) == open_incidents(state_at(END))


def test_a_fact_that_is_resent_to_a_log_that_was_made_anew_is_known_by_its_id(cluster: Cluster) -> None:
    cluster.keep(snapshot(END))
    cluster.id = "second"
    pressed = next(entry for entry in LOG.entries if b"press" in (entry.value or b""))
    cluster.log[:] = [LogRecord(FUSION_INPUT, PARTITION, 0, pressed.append_ms, pressed.key, pressed.value)]
    kept = cluster.restore(0).state
    _, (decision,) = fold(kept, pressed._replace(offset=0))
    assert (decision.reason, decision.alerts) == (Reason.DUPLICATE, ())


def test_another_record_under_the_same_topic_id_keeps_the_incidents_and_is_reported(cluster: Cluster) -> None:
    cluster.keep(snapshot(END))
    cluster.log[-1] = cluster.log[-1]._replace(value=b"another")
    found = cluster.restore(END)
    assert found.broken == Broken(Cause.RECORDS_MISSING, END, END)
    assert open_incidents(found.state) == open_incidents(state_at(END))


def test_what_the_worker_had_in_hand_is_kept_where_it_knows_more(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    cluster.id = "second"
    cluster.log.clear()
    in_hand = state_at(END)
    assert open_incidents(cluster.restore(0, in_hand).state) == open_incidents(state_at(END))


def test_a_log_that_is_made_anew_before_the_first_snapshot_keeps_what_the_worker_had_in_hand(
    cluster: Cluster,
) -> None:
    cluster.id = "second"
    cluster.log.clear()
    found = cluster.restore(0, state_at(END))
    assert found.broken == Broken(Cause.ANOTHER_LOG, END, 0)
    assert open_incidents(found.state) == open_incidents(state_at(END)) != set()
    assert (found.state.offset, found.topic_id) == (0, "second")


def test_a_longer_log_under_the_same_name_is_known_as_another_by_its_records(cluster: Cluster) -> None:
    cluster.log[:] = [record._replace(value=b"another") for record in cluster.log]
    found = cluster.restore(END, state_at(END - 3))
    assert found.broken == Broken(Cause.ANOTHER_LOG, END - 3, END)
    assert open_incidents(found.state) >= open_incidents(state_at(END - 3)) != set()


def test_what_the_worker_has_in_hand_goes_on_where_it_is_of_this_log(cluster: Cluster) -> None:
    cluster.keep(snapshot(2))
    found = cluster.restore(END, state_at(END - 3))
    assert (dump(found.state), found.broken) == (folded(END), None)
    assert cluster.folded_from == [END - 3]


def test_a_group_that_is_set_back_before_the_first_snapshot_folds_the_whole_log_again(
    cluster: Cluster,
) -> None:
    found = cluster.restore(5, state_at(END))
    assert (dump(found.state), found.broken) == (folded(5), None)


# --- markers: what the end of somebody's transaction takes of the log's offsets -----------------------------------


def with_markers(cluster: Cluster, *places: int, width: int = 1) -> dict[int, int]:
    """Move the records so that each of these offsets of the old log has a hole before it; old offset -> new."""
    moved = {old: old + width * sum(place <= old for place in places) for old in range(END + 1)}
    cluster.log[:] = [record._replace(offset=moved[record.offset]) for record in cluster.log]
    return moved


def moved_state(cluster: Cluster, committed: int) -> State:
    state = new_state(PARTITION, PARTITIONS)
    for record in cluster.log:
        if record.offset < committed:
            entry = LogEntry(record.offset, EpochMs(record.timestamp_ms), record.key, record.value)
            state, _ = fold(state, entry)
    state.offset = committed
    return state


def moved_snapshot(cluster: Cluster, offset: int) -> FusionSnapshot:
    state = moved_state(cluster, offset)
    packed = zstandard.compress(dump(state))
    return replace(snapshot(0), next_offset=offset, last_hash=state.last_hash, state=packed)


@pytest.mark.parametrize("places", [(0,), (7,), (3, 9, 12), (END,)])
def test_a_marker_is_no_missing_record_wherever_it_lies(cluster: Cluster, places: tuple[int, ...]) -> None:
    with_markers(cluster, *places)
    end = END + len(places)
    cluster.high = end
    found = cluster.restore(end)
    assert found.broken is None
    assert dump(found.state) == dump(moved_state(cluster, end))


@pytest.mark.parametrize("offset", [7, 8, 9])
@pytest.mark.parametrize("committed", [9, 10, END + 1])
def test_a_snapshot_beside_a_marker_fits(cluster: Cluster, offset: int, committed: int) -> None:
    """The marker lies at 8: the snapshot's offset may be before it, on it, or after it."""
    with_markers(cluster, 8)
    cluster.keep(moved_snapshot(cluster, offset))
    found = cluster.restore(committed)
    assert (dump(found.state), found.broken) == (dump(moved_state(cluster, committed)), None)
    assert cluster.folded_from == [offset]


@pytest.mark.parametrize("committed", [8, 9])
def test_a_commit_may_lie_on_a_marker_or_behind_it(cluster: Cluster, committed: int) -> None:
    with_markers(cluster, 8)
    found = cluster.restore(committed)
    assert (found.state.offset, found.broken) == (committed, None)


def test_the_state_in_hand_goes_over_a_marker_without_a_snapshot(cluster: Cluster) -> None:
    with_markers(cluster, 8)
    in_hand = moved_state(cluster, 8)
    found = cluster.restore(9, in_hand)
    assert (found.state.offset, found.broken) == (9, None)
    assert FUSION_SNAPSHOT not in [topic for topic, _, _ in cluster.asked]


def test_a_snapshot_behind_a_marker_after_which_another_log_begins_does_not_fit(cluster: Cluster) -> None:
    with_markers(cluster, 8)
    cluster.keep(moved_snapshot(cluster, 9))
    cluster.log[7] = cluster.log[7]._replace(value=b"another")
    with structlog.testing.capture_logs() as lines:
        cluster.restore(END)
    assert "snapshot.of_another_log" in [line["event"] for line in lines]


@pytest.mark.parametrize("width", [2, 5])
def test_a_longer_hole_is_told(cluster: Cluster, width: int) -> None:
    with_markers(cluster, 8, width=width)
    assert cluster.restore(END + width).broken == Broken(Cause.RECORDS_MISSING, 8, 8 + width)


def test_one_record_that_retention_took_is_told(cluster: Cluster) -> None:
    cluster.keep(snapshot(5))
    del cluster.log[:6]
    assert cluster.restore().broken == Broken(Cause.RECORDS_MISSING, 5, 6)


def test_one_record_that_is_cut_off_at_the_end_is_told(cluster: Cluster) -> None:
    assert cluster.restore(END + 1).broken == Broken(Cause.RECORDS_MISSING, END, END + 1)


def test_a_group_that_was_set_back_folds_the_whole_log_again(cluster: Cluster) -> None:
    cluster.keep(snapshot(END))
    assert cluster.restored(0) == folded(0)


def test_a_broken_log_is_reported_in_the_log_itself_once(cluster: Cluster) -> None:
    cluster.keep(snapshot(END))
    del cluster.log[12:]
    broken = cluster.restore(12).broken
    assert broken is not None
    told = [broken_log(PARTITION, "first", *broken, EpochMs(at)) for at in (1, 2)]
    line = Timeline(zone=UNASSIGNED_ZONE)
    for outgoing in told:
        line.push_entry(LogEntry(line.state.offset, EpochMs(5), outgoing.key, outgoing.value))
    (alert,) = line.alerts
    assert (alert.hazard, alert.grade, alert.reason) == (Hazard.LOG_BROKEN, Grade.BLUE, Reason.LOG_BROKEN)
    assert alert.zone == UNASSIGNED_ZONE


# --- records that are skipped -------------------------------------------------------------------------------------


def folded_without(offset: int, committed: int) -> bytes:
    """The state at an offset where one record was skipped."""
    state = new_state(PARTITION, PARTITIONS)
    for entry in LOG.entries[:committed]:
        for _ in fold_or_skip(state, entry, {offset: skip(offset, partition=PARTITION)}):
            pass
    return dump(state)


@pytest.mark.parametrize("from_snapshot", [0, 3])
def test_a_restore_skips_what_the_log_says_further_on(cluster: Cluster, from_snapshot: int) -> None:
    cluster.keep(snapshot(from_snapshot))
    said = skip_entry(skip(4, partition=PARTITION), at=END)
    cluster.log.append(LogRecord(FUSION_INPUT, PARTITION, END, EpochMs(0), said.key, said.value))
    assert cluster.restored(END) == folded_without(4, END)
    assert cluster.restore(4).skips.applied.keys() == {4}


def test_what_is_only_asked_for_is_not_skipped_in_what_was_folded_before(cluster: Cluster) -> None:
    said = skip_entry(skip(4, partition=PARTITION, step=SkipStep.REQUESTED), at=END)
    cluster.log.append(LogRecord(FUSION_INPUT, PARTITION, END, EpochMs(0), said.key, said.value))
    assert cluster.restored(END) == folded(END)
    assert cluster.restore(4).skips.requested.keys() == {4}
