"""Recurrence rules: what is taken, what is refused, and which times they give."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from callbox.maintenance.recurrence import RecurrenceRule, occurrences, parse_rule, rule_text
from schemas.units import EpochMs

CHINA = ZoneInfo("Asia/Shanghai")
NOW = EpochMs(1_804_384_800_000)  # Sunday, 2027-03-07T02:00:00Z
SUNDAY = datetime.fromisoformat("2027-03-07T02:00")


def rule(text: str, until: str | None = None) -> RecurrenceRule:
    return parse_rule(text, until, NOW, CHINA)


def days(text: str, most: int = 4) -> list[str]:
    return [f"{wall:%m-%d %H:%M}" for wall in occurrences(rule(text), SUNDAY, most)]


def test_a_rule_gives_times_in_order_from_the_first_on() -> None:
    assert days("FREQ=WEEKLY;BYDAY=SU", 3) == ["03-07 02:00", "03-14 02:00", "03-21 02:00"]
    assert days("freq=daily;interval=2;count=2") == ["03-07 02:00", "03-09 02:00"]
    assert days("RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR", 3) == ["03-26 02:00", "04-05 02:00", "04-30 02:00"]
    assert days("FREQ=DAILY;BYHOUR=2,14", 3) == ["03-07 02:00", "03-07 14:00", "03-08 02:00"]
    assert days("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", 1) == ["02-29 02:00"]


def test_years_are_those_of_the_plan() -> None:
    assert occurrences(rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), SUNDAY, 1) == [
        datetime.fromisoformat("2028-02-29T02:00")
    ]


@pytest.mark.parametrize(
    "text",
    ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYSETPOS=5", "FREQ=YEARLY;BYDAY=53MO;BYWEEKNO=7"],
)
def test_a_rule_that_never_fits_gives_nothing_and_ends(text: str) -> None:
    assert days(text) == []


def test_a_weekday_that_no_month_has_is_refused() -> None:
    with pytest.raises(ValueError, match="names no possible day"):
        days("FREQ=MONTHLY;BYDAY=99SU")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "allowed are FREQ, "),
        ("weekly", "allowed are FREQ, "),
        ("INTERVAL=2", "needs FREQ"),
        ("FREQ=HOURLY", "use BYHOUR"),
        ("FREQ=MINUTELY", "use BYHOUR"),
        ("FREQ=SECONDLY", "use BYHOUR"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is there twice"),
        ("FREQ=DAILY;INTERVAL=0", "from 1"),
        ("FREQ=DAILY;COUNT=0", "from 1"),
        ("FREQ=DAILY;COUNT=-1", "from 1"),
        ("FREQ=DAILY;BYMONTH=13", "from 1 to 12"),
        ("FREQ=DAILY;BYMONTHDAY=0", "without 0"),
        ("FREQ=DAILY;BYMONTHDAY=45", "from -31 to 31"),
        ("FREQ=DAILY;BYHOUR=24", "from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=\N{ARABIC-INDIC DIGIT THREE}", "from 0 to 23"),
        ("FREQ=WEEKLY;BYDAY=XX", "MO to SU"),
        ("FREQ=WEEKLY;BYDAY=", "MO to SU"),
        ("FREQ=WEEKLY;WKST=XX", "MO to SU"),
        ("FREQ=DAILY;BYSECOND=1", "allowed are FREQ, "),
        ("FREQ=YEARLY;BYEASTER=0", "allowed are FREQ, "),
        ("FREQ=DAILY;UNTIL=tomorrow", "20310301"),
        ("FREQ=DAILY;UNTIL=20271399", "is no time"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270401", "more than once"),
        (f"FREQ=DAILY;BYHOUR={'1,' * 250}1", "longer than 500"),
        ("DTSTART:20270301\nRRULE:FREQ=DAILY", "allowed are FREQ, "),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rule(text)


def test_the_end_of_a_rule_is_said_once() -> None:
    assert rule("FREQ=DAILY").is_endless
    assert rule("FREQ=DAILY;COUNT=3").count == 3
    assert not rule("FREQ=DAILY;COUNT=3").is_endless
    with pytest.raises(ValueError, match="more than once"):
        rule("FREQ=DAILY;COUNT=3", "2027-04-01")
    with pytest.raises(ValueError, match="more than once"):
        rule("FREQ=DAILY;UNTIL=20270401", "2027-04-01")


def test_an_end_is_local_time_and_a_day_is_whole() -> None:
    whole_day = rule("FREQ=DAILY", "2027-04-01").until
    assert (
        rule("FREQ=DAILY;UNTIL=20270401").until
        == whole_day
        == parse_rule("FREQ=DAILY;UNTIL=20270401T155959Z", None, NOW, None).until + 999
    )  # type: ignore[operator]  # None would fail the test as well
    assert rule("FREQ=DAILY;UNTIL=20270401T100000").until == rule("FREQ=DAILY;UNTIL=20270401T020000Z").until


def test_people_read_the_rule_with_its_end() -> None:
    assert rule_text(None, CHINA) == ""
    assert rule_text(rule("rrule:freq=weekly;byday=su"), CHINA) == "FREQ=WEEKLY;BYDAY=SU"
    assert rule_text(rule("FREQ=DAILY", "2027-04-01T10:00"), CHINA) == "FREQ=DAILY;UNTIL=20270401T100000"
    assert rule_text(rule("FREQ=DAILY;UNTIL=20270401T020000Z"), CHINA) == "FREQ=DAILY;UNTIL=20270401T100000"
