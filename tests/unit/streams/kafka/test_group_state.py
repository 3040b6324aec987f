"""What is known of the partitions that a worker's group has assigned to it."""

import threading

import pytest

from schemas.units import EpochMs
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import CommitLimit, GroupState
from streams.kafka.partition_start import Commit
from streams.kafka.record import LogRecord
from tests.support.fakes import HandClock
from tests.support.log_records import ms

TOPIC, OTHER = "topic", "other"
PLACE, SECOND = PartitionPlace(TOPIC, 0), PartitionPlace(TOPIC, 1)


def records(
    first: int, count: int, *, place: PartitionPlace = PLACE, start: int | None = None, epoch: int = 1
) -> Batch:
    found = [LogRecord(*place, offset, ms(offset), b"", b"") for offset in range(first, first + count)]
    return Batch(found, start, epoch)


def unlimited(_topic: str, _partition: int) -> None:
    return None


def limited_to(offset: int) -> CommitLimit:
    return lambda _topic, _partition: offset


def begun(
    offset: int = 0, committed: int | None = None, *, is_held: bool = False, comes_down: bool = False
) -> GroupState:
    """A state that knows one partition, read from this offset on under epoch 1."""
    state = GroupState([TOPIC, OTHER], HandClock().clock)
    assert state.begin(PLACE, offset, committed, is_held=is_held, comes_down=comes_down) == 1
    return state


def process(state: GroupState, batch: Batch) -> None:
    state.fetched(batch)
    assert state.take(batch)
    assert state.done(batch)


def due(state: GroupState, limit: CommitLimit = unlimited) -> dict[PartitionPlace, int]:
    return {place: offset for place, (offset, _) in state.due([PLACE, SECOND], limit).items()}


# --- what is committed --------------------------------------------------------------------------------------------


def test_what_is_done_is_due_with_the_time_of_its_last_record() -> None:
    state = begun(committed=0)
    process(state, records(0, 5))
    assert state.due([PLACE], unlimited) == {PLACE: (5, ms(4))}


def test_what_is_handed_over_or_begun_is_not_due() -> None:
    state = begun(committed=0)
    batch = records(0, 5)
    state.fetched(batch)
    assert due(state) == {}
    assert state.take(batch)
    assert due(state) == {}


def test_what_the_broker_has_taken_is_due_no_more() -> None:
    state = begun(committed=0)
    process(state, records(0, 5))
    state.committed_now(PLACE, Commit(5))
    assert due(state) == {}
    assert state.committed(PLACE) == 5


def test_a_partition_without_a_commit_commits_where_it_began() -> None:
    assert due(begun(7)) == {PLACE: 7}


def test_a_commit_obeys_its_limit() -> None:
    state = begun(committed=0)
    process(state, records(0, 9))
    assert due(state, limited_to(4)) == {PLACE: 4}
    state.committed_now(PLACE, Commit(4))
    assert due(state, limited_to(4)) == {}
    assert due(state, limited_to(20)) == {PLACE: 9}


def test_a_limit_below_where_reading_began_is_of_an_earlier_assignment_and_takes_nothing_back() -> None:
    state = begun(100, 100)
    assert due(state, limited_to(5)) == {}


def test_nothing_is_due_of_a_partition_that_is_not_ours() -> None:
    state = begun()
    state.end([PLACE])
    assert due(state) == {}


def test_nothing_is_due_before_a_loss_is_told() -> None:
    state = begun(40, 12, is_held=True)
    process(state, records(40, 5))
    assert due(state) == {}
    state.release(PLACE)
    assert due(state) == {PLACE: 45}


def test_a_commit_above_where_reading_began_comes_down() -> None:
    state = begun(0, 100)
    assert due(state) == {PLACE: 0}
    process(state, records(0, 20))
    assert due(state) == {PLACE: 20}
    state.committed_now(PLACE, Commit(20))
    assert due(state) == {}


def test_a_commit_above_where_reading_began_comes_down_to_its_limit_however_far_reading_is() -> None:
    """Else the old commit stays and comes to look right as the partition grows: what is held would be skipped."""
    state = begun(0, 100)
    process(state, records(0, 150))
    assert due(state, limited_to(5)) == {PLACE: 5}


def test_a_commit_beyond_the_end_comes_down_before_the_loss_is_told() -> None:
    state = begun(0, 100, is_held=True, comes_down=True)
    process(state, records(0, 20))
    assert due(state) == {PLACE: 0}  # no further: the loss is not told
    state.committed_now(PLACE, Commit(0))
    assert due(state) == {}
    state.release(PLACE)
    assert due(state) == {PLACE: 20}


def test_a_commit_below_where_reading_began_does_not_come_up_before_the_loss_is_told() -> None:
    assert due(begun(40, 12, is_held=True, comes_down=True)) == {}


def test_a_commit_that_does_not_name_the_topic_comes_down_too() -> None:
    assert due(begun(40, None, is_held=True, comes_down=True)) == {PLACE: 40}
    assert due(begun(40, None, is_held=True)) == {}


def test_the_answer_to_a_commit_of_an_earlier_assignment_is_put_right_by_the_next_commit() -> None:
    state = begun(committed=0)
    process(state, records(0, 100))
    state.begin(PLACE, 20, 20, is_held=False)  # somebody else has committed 20 since
    state.committed_now(PLACE, Commit(100))
    assert due(state) == {PLACE: 20}
    process(state, records(20, 90, epoch=2))
    assert due(state) == {PLACE: 110}
    state.begin(PLACE, 200, 200, is_held=False)
    state.committed_now(PLACE, Commit(110))
    assert due(state) == {PLACE: 200}


def test_the_last_commit_of_a_partition_is_remembered_also_when_it_is_not_ours_any_more() -> None:
    state = begun()
    assert state.remembered(PLACE) is None
    state.end([PLACE])
    state.committed_now(PLACE, Commit(5))
    assert state.remembered(PLACE) == Commit(5)
    assert state.committed(PLACE) is None


# --- epochs -------------------------------------------------------------------------------------------------------


def test_a_batch_of_an_earlier_assignment_is_neither_begun_nor_done() -> None:
    state = begun(committed=0)
    batch = records(0, 5)
    state.fetched(batch)
    assert state.take(batch)
    assert state.begin(PLACE, 0, 0, is_held=False) == 2
    assert not state.take(batch)
    assert not state.done(batch)
    assert due(state) == {}


def test_a_batch_of_a_partition_that_has_gone_is_neither_begun_nor_done() -> None:
    state = begun()
    batch = records(0, 5)
    assert state.take(batch)
    state.end([PLACE, SECOND])
    assert (state.take(batch), state.done(batch)) == (False, False)


def test_a_batch_of_an_earlier_assignment_does_not_move_what_is_fetched() -> None:
    state = begun()
    state.begin(PLACE, 3, None, is_held=False)
    state.fetched(records(0, 9, epoch=1))
    assert state.position(PLACE) == (2, 3)


def test_epochs_of_two_partitions_are_never_the_same() -> None:
    state = begun()
    assert state.begin(SECOND, 0, None, is_held=False) == 2
    assert [state.position(PLACE), state.position(SECOND), state.position(PartitionPlace(OTHER, 0))] == [
        (1, 0),
        (2, 0),
        None,
    ]


# --- what is begun ------------------------------------------------------------------------------------------------


def test_what_is_begun_is_known_until_it_is_done() -> None:
    state = begun()
    batch = records(0, 5)
    state.take(batch)
    assert (state.has_begun([PLACE]), state.has_begun([SECOND]), state.has_begun_any()) == (True, False, True)
    state.done(batch)
    assert (state.has_begun([PLACE]), state.has_begun_any()) == (False, False)


def test_of_a_partition_that_is_leaving_nothing_more_is_begun_and_what_is_begun_is_committed() -> None:
    state = begun(committed=0)
    first, second = records(0, 5), records(5, 5)
    state.take(first)
    state.leave([PLACE, SECOND])
    assert not state.take(second)
    assert state.done(first)
    assert due(state) == {PLACE: 5}


def test_a_partition_that_comes_back_is_leaving_no_more() -> None:
    state = begun()
    state.leave([PLACE])
    state.begin(PLACE, 0, None, is_held=False)
    assert state.take(records(0, 1, epoch=2))


# --- what waits ---------------------------------------------------------------------------------------------------


def test_what_is_handed_over_and_not_done_is_in_hand() -> None:
    state = begun(10)
    state.begin(PartitionPlace(OTHER, 0), 0, None, is_held=False)
    state.fetched(records(10, 5))
    state.fetched(records(15, 5))
    assert state.in_hand([TOPIC, OTHER]) == {TOPIC: 10, OTHER: 0}
    process(state, records(10, 5))
    state.fetched(records(15, 5))
    assert state.in_hand([TOPIC]) == {TOPIC: 5}


def test_a_partition_waits_until_it_is_read_to_its_end_done_and_committed() -> None:
    state = begun(committed=0)
    assert (state.has_unprocessed(PLACE), state.has_waiting(PLACE)) == (
        True,
        True,
    )  # nothing is known of its end
    state.answered(PLACE, ms(0), at_end=True, has_leader=True)
    assert (state.has_unprocessed(PLACE), state.has_waiting(PLACE)) == (False, False)
    batch = records(0, 5)
    state.fetched(batch)
    state.answered(PLACE, ms(0), at_end=True, has_leader=True)
    assert state.has_unprocessed(PLACE)
    state.take(batch)
    state.done(batch)
    assert (state.has_unprocessed(PLACE), state.has_waiting(PLACE)) == (False, True)
    state.committed_now(PLACE, Commit(5))
    assert state.has_waiting(PLACE) is False


def test_after_a_batch_nothing_is_known_of_the_end() -> None:
    state = begun()
    state.answered(PLACE, ms(0), at_end=True, has_leader=True)
    process(state, records(0, 5))
    assert state.has_unprocessed(PLACE)
    state.answered(PLACE, ms(1), at_end=None, has_leader=True)
    assert state.has_unprocessed(PLACE)


def test_of_a_partition_that_is_not_ours_nothing_is_said() -> None:
    state = GroupState([TOPIC])
    state.answered(PLACE, ms(0), at_end=True, has_leader=True)
    state.fetched(records(0, 1))
    state.release(PLACE)
    state.leave([PLACE])
    assert (state.has_waiting(PLACE), state.has_unprocessed(PLACE), state.committed(PLACE)) == (
        None,
        None,
        None,
    )
    assert (state.fetched_until(PLACE), state.answered_at(PLACE), state.has_leader(PLACE)) == (
        None,
        None,
        None,
    )
    assert not state.has_begun([PLACE])


def test_our_partitions_are_listed_by_topic_and_in_order() -> None:
    state = begun()
    for place in (PartitionPlace(OTHER, 2), SECOND):
        state.begin(place, 4, None, is_held=False)
    assert state.of([TOPIC]) == [PLACE, SECOND]
    assert state.of([OTHER, TOPIC]) == [PartitionPlace(OTHER, 2), PLACE, SECOND]
    assert state.fetched_until(PartitionPlace(OTHER, 2)) == 4


# --- whether the broker answers -----------------------------------------------------------------------------------


def test_the_partition_or_member_that_has_waited_longest_counts() -> None:
    clock = HandClock()
    state = GroupState([TOPIC, OTHER], clock.clock)
    state.begin(PLACE, 0, None, is_held=False)
    clock.seconds += 5
    assert state.unanswered_for_ms() == 5_000
    state.heard([TOPIC, OTHER], clock.clock.now_ms())
    assert state.unanswered_for_ms() == 5_000  # the partition's leader has not answered
    state.answered(PLACE, EpochMs(clock.clock.now_ms() - 700), at_end=None, has_leader=True)
    assert state.unanswered_for_ms() == 700
    clock.seconds += 2
    state.heard([TOPIC], clock.clock.now_ms())
    assert state.unanswered_for_ms() == 2_700


def test_no_connection_is_no_answer() -> None:
    clock = HandClock()
    state = GroupState([TOPIC], clock.clock)
    state.begin(PLACE, 0, None, is_held=False)
    clock.seconds += 4
    state.heard([TOPIC], EpochMs(0))
    state.answered(PLACE, EpochMs(0), at_end=None, has_leader=False)
    assert state.unanswered_for_ms() == 4_000
    assert state.leaderless() == [PLACE]
    assert state.has_leader(PLACE) is False
    assert state.answered_at(PLACE) == ms(100)


def test_a_worker_without_a_topic_waits_for_nothing() -> None:
    assert GroupState([]).unanswered_for_ms() == 0


@pytest.mark.parametrize("step_s", [3_600, -3_600])
def test_a_wall_clock_that_is_set_makes_no_silence_and_hides_none(step_s: float) -> None:
    wall, interval = HandClock(), HandClock()
    state = GroupState([TOPIC], wall.clock._replace(monotonic=interval.clock.monotonic))
    state.begin(PLACE, 0, None, is_held=False)
    state.answered(PLACE, wall.clock.now_ms(), at_end=None, has_leader=True)
    wall.seconds += step_s
    assert state.unanswered_for_ms() == 0
    wall.seconds += 9
    interval.seconds += 9
    assert state.unanswered_for_ms() == 9_000
    state.heard([TOPIC], wall.clock.now_ms())
    state.answered(PLACE, wall.clock.now_ms(), at_end=None, has_leader=True)
    assert state.unanswered_for_ms() == 0
    assert state.answered_at(PLACE) == wall.clock.now_ms()


# --- the group ----------------------------------------------------------------------------------------------------


def test_a_worker_is_joined_and_settled_when_all_of_its_members_are() -> None:
    state = GroupState([TOPIC, OTHER])
    assert (state.is_joined, state.is_settled) == (False, False)
    state.set_joined([TOPIC], joined=True, complete=True)
    assert (state.is_joined, state.is_settled) == (False, False)
    state.set_joined([OTHER], joined=True, complete=False)
    assert (state.is_joined, state.is_settled) == (True, False)
    state.set_joined([OTHER], joined=True, complete=True)
    assert state.is_settled
    state.set_joined([TOPIC], joined=False, complete=True)
    assert (state.is_joined, state.is_settled) == (False, False)


# --- two threads --------------------------------------------------------------------------------------------------


def test_nothing_of_an_earlier_epoch_is_due_while_partitions_come_and_go_in_another_thread() -> None:
    state = GroupState([TOPIC])
    stop = threading.Event()
    wrong: list[str] = []

    def reassign() -> None:
        for _ in range(2_000):
            state.begin(PLACE, 0, 0, is_held=False)
            for place, (offset, _time) in state.due([PLACE], unlimited).items():
                if offset not in {0, 5}:
                    wrong.append(f"{place} {offset}")
            state.leave([PLACE])
            state.end([PLACE])
        stop.set()

    thread = threading.Thread(target=reassign)
    thread.start()
    while not stop.is_set():
        if (at := state.position(PLACE)) is None:
            continue
        batch = records(0, 5, epoch=at[0])
        state.fetched(batch)
        if state.take(batch):
            state.done(batch)
        state.in_hand([TOPIC])
        state.has_waiting(PLACE)
        state.unanswered_for_ms()
    thread.join()
    assert wrong == []
    assert not state.has_begun_any()
