"""Lines that would repeat many times a second: the first at once, then one a minute with a count."""

import structlog
from structlog.testing import capture_logs

from streams.kafka.rare_log import AGAIN_S, RareLog
from tests.support.fakes import HandClock


def test_the_first_line_is_written_at_once_and_the_next_a_minute_later_with_how_many_were_left_out() -> None:
    clock = HandClock()
    rare = RareLog(structlog.get_logger(), clock.clock.monotonic)
    with capture_logs() as lines:
        for _ in range(50):
            rare.warning("broker.away", cause="refused")
        clock.seconds += AGAIN_S
        rare.warning("broker.away", cause="refused")
        clock.seconds += AGAIN_S
        rare.warning("broker.away", cause="refused")
    assert lines == [
        {"event": "broker.away", "log_level": "warning", "cause": "refused"},
        {"event": "broker.away", "log_level": "warning", "cause": "refused", "left_out": 49},
        {"event": "broker.away", "log_level": "warning", "cause": "refused"},
    ]


def test_every_event_has_a_minute_of_its_own() -> None:
    rare = RareLog(structlog.get_logger(), HandClock().clock.monotonic)
    with capture_logs() as lines:
        rare.warning("broker.away")
        rare.error("fetch.unreadable")
        rare.error("broker.away")
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("broker.away", "warning"),
        ("fetch.unreadable", "error"),
    ]


def test_a_clock_that_begins_at_zero_lets_the_first_line_through() -> None:
    with capture_logs() as lines:
        RareLog(structlog.get_logger(), lambda: 0.0).warning("broker.away")
    assert len(lines) == 1
