"""The loop of a consuming thread: decided in order, delivered in order, done in order, and nothing after a failure."""

from concurrent.futures import Future

import pytest

from schemas.errors import DeliveryFailed
from streams.kafka.batch import Batch
from streams.worker.hot_loop import (
    ANSWER_S,
    CALM,
    SECOND_S,
    SERVE_S,
    UNDER_WAY,
)
from streams.worker.work import Work
from tests.support.hot_loop_rig import CALM_TOPIC, OTHER, PLACE, WAIT_S, Running

# --- order --------------------------------------------------------------------------------------------------------


def test_what_waits_is_decided_about_in_the_next_round() -> None:
    running = Running()
    assert running.steps() == WAIT_S
    running.arrives()
    running.steps()
    assert running.agent.seen == ["decides 0"]


def test_the_next_list_is_decided_about_while_the_last_is_delivered_and_the_one_after_it_is_not() -> None:
    running = Running()
    running.arrives(UNDER_WAY + 1)
    running.steps(UNDER_WAY + 3)
    assert running.agent.seen == [f"decides {each}" for each in range(UNDER_WAY)]
    running.outbox.answer(0)
    running.steps()
    assert running.agent.seen[UNDER_WAY:] == ["delivered 0", "after_batch", f"decides {UNDER_WAY}"]


def test_a_list_that_is_answered_after_others_takes_one_place_and_no_more() -> None:
    """The leader of its partition is slow, or has gone."""
    running = Running()
    running.arrives(UNDER_WAY)
    running.steps(UNDER_WAY)
    for number in range(1, 5):
        running.outbox.answer(number)
        running.arrives()
        running.steps(2)
    assert running.decided == UNDER_WAY + 4
    assert running.committable == 0


def test_what_comes_while_the_places_are_taken_is_merged_up_to_a_limit() -> None:
    running = Running(merge_records=4)
    for _ in range(UNDER_WAY):
        running.arrives()
        running.steps()
    running.arrives(6)
    running.outbox.answer(0)
    running.steps()
    assert running.decided == UNDER_WAY + 4
    running.outbox.answer(1)
    running.steps()
    assert running.decided == UNDER_WAY + 6


def test_nothing_is_done_before_what_is_before_it_although_it_is_delivered_earlier() -> None:
    running = Running()
    running.arrives(2)
    running.steps(2)
    running.outbox.answer(1)
    running.steps()
    assert (running.committable, running.lag.noted) == (0, [])
    running.outbox.answer(0)
    running.steps()
    assert (running.committable, running.lag.noted) == (2, [1, 2])
    assert [each for each in running.agent.seen if "delivered" in each] == ["delivered 0", "delivered 1"]


def test_a_list_is_done_when_all_of_it_is_delivered_and_then_counted() -> None:
    running = Running(merge_records=100)
    running.agent.writes = ("alerts", CALM_TOPIC)
    running.arrives(size=3)
    running.steps()
    running.outbox.answer(0)
    running.steps()
    assert running.committable == 0
    running.outbox.answer(1)
    running.steps()
    assert running.committable == 3
    running.clock.seconds += SECOND_S
    running.steps()
    counted = running.metrics.registry.get_sample_value("callbox_records_total", {"topic": "topic"})
    assert counted == 3


def test_what_is_calm_takes_no_place_but_is_bounded() -> None:
    running = Running()
    running.agent.writes = (CALM_TOPIC,)
    running.arrives(CALM + 1)
    running.steps(2 * CALM)
    assert running.decided == CALM
    running.outbox.answer(0)
    running.steps()
    assert running.decided == CALM + 1


def test_a_list_from_which_nothing_follows_is_done_in_the_next_round() -> None:
    running = Running()
    running.agent.writes = ()
    running.arrives()
    running.steps()
    assert running.committable == 0
    running.steps()
    assert running.committable == 1


def test_a_batch_is_done_when_what_is_decided_elsewhere_is_and_others_are_decided_about_meanwhile() -> None:
    running, picture = Running(), Future[None]()
    running.agent.elsewhere = [picture]
    running.outbox.is_prompt = True
    running.arrives(3)
    running.steps(5)
    assert (running.decided, running.committable) == (3, 0)
    picture.set_result(None)
    running.steps()
    assert running.committable == 3


# --- how long the next poll may wait ------------------------------------------------------------------------------


def test_with_nothing_under_way_a_poll_waits_as_long_as_it_would_and_no_answer_is_asked_for() -> None:
    running = Running()
    assert running.steps(3) == WAIT_S
    assert len(running.outbox.waits) <= 1


@pytest.mark.parametrize(("topic", "wait_s"), [("alerts", ANSWER_S), (CALM_TOPIC, SERVE_S)])
def test_with_something_under_way_answers_are_looked_for_soon_and_sooner_where_they_are_urgent(
    topic: str, wait_s: float
) -> None:
    running = Running()
    running.agent.writes = (topic,)
    running.arrives()
    assert running.steps(2) == wait_s


def test_with_nothing_under_way_the_outbox_is_served_once_a_second_all_the_same() -> None:
    """The client's own events, such as that a broker is away, lie in the queue of the answers."""
    running = Running()
    running.steps(3)
    before = len(running.outbox.waits)
    running.clock.seconds += SECOND_S
    running.steps(3)
    assert len(running.outbox.waits) == before + 1


def test_with_more_to_decide_a_poll_waits_for_nothing() -> None:
    running = Running()
    running.arrives(2)
    assert running.steps() == 0.0


def test_with_all_places_taken_the_answer_is_waited_for_and_not_the_next_record() -> None:
    running = Running()
    running.arrives(UNDER_WAY + 1)
    running.steps(UNDER_WAY)
    assert running.steps() == 0.0
    assert running.outbox.waits[-1] == ANSWER_S


# --- partitions that go, and the end ------------------------------------------------------------------------------


def test_nothing_is_begun_of_a_partition_that_is_about_to_go_and_others_go_on() -> None:
    running = Running(merge_records=100)
    running.arrives()
    running.arrives(place=OTHER, size=2)
    running.state.leave([PLACE])
    running.steps()
    assert running.agent.seen == ["decides 0"]
    running.outbox.answer(0)
    running.steps()
    assert (running.lag.noted, running.committable) == ([2], 0)
    assert not running.state.has_begun_any()


def test_a_list_of_a_partition_that_was_assigned_anew_meanwhile_is_neither_committed_nor_noted() -> None:
    running = Running()
    running.arrives()
    running.steps()
    running.state.begin(PLACE, 0, None, is_held=False)
    running.outbox.answer(0)
    running.steps()
    assert running.agent.seen[1:] == ["delivered 0", "after_batch"]
    assert (running.committable, running.lag.noted) == (0, [])
    assert not running.state.has_begun_any()


def test_while_a_partition_is_given_away_answers_are_taken_and_nothing_is_begun() -> None:
    running = Running()
    running.arrives(2)
    running.steps()
    running.outbox.answer(0)
    running.loop.serve(0.002)
    assert (running.committable, running.decided) == (1, 1)
    assert running.outbox.waits[-1] == 0.002


def test_when_it_is_closed_nothing_is_begun_and_what_is_begun_is_done() -> None:
    running = Running(has_seconds=True)
    running.arrives(2)
    running.steps()
    running.loop.close()
    running.outbox.answer(0)
    running.clock.seconds += 5
    running.steps(3)
    assert (running.decided, running.committable, running.agent.seconds) == (1, 1, 1)
    assert not running.state.has_begun_any()
    assert not running.loop.has_under_way


# --- a state that is being restored -------------------------------------------------------------------------------


def test_a_batch_that_needs_its_state_first_is_not_begun_and_keeps_its_place() -> None:
    running = Running(merge_records=100)
    running.agent.unprepared = {1}
    running.arrives(3)
    assert running.steps() == ANSWER_S
    assert running.agent.seen == ["decides 0"]
    running.steps(3)
    running.arrives()
    running.steps(3)
    assert running.decided == 1
    running.agent.unprepared = set()
    running.steps()
    assert running.agent.seen == ["decides 0", "decides 1", "decides 2", "decides 3"]


def test_other_partitions_go_on_while_a_state_is_restored() -> None:
    running = Running(merge_records=100)
    running.agent.unprepared_places = {PLACE}
    running.arrives(2)
    running.arrives(place=OTHER, size=5)
    running.steps()
    running.outbox.answer(0)
    running.steps()
    assert running.lag.noted == [5]
    running.agent.unprepared_places = set()
    running.steps()
    assert running.agent.seen[-2:] == ["decides 0", "decides 1"]


def test_what_was_held_of_an_earlier_assignment_is_dropped_and_what_follows_is_decided_about() -> None:
    running = Running(merge_records=100)
    running.agent.unprepared_places = {PLACE}
    running.arrives(3)
    running.steps()
    running.state.begin(PLACE, 2, None, is_held=False)
    running.arrives()
    running.steps()
    running.agent.unprepared_places = set()
    running.steps()
    assert running.agent.seen == ["decides 2"]


def test_a_partition_that_goes_while_its_state_is_restored_holds_nobody_up() -> None:
    running = Running(merge_records=100)
    running.agent.unprepared = {0}
    running.arrives()
    running.steps()
    assert not running.state.has_begun_any()
    running.state.end([PLACE])
    running.agent.unprepared = set()
    running.arrives(place=OTHER)
    running.steps()
    assert running.decided == 1


# --- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ValueError("a bug"), DeliveryFailed("no"), KeyboardInterrupt()])
def test_whatever_deciding_raises_leaves_the_loop_and_nothing_is_done(failure: BaseException) -> None:
    running = Running()
    running.agent.failure = failure
    running.arrives()
    with pytest.raises(type(failure)):
        running.steps()
    assert running.committable == 0


def test_nothing_is_decided_or_done_after_a_delivery_that_failed() -> None:
    running = Running()
    running.arrives(3)
    running.steps(2)
    running.outbox.answer(1, DeliveryFailed("refused"))
    running.outbox.answer(0)
    with pytest.raises(DeliveryFailed):
        running.steps()
    assert running.decided == 2
    assert (running.committable, running.lag.noted) == (0, [])


def test_what_fails_elsewhere_leaves_the_loop_and_nothing_is_done() -> None:
    running, picture = Running(), Future[None]()
    running.agent.elsewhere = [picture]
    running.outbox.is_prompt = True
    running.arrives(2)
    running.steps(2)
    picture.set_exception(DeliveryFailed("refused"))
    with pytest.raises(DeliveryFailed):
        running.steps()
    assert running.committable == 0
    assert "delivered 0" not in running.agent.seen


def test_what_fails_elsewhere_is_known_although_something_before_it_goes_on() -> None:
    running, slow, failed = Running(), Future[None](), Future[None]()
    running.agent.elsewhere = [slow, failed]
    running.outbox.is_prompt = True
    running.arrives(2)
    running.steps(2)
    failed.set_exception(DeliveryFailed("refused"))
    running.arrives()
    with pytest.raises(DeliveryFailed):
        running.steps()
    assert (running.decided, running.committable) == (2, 0)


def test_what_was_delivered_before_a_failure_stays_done() -> None:
    running = Running()
    running.arrives(2)
    running.steps(2)
    running.outbox.answer(0)
    running.steps()
    running.outbox.answer(1, DeliveryFailed("refused"))
    with pytest.raises(DeliveryFailed):
        running.steps()
    assert running.committable == 1


def test_a_failure_while_a_partition_is_given_away_is_no_reason_to_commit() -> None:
    running = Running()
    running.arrives()
    running.steps()
    running.outbox.answer(0, DeliveryFailed("refused"))
    with pytest.raises(DeliveryFailed):
        running.loop.serve(0.002)
    assert running.committable == 0


def test_what_was_decided_before_a_failure_goes_out_and_is_not_done() -> None:
    running = Running(merge_records=100)
    running.arrives()
    running.arrives(place=OTHER)
    decide = running.agent.process

    def fail_in_the_second(batch: Batch, work: Work) -> None:
        if batch.place == OTHER:
            raise ValueError("a bug")
        decide(batch, work)

    running.agent.process = fail_in_the_second  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="a bug"):
        running.steps()
    assert [topic for topic, _ in running.outbox.sent] == ["alerts"]
    assert len(running.outbox.waits) > 10, "the answer is waited for"
    assert running.committable == 0


def test_nothing_is_decided_once_an_answer_has_said_that_something_was_not_delivered() -> None:
    running = Running(has_seconds=True)
    running.arrives()
    running.steps()
    running.clock.seconds += SECOND_S
    running.outbox.answer(0, DeliveryFailed("no"))
    running.arrives()
    with pytest.raises(DeliveryFailed):
        running.steps()
    assert running.decided == 1


def test_a_record_of_which_workers_died_is_quarantined_and_not_processed() -> None:
    running = Running()
    running.outbox.is_prompt = True
    running.arrives(2)
    first, second = running.loop._waiting.take(), running.loop._waiting.take()
    running.loop._waiting.put([Batch(first[:], first.start, first.epoch, deaths=3), second])
    running.steps(6)
    assert running.agent.seen[0] == "quarantines 0 after 3"
    assert "decides 0" not in running.agent.seen
    assert f"decides {second.start}" in running.agent.seen
    assert running.committable == 2
