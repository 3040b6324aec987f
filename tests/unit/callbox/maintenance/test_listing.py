"""Planned work as it is listed."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from callbox.maintenance.listing import (
    WINDOW_HEADINGS,
    WindowRow,
    by_next_period,
    covers,
    find_window,
    period_text,
    planned_work,
    window_json,
    window_row,
)
from schemas.ack import Actor
from schemas.codec import encode
from schemas.errors import InputMissing
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.topics import MAINTENANCE_WINDOWS
from schemas.units import HOUR_MS, EpochMs
from streams.kafka.record import LogRecord

CHINA, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
NOW = EpochMs(1_804_384_800_000)  # 2027-03-07T10:00 in China


def period(begins_h: int, ends_h: int) -> Period:
    """Hours from now."""
    return Period(begins_at=EpochMs(NOW + begins_h * HOUR_MS), ends_at=EpochMs(NOW + ends_h * HOUR_MS))


def window(window_id: str = "east-0000aaaa", **fields: Any) -> MaintenanceWindow:
    usual: dict[str, Any] = {
        "zone": "east",
        "revision": 1,
        "devices": ("P1", "P2"),
        "periods": (period(-30, -29), period(-1, 1), period(23, 25)),
        "rule": "FREQ=DAILY;COUNT=3",
        "actor": Actor(name="Li", organisation="Town"),
    }
    return MaintenanceWindow(window_id=window_id, **(usual | fields))


def record(key: str, value: bytes) -> LogRecord:
    return LogRecord(
        topic=MAINTENANCE_WINDOWS, partition=0, offset=0, timestamp_ms=NOW, key=key.encode(), value=value
    )


def test_a_row_says_what_when_why_and_by_whom() -> None:
    assert window_row(window(note="ladder"), NOW, CHINA) == WindowRow(
        "east-0000aaaa",
        "running",
        "east",
        "P1, P2",
        "2027-03-07 09:00 to 11:00 +08:00",
        "1 (FREQ=DAILY;COUNT=3)",
        "planned_work",
        "Li, Town",
        "ladder",
    )
    assert len(WINDOW_HEADINGS) == len(WindowRow._fields)


def test_of_what_is_over_the_last_period_is_shown() -> None:
    row = window_row(window(), EpochMs(NOW + 99 * HOUR_MS), CHINA)
    assert (row.state, row.period, row.more) == ("over", "2027-03-08 09:00 to 11:00 +08:00", "")
    assert window_row(window(ended=True), NOW, CHINA).more == ""
    assert window_row(window(periods=()), NOW, CHINA).period == ""


def test_what_is_covered_is_named_or_counted() -> None:
    assert covers(window(devices=("a", "b", "c"))) == "a, b, c"
    assert covers(window(devices=("a", "b", "c", "d", "e"))) == "a, b, c and 2 more"
    assert covers(window(devices=(), gateway="G1")) == "site G1"
    assert covers(window(devices=())) == "everything"


def test_a_period_names_a_day_and_an_offset_once_where_they_are_the_same() -> None:
    over_midnight, over_a_leap = period(13, 15), period(7 * 24, 7 * 24 + 10)
    assert period_text(over_midnight, CHINA) == "2027-03-07 23:00 +08:00 to 2027-03-08 01:00 +08:00"
    assert period_text(over_a_leap, NEW_YORK) == "2027-03-13 21:00 -05:00 to 2027-03-14 08:00 -04:00"


def test_what_runs_comes_first_then_what_is_next_then_what_is_over() -> None:
    windows = [
        window("ended", ended=True),
        window("over", periods=(period(-3, -2),)),
        window("later", periods=(period(9, 10),)),
        window("next", periods=(period(2, 3),)),
        window("running"),
    ]
    found = [each.window_id for each in by_next_period(windows, NOW)]
    assert found == ["running", "next", "later", "over", "ended"]


def test_a_window_is_found_by_a_part_of_its_id_that_no_other_has() -> None:
    windows = {name: window(name) for name in ("east-0000aaaa", "east-0000bbbb")}
    assert find_window(windows, "east-0000aaaa").window_id == "east-0000aaaa"
    assert find_window(windows, "bbbb").window_id == "east-0000bbbb"
    with pytest.raises(InputMissing, match=r"2 windows .* east-0000aaaa, east-0000bbbb"):
        find_window(windows, "east")
    for wanted in ("aaa", "cccc", ""):
        with pytest.raises(InputMissing, match="no window"):
            find_window(windows, wanted)


def test_as_json_a_window_says_its_state_and_its_next_period() -> None:
    shown = window_json(window(), NOW)
    assert (shown["window_id"], shown["state"]) == ("east-0000aaaa", "running")
    assert shown["next_period"] == {"begins_at": NOW - HOUR_MS, "ends_at": NOW + HOUR_MS}
    assert window_json(window(ended=True), NOW)["next_period"] is None


def test_a_record_that_cannot_be_read_is_counted_and_the_rest_is_there() -> None:
    found = planned_work([record("a", encode(window("a"))), record("b", b"poison")])
    assert (found.windows, found.unreadable) == ({"a": window("a")}, 1)


def test_a_row_moves_no_cursor() -> None:
    evil = replace(window(), note="evil\x1b[2J")
    assert "\x1b" not in "".join(window_row(evil, NOW, CHINA))
