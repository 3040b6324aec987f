"""Times of plans as people type and read them, in local time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbox.terminal.times import (
    epoch_ms,
    format_local_time,
    local_time,
    parse_last_moment,
    parse_planned_time,
    parse_zone,
)
from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, EpochMs

CHINA, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
NOW = EpochMs(1_804_384_800_000)  # 2027-03-07T02:00:00Z


@pytest.mark.parametrize(
    ("text", "after_ms"),
    [
        ("now", 0),
        ("+90s", 90 * SECOND_MS),
        ("+30m", 30 * MINUTE_MS),
        ("+2h", 2 * HOUR_MS),
        ("+1d", DAY_MS),
        ("2027-03-07T02:00Z", 0),
        ("2027-03-07T02:00+01:00", -HOUR_MS),
        ("2027-03-07T10:00", 0),
        ("2027-03-07 10:00", 0),
        ("2027-03-07", -10 * HOUR_MS),
    ],
)
def test_a_time_is_now_or_ahead_or_local_or_has_a_zone(text: str, after_ms: int) -> None:
    assert parse_planned_time(text, NOW, CHINA) == NOW + after_ms


def test_a_time_of_a_plan_has_whole_seconds() -> None:
    assert parse_planned_time("now", EpochMs(NOW + 999), None) == NOW
    assert parse_planned_time("+1s", EpochMs(NOW + 999), None) == NOW + SECOND_MS
    assert parse_planned_time("2027-03-07T02:00:00.999Z", NOW, None) == NOW


@pytest.mark.parametrize("text", ["", "tomorrow", "-2h", "+2w", "25:00", "2027-02-30"])
def test_what_is_no_time_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="use now, "):
        parse_planned_time(text, NOW, CHINA)


def test_the_last_moment_of_a_day_belongs_to_it() -> None:
    for text in ("2027-03-07", "20270307"):
        assert parse_last_moment(text, NOW, CHINA) == NOW + 14 * HOUR_MS - 1
    assert parse_last_moment("2027-03-07T10:00", NOW, CHINA) == NOW
    assert parse_last_moment("9999-12-31", NOW, CHINA) == parse_planned_time("9999-12-31", NOW, CHINA)


def test_a_time_that_no_clock_shows_is_an_hour_later() -> None:
    leap = datetime.fromisoformat("2027-03-14T02:30")
    assert format_local_time(epoch_ms(leap, NEW_YORK), NEW_YORK) == "2027-03-14 03:30 -04:00"


def test_a_time_that_a_clock_shows_twice_is_told_apart() -> None:
    twice = datetime.fromisoformat("2027-11-07T01:30")
    first, second = (epoch_ms(twice, NEW_YORK, fold=fold) for fold in (0, 1))
    assert second - first == HOUR_MS
    assert local_time(first, NEW_YORK) == local_time(second, NEW_YORK) == twice


def test_without_a_zone_it_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_time(NOW, None) == datetime.fromtimestamp(NOW / 1000)  # noqa: DTZ006 - the machine's is meant
    assert epoch_ms(local_time(NOW, None), None) == NOW


@pytest.mark.parametrize("name", ["", "Mars", "Europe", "../zone", "/etc/passwd"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        parse_zone(name)


def test_a_zone_is_found_by_its_name() -> None:
    assert parse_zone("Asia/Shanghai") == CHINA
