"""A line that repeats is written at once, then once a minute with how many were left out."""

import structlog
from structlog.testing import capture_logs

from streams.kafka.rare_log import EVERY_S, MOST_KINDS, RareLog, RareLogger
from tests.support.fakes import HandClock


def test_the_first_of_a_kind_is_written_at_once() -> None:
    lines = RareLog()
    assert lines.due("away", 0.0) == 0
    assert lines.due(("away", "another topic"), 0.0) == 0


def test_what_follows_within_a_minute_is_left_out_and_counted() -> None:
    lines = RareLog()
    lines.due("away", 0.0)
    assert [lines.due("away", at) for at in (0.0, 1.0, EVERY_S - 0.001)] == [None, None, None]
    assert lines.due("away", EVERY_S) == 3
    assert lines.due("away", EVERY_S + 1) is None
    assert lines.due("away", 2 * EVERY_S) == 1


def test_75_a_second_for_an_hour_are_60_lines_and_none_is_uncounted() -> None:
    lines = RareLog()
    answers = [lines.due("away", number / 75) for number in range(75 * 3_600)]
    written = [answer for answer in answers if answer is not None]
    assert len(written) == 60
    later = lines.due("away", 3_600.0)
    assert later is not None
    assert sum(written) + later + len(written) == 75 * 3_600


def test_two_kinds_do_not_count_for_each_other() -> None:
    lines = RareLog()
    lines.due("one", 0.0)
    lines.due("other", 30.0)
    assert lines.due("one", EVERY_S) == 0
    assert lines.due("other", EVERY_S) is None


def test_a_kind_that_has_ended_is_forgotten() -> None:
    lines = RareLog()
    for number in range(10_000):
        lines.due(number, float(number))
    assert len(lines._told) <= 2 * EVERY_S + 1


def test_a_logger_writes_what_is_due_with_how_many_lines_of_the_event_were_left_out() -> None:
    clock = HandClock()
    rare = RareLogger(structlog.get_logger(), clock.clock.monotonic)
    with capture_logs() as lines:
        for _ in range(50):
            rare.warning("broker.away", cause="refused")
        rare.error("fetch.unreadable")
        clock.seconds += EVERY_S
        rare.error("broker.away", cause="refused")
    assert lines == [
        {"event": "broker.away", "log_level": "warning", "cause": "refused", "left_out": 0},
        {"event": "fetch.unreadable", "log_level": "error", "left_out": 0},
        {"event": "broker.away", "log_level": "error", "cause": "refused", "left_out": 49},
    ]


def test_kinds_without_number_count_as_one_and_take_no_memory() -> None:
    lines = RareLog()
    told = [lines.due(kind, 0.0) for kind in range(10 * MOST_KINDS)]
    assert told.count(0) == MOST_KINDS + 1
    assert len(lines._told) == MOST_KINDS + 1
