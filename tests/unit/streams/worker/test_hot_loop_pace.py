"""When the loop of a consuming thread does what is due once a second, and when it lets lists wait."""

import pytest

from streams.worker.hot_loop import (
    BUSY_LIST,
    BUSY_LIST_S,
    IN_A_ROW,
    LIST_S,
)
from tests.support.hot_loop_rig import Running


def lists_in_a_row(running: Running, count: int, *, size: int = 1, apart_s: float = 0.0) -> None:
    """So many lists come and are decided about, each after the one before it."""
    for _ in range(count):
        running.arrives(size=size)
        running.steps()
        running.clock.seconds += apart_s


def test_what_is_due_once_a_second_is_done_once_a_second_and_delivered() -> None:
    running = Running(has_seconds=True)
    running.agent.of_second = ("alerts",)
    running.steps(5)
    assert running.agent.seconds == 1
    running.clock.seconds += 1
    running.steps(5)
    assert running.agent.seconds == 2
    running.outbox.answer(0)
    running.outbox.answer(1)
    running.steps()
    assert running.agent.seen.count("second delivered") == 2


def test_a_topic_with_a_pace_rests_after_each_batch() -> None:
    running = Running(merge_records=100, rest_s=0.005)
    running.agent.writes = ()
    running.arrives(3)
    for decided in (1, 2):
        assert running.steps() == pytest.approx(0.005)
        assert running.steps(9) == pytest.approx(0.005), "and not until something new comes"
        assert running.decided == decided
        running.clock.seconds += 0.005
    running.steps()
    assert running.decided == 3


def test_a_few_lists_in_a_row_wait_for_nothing_and_many_are_kept_apart() -> None:
    running = Running()
    running.outbox.is_prompt = True
    lists_in_a_row(running, IN_A_ROW)
    assert (running.decided, running.paused_s) == (IN_A_ROW, pytest.approx(0, abs=1e-6))
    lists_in_a_row(running, IN_A_ROW)
    assert running.decided == 2 * IN_A_ROW
    assert running.paused_s == pytest.approx(IN_A_ROW * LIST_S)


def test_after_lists_of_many_records_the_next_one_is_further_away() -> None:
    running = Running(merge_records=BUSY_LIST + 1)
    running.outbox.is_prompt = True
    lists_in_a_row(running, 3 * IN_A_ROW, size=BUSY_LIST + 1)
    assert running.paused_s == pytest.approx(3 * IN_A_ROW * BUSY_LIST_S - IN_A_ROW * LIST_S)


def test_lists_that_come_as_far_apart_by_themselves_wait_for_nothing() -> None:
    running = Running()
    running.outbox.is_prompt = True
    lists_in_a_row(running, 5 * IN_A_ROW, apart_s=LIST_S)
    assert running.paused_s == pytest.approx(0, abs=1e-6)


def test_a_burst_long_ago_holds_nobody_up() -> None:
    running = Running()
    running.outbox.is_prompt = True
    lists_in_a_row(running, 3 * IN_A_ROW)
    assert running.paused_s > 0
    running.clock.seconds += IN_A_ROW * LIST_S
    before = running.paused_s
    lists_in_a_row(running, IN_A_ROW)
    assert running.paused_s == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize(
    ("rest_s", "writes", "waiting"), [(0.005, ("alerts",), 1), (0.0, (), 1), (0.0, ("alerts",), 2)]
)
def test_nobody_waits_where_it_rests_anyway_or_nothing_is_sent_or_others_wait(
    rest_s: float, writes: tuple[str, ...], waiting: int
) -> None:
    running = Running(rest_s=rest_s)
    running.outbox.is_prompt = True
    running.agent.writes = writes
    running.arrives(waiting - 1)
    lists_in_a_row(running, 3 * IN_A_ROW, apart_s=rest_s)
    assert (running.decided, running.paused_s) == (3 * IN_A_ROW, 0.0)
