"""Requirement 14: a flapping condition is reported once; a red never flaps."""

import pytest

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Grade,
    PillarKind,
    Reason,
)
from tests.support.expect import at_s, never, once, summary, within
from tests.support.log_records import device
from tests.support.timeline import Timeline, only_alert


def cycle(line: Timeline, second: float, *, off_after_s: float = 1) -> None:
    line.pillar(PillarKind.BATTERY, second)
    line.pillar(PillarKind.BATTERY, second + off_after_s, active=False)


def faulty() -> Timeline:
    """A battery fault that was raised in second 30 and accepted."""
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    line.acknowledge(AckAction.ACCEPT, once(line, 30, 30).incident_id, 31)
    return line


def test_req_14_three_cycles_in_a_minute_are_flapping_and_reported_once() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    cycle(line, 120)
    flapping = once(line, 120, 130, reason=Reason.FLAPPING)
    assert (at_s(flapping), flapping.flapping) == (121, True)
    for number in range(50):
        cycle(line, 130 + number * 10)
    never(line, 122, 640)


@pytest.mark.parametrize(("gap_s", "flaps"), [(30, True), (31, False)])
def test_req_14_the_minute_is_counted_between_the_first_and_the_third_cycle(gap_s: int, flaps: bool) -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 100 + gap_s - 1)
    cycle(line, 100 + 2 * gap_s - 1)
    assert bool(within(line, 100, 200, reason=Reason.FLAPPING)) is flaps, summary(line)


def test_req_14_two_cycles_are_not_flapping() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    line.run(112, 300)
    never(line, 0, 300, reason=Reason.FLAPPING)
    assert not any(alert.flapping for alert in line.alerts)


def test_req_14_a_condition_that_flaps_within_its_hold_is_raised_once_as_flapping() -> None:
    line = Timeline()
    for second in (0, 5, 10, 15, 20, 25):
        cycle(line, second)
        line.tick(second + 2)
    assert once(line, 0, 30).reason is Reason.FLAPPING


def test_req_14_when_flapping_ends_the_present_condition_is_reported() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    cycle(line, 120)
    line.pillar(PillarKind.BATTERY, 125)
    line.run(126, 400)
    calm = once(line, 185, 186)
    assert (calm.reason, calm.flapping) == (Reason.CONDITION_ACTIVE, False)


def test_req_14_a_red_never_flaps_however_often_it_is_pressed_and_cancelled() -> None:
    line = Timeline()
    for number in range(10):
        line.press(number * 5)
        line.pillar(PillarKind.CANCEL, number * 5 + 2)
    assert len(line.alerts) == 20, summary(line)
    assert not any(alert.flapping for alert in line.alerts)


def regraded(line: Timeline, name: str, second: float, grade: Grade) -> None:
    reason = AckReason.MORE_SERIOUS if grade is Grade.RED else AckReason.LESS_SERIOUS
    line.acknowledge(AckAction.REGRADE, name, second, grade=grade, reason=reason)


@pytest.mark.parametrize(("last_s", "flaps"), [(1_800, True), (1_801, False)])
def test_req_14_more_than_two_changes_of_the_grade_in_half_an_hour_are_flapping(
    last_s: int, flaps: bool
) -> None:
    line = Timeline(device(reports_release=False))
    name = only_alert(line.press(-0.0)).incident_id
    regraded(line, name, 0, Grade.YELLOW)
    regraded(line, name, 900, Grade.RED)
    regraded(line, name, last_s, Grade.YELLOW)
    assert [alert.flapping for alert in line.alerts] == [False, False, False, flaps]


def test_req_14_flapping_ends_when_the_grade_rises_to_red() -> None:
    line = Timeline(device(reports_release=False))
    name = only_alert(line.press(0)).incident_id
    for second, grade in ((10, Grade.YELLOW), (20, Grade.RED), (30, Grade.YELLOW)):
        regraded(line, name, second, grade)
    assert line.alerts[-1].flapping
    line.press(40)
    risen = once(line, 40, 40)
    assert (risen.grade, risen.flapping) == (Grade.RED, False)
    line.run(41, 80)
    once(line, 70, 71, action=Action.ESCALATE)


def test_req_14_a_flapping_incident_gets_no_reminders_and_still_escalates() -> None:
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    for second in range(40, 1_900, 10):
        line.pillar(PillarKind.BATTERY, second, active=second % 20 == 0)
        line.run(second + 1, second + 9)
    once(line, 40, 1_900, reason=Reason.FLAPPING)
    never(line, 40, 1_900, reason=Reason.STILL_UNACKNOWLEDGED)
