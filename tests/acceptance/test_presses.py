"""Requirements 1, 2 and 7: a press raises, whatever happened before it."""

import pytest

from schemas.enums import (
    AckAction,
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.topics import ALERTS, MAINTENANCE
from tests.support.expect import never, once, within
from tests.support.log_records import device, fact
from tests.support.timeline import Timeline, only_alert


def test_req_01_a_first_press_raises_a_red_with_no_hold() -> None:
    line = Timeline()
    line.press(10.25)
    raised = once(line, 10.25, 10.25, action=Action.RAISE, topic=ALERTS)
    assert (raised.grade, raised.state, raised.press_count) == (Grade.RED, IncidentState.RAISED, 1)


def test_req_01_presses_of_one_pillar_within_three_seconds_are_one_press() -> None:
    line = Timeline()
    for second in (0, 0.02, 1.5, 3.0):
        line.press(second)
    assert once(line, 0, 3).press_count == 1


def test_req_01_a_later_press_updates_the_incident_and_counts() -> None:
    line = Timeline()
    for second in (0, 3.001, 60):
        line.press(second)
    first, again, third = line.alerts
    assert [alert.press_count for alert in line.alerts] == [1, 2, 3]
    assert {first.incident_id} == {again.incident_id, third.incident_id}
    assert {again.action, third.action} == {Action.UPDATE}
    assert [alert.revision for alert in line.alerts] == [1, 2, 3]


def test_req_01_presses_of_two_pillars_in_one_second_are_two_presses() -> None:
    line = Timeline(device(), device("P2"))
    line.press(0)
    line.press(0.5, "P2")
    assert once(line, 0.5, 0.5).press_count == 2


def test_req_01_a_copy_of_a_press_is_a_duplicate_however_late_it_comes() -> None:
    line = Timeline()
    for second in (0, 30, 3_600, 200_000):
        line.press(second, event_id="one press")
    once(line, 0, 200_000)


def test_req_02_a_contact_closed_for_longer_than_sixty_seconds_adds_stuck_button() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 70)
    stuck = once(line, 60, 61, hazard=Hazard.STUCK_BUTTON, action=Action.RAISE, topic=MAINTENANCE)
    call = within(line, 0, 0)[0]
    assert stuck.incident_id != call.incident_id
    assert stuck.related_incidents == (call.incident_id,)
    never(line, 0, 59.9, hazard=Hazard.STUCK_BUTTON)


def test_req_02_a_stuck_button_never_suppresses_the_raise() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 300)
    line.press(301)  # the contact closes again without a release
    again = once(line, 301, 301, hazard=Hazard.EMERGENCY_CALL)
    assert (again.grade, again.state, again.press_count) == (Grade.RED, IncidentState.RAISED, 2)
    assert all(alert.grade is Grade.RED for alert in line.alerts if alert.hazard is Hazard.EMERGENCY_CALL)


def test_req_02_a_new_press_after_release_is_told_again() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 200)
    line.pillar(PillarKind.RELEASE, 200.5)
    once(line, 200.5, 200.5, hazard=Hazard.STUCK_BUTTON, reason=Reason.CONDITION_OVER)
    line.press(201)
    assert once(line, 201, 201, hazard=Hazard.EMERGENCY_CALL).state is IncidentState.RAISED


def test_req_02_a_cleared_call_is_raised_again_by_a_press_after_release() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.acknowledge(AckAction.ACCEPT, call.incident_id, 5)
    line.acknowledge(AckAction.CLEAR, call.incident_id, 6)
    line.pillar(PillarKind.RELEASE, 7)
    again = only_alert(line.press(8))
    assert (again.incident_id, again.state) == (call.incident_id, IncidentState.RAISED)


@pytest.mark.parametrize("released_s", [1, 59.9])
def test_req_02_a_button_that_is_released_in_time_is_not_stuck(released_s: float) -> None:
    line = Timeline()
    line.press(0)
    line.run(1, int(released_s))
    line.pillar(PillarKind.RELEASE, released_s)
    line.run(60, 300)
    never(line, 0, 300, hazard=Hazard.STUCK_BUTTON)


def test_req_02_a_button_that_never_reports_a_release_is_never_stuck() -> None:
    line = Timeline(device(reports_release=False))
    line.press(0)
    line.run(1, 300)
    never(line, 0, 300, hazard=Hazard.STUCK_BUTTON)


def test_req_07_repeated_unfounded_presses_never_change_the_grade() -> None:
    line = Timeline()
    for number in range(20):
        second = number * 200
        call = only_alert(line.press(second))
        assert (call.action, call.grade, call.reason) == (Action.RAISE, Grade.RED, Reason.FIRST_FACT)
        line.acknowledge(AckAction.ACCEPT, call.incident_id, second + 1)
        line.acknowledge(AckAction.CLOSE, call.incident_id, second + 2, disposition=Disposition.UNFOUNDED)
    assert {alert.grade for alert in line.alerts} == {Grade.RED}
    assert not any(alert.flapping for alert in line.alerts)


def test_f02_presses_of_a_buffer_that_happened_apart_are_no_bounces() -> None:
    line = Timeline()
    line.tick(1)
    for number in range(4):
        held = fact(at_s=0, event_id=f"e{number}", occurred_s=-600 * number)
        alert = only_alert(line.push(held, at_s=1))
        assert alert.press_count == number + 1


def test_f01_a_bounce_on_a_clock_of_minutes_is_a_bounce_also_where_a_minute_begins_in_it() -> None:
    line = Timeline()
    line.tick(38)
    only_alert(line.pillar(PillarKind.PRESS, 39, occurred_s=-20))  # the log begins 20 s after a whole minute
    assert line.pillar(PillarKind.PRESS, 41, occurred_s=40).reason is Reason.BOUNCE


def test_f02_presses_that_a_clock_of_minutes_and_a_buffer_bring_together_are_heard() -> None:
    line = Timeline()
    line.tick(45)
    only_alert(line.push(fact(at_s=45, event_id="e1", occurred_s=-20), at_s=45))
    again = only_alert(line.push(fact(at_s=45, event_id="e2", occurred_s=40), at_s=45))
    assert (again.reason, again.press_count) == (Reason.PRESSED_AGAIN, 2)


def test_f02_presses_40_s_apart_are_two_while_no_tick_comes_and_a_gateway_s_clock_is_an_hour_behind() -> None:
    line = Timeline(device(heartbeat_s=20))
    for second in range(1, 41):
        if second % 10 == 0:
            line.push(
                fact(PillarKind.HEARTBEAT, at_s=second - 3_600 * (second > 10), event_id=f"h{second}"),
                at_s=second,
            )
        line.tick(second)
    for number, second in enumerate((59, 99), 1):
        alert = only_alert(line.push(fact(at_s=second - 3_600, event_id=f"e{second}"), at_s=second))
        assert alert.press_count == number
