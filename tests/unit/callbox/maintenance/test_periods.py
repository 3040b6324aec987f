"""When work is done: periods in local time, and their limits."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbox.maintenance.periods import HORIZON_MS, LONGEST_MS, PERIODS, merged, plan_periods
from callbox.maintenance.recurrence import parse_rule
from callbox.terminal.times import format_local_time, parse_planned_time
from schemas.fusion_log import Period
from schemas.units import DAY_MS, HOUR_MS, EpochMs

NEW_YORK = ZoneInfo("America/New_York")
NOW = parse_planned_time("2027-03-01T00:00", EpochMs(0), NEW_YORK)


def period(begins: str, ends: str) -> Period:
    return Period(
        begins_at=parse_planned_time(begins, NOW, NEW_YORK), ends_at=parse_planned_time(ends, NOW, NEW_YORK)
    )


def planned(begins: str, ends: str, rule: str | None = None) -> list[tuple[str, str]]:
    """Begin and end of each period, in New York."""
    parsed = None if rule is None else parse_rule(rule, None, NOW, NEW_YORK)
    return [
        (format_local_time(each.begins_at, NEW_YORK), format_local_time(each.ends_at, NEW_YORK))
        for each in plan_periods(period(begins, ends), parsed, NEW_YORK, NOW)
    ]


def test_without_a_rule_it_is_one_period() -> None:
    assert planned("2027-03-07T02:00", "2027-03-07T04:00") == [
        ("2027-03-07 02:00 -05:00", "2027-03-07 04:00 -05:00")
    ]


def test_two_o_clock_stays_two_o_clock_when_clocks_are_put_forward() -> None:
    found = planned("2027-03-13T04:00", "2027-03-13T06:00", "FREQ=DAILY;COUNT=3")
    assert found == [
        ("2027-03-13 04:00 -05:00", "2027-03-13 06:00 -05:00"),
        ("2027-03-14 04:00 -04:00", "2027-03-14 06:00 -04:00"),
        ("2027-03-15 04:00 -04:00", "2027-03-15 06:00 -04:00"),
    ]


def test_a_period_in_the_hour_that_clocks_leap_over_is_an_hour_later() -> None:
    found = planned("2027-03-13T02:00", "2027-03-13T03:00", "FREQ=DAILY;COUNT=2")
    assert found[1] == ("2027-03-14 03:00 -04:00", "2027-03-14 04:00 -04:00")


def test_a_period_in_the_hour_that_clocks_show_twice_holds_both() -> None:
    found = planned("2027-11-06T01:00", "2027-11-06T01:30", "FREQ=DAILY;COUNT=2")
    assert found[1] == ("2027-11-07 01:00 -04:00", "2027-11-07 01:30 -05:00")


def test_a_first_period_that_seems_to_end_before_it_begins_keeps_its_length() -> None:
    found = planned("2027-11-07T01:45-04:00", "2027-11-07T01:15-05:00", "FREQ=DAILY;COUNT=2")
    assert found[1] == ("2027-11-08 01:45 -05:00", "2027-11-08 02:15 -05:00")


def test_the_first_period_belongs_to_the_plan_whatever_the_rule_says() -> None:
    found = planned("2027-03-06T02:00", "2027-03-06T04:00", "FREQ=WEEKLY;BYDAY=SU;UNTIL=20270314")
    assert [begin[:10] for begin, _ in found] == ["2027-03-06", "2027-03-07", "2027-03-14"]


def test_overlapping_periods_are_one() -> None:
    found = planned("2027-03-06T02:00", "2027-03-06T08:00", "FREQ=DAILY;COUNT=2;BYHOUR=2,5")
    assert found == [("2027-03-06 02:00 -05:00", "2027-03-06 11:00 -05:00")]


def test_a_rule_without_an_end_goes_as_far_as_the_horizon() -> None:
    found = planned("2027-03-07T06:00", "2027-03-07T07:00", "FREQ=WEEKLY;BYDAY=SU")
    assert (len(found), found[-1][0]) == (52, "2028-02-27 06:00 -05:00")


def test_work_that_runs_already_may_be_planned() -> None:
    assert planned("2027-02-28T23:00", "2027-03-01T01:00") == [
        ("2027-02-28 23:00 -05:00", "2027-03-01 01:00 -05:00")
    ]


@pytest.mark.parametrize(
    ("begins", "ends", "rule", "said"),
    [
        ("+2h", "+2h", None, "must be after --from"),
        ("+2h", "+1h", None, "must be after --from"),
        ("2027-02-27", "2027-02-28", None, "--to is in the past"),
        ("+367d", "+368d", None, "more than 366d ahead"),
        ("+1h", "+31d", None, "more than 30d"),
        ("0001-01-03T00:00", "+1h", None, "more than 30d"),
        ("+1h", "+999999999d", None, "more than 30d"),
        ("+1h", "+25h", "FREQ=DAILY", "overlap, and together are longer than 30d"),
        ("+1h", "+2h", "FREQ=DAILY;UNTIL=20290101", "goes on for more than 366d"),
        ("+1h", "+2h", "FREQ=DAILY;UNTIL=99991231", "goes on for more than 366d"),
        ("+1h", "+2h", "FREQ=DAILY;COUNT=900", "goes on for more than 366d"),
        ("+1h", "+61m", "FREQ=DAILY;BYHOUR=0,4,8,12,16,20", "more than 1,000 periods"),
        ("+1h", "+61m", "FREQ=DAILY;BYHOUR=0,4,8,12,16,20;COUNT=1001", "more than 1,000 periods"),
        ("+1h", "+2h", "FREQ=DAILY;UNTIL=20200101", "names no time"),
        ("+1h", "+2h", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "names no time"),
    ],
)
def test_a_plan_beyond_a_limit_is_refused(begins: str, ends: str, rule: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        planned(begins, ends, rule)


def test_a_plan_at_its_limits_is_taken() -> None:
    assert len(planned("+1h", "+721h")) == 1
    assert len(planned("+366d", "+367d")) == 1
    thousand = "FREQ=DAILY;BYHOUR=0,4,8,12,16,20;COUNT=1000"
    assert len(planned("2027-03-02T00:00", "2027-03-02T00:01", thousand)) == PERIODS


def test_periods_that_touch_are_one() -> None:
    two = [Period(begins_at=EpochMs(5), ends_at=EpochMs(9)), Period(begins_at=EpochMs(1), ends_at=EpochMs(5))]
    assert merged(two) == (Period(begins_at=EpochMs(1), ends_at=EpochMs(9)),)
    assert merged([]) == ()


moments = st.integers(0, 50).map(EpochMs)
some_periods = st.lists(
    st.builds(lambda a, b: Period(begins_at=min(a, b), ends_at=EpochMs(max(a, b) + 1)), moments, moments)
)


@given(some_periods)
def test_merging_covers_the_same_moments_in_order_with_gaps_between(found: list[Period]) -> None:
    together = merged(found)

    def covered(periods: list[Period] | tuple[Period, ...]) -> set[int]:
        return {moment for each in periods for moment in range(each.begins_at, each.ends_at)}

    assert covered(together) == covered(found)
    assert all(a.ends_at < b.begins_at for a, b in pairwise(together))


@given(
    begins=st.integers(0, 400 * 24),
    hours=st.integers(1, 40),
    every=st.sampled_from(("DAILY", "WEEKLY", "MONTHLY")),
)
def test_whatever_is_planned_keeps_the_limits(begins: int, hours: int, every: str) -> None:
    first = Period(
        begins_at=EpochMs(NOW + begins * HOUR_MS), ends_at=EpochMs(NOW + (begins + hours) * HOUR_MS)
    )
    rule = parse_rule(f"FREQ={every}", None, NOW, NEW_YORK)
    try:
        found = plan_periods(first, rule, NEW_YORK, NOW)
    except ValueError:
        assert first.begins_at > NOW + HORIZON_MS or hours * HOUR_MS >= DAY_MS
        return
    assert found[0].begins_at == first.begins_at
    assert len(found) <= PERIODS
    assert all(0 < each.ends_at - each.begins_at <= LONGEST_MS for each in found)
    assert all(each.begins_at <= NOW + HORIZON_MS for each in found)
