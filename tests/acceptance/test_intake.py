"""Requirements 1, 2, 6, 7, 8 and 8a of domain.md: what a press does, whatever comes with it."""

import pytest

from processors.entry import LogEntry
from processors.pillars import intake
from schemas.catalogue import ALERTS, MAINTENANCE
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
    Status,
    Tier,
)
from schemas.feeds import PillarEvent
from schemas.site import UNASSIGNED_ZONE
from schemas.units import DAY_MS, EpochMs
from tests.expect import at_s, never, once, told, within
from tests.timeline import (
    ZONE,
    Timeline,
    dead_letter,
    device,
    entry,
    envelope,
    flame,
    ms,
    only_alert,
    zone_of,
)


def pressed(
    *, occurred_s: float, received_s: float, device_id: str = "P1", kind: PillarKind = PillarKind.PRESS
) -> PillarEvent:
    """What a gateway writes on the pillar topic."""
    return PillarEvent(
        device_id=device_id,
        kind=kind,
        occurred_at=ms(occurred_s),
        received_at=ms(received_s),
        event_id="at-the-gateway",
    )


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
    first, second, third = line.alerts
    assert [alert.press_count for alert in line.alerts] == [1, 2, 3]
    assert {first.incident_id} == {second.incident_id, third.incident_id}
    assert {second.action, third.action} == {Action.UPDATE}
    assert [alert.revision for alert in line.alerts] == [1, 2, 3]


def test_req_01_presses_of_two_pillars_in_one_second_are_two_presses() -> None:
    line = Timeline(device(), device("P2"))
    line.press(0)
    line.press(0.5, "P2")
    assert once(line, 0.5, 0.5).press_count == 2


def test_req_01_a_copy_of_a_press_is_no_press_however_late_it_comes() -> None:
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
    raised = once(line, 301, 301, hazard=Hazard.EMERGENCY_CALL)
    assert (raised.grade, raised.action) == (Grade.RED, Action.RAISE)
    assert all(alert.grade is Grade.RED for alert in line.alerts if alert.hazard is Hazard.EMERGENCY_CALL)


def test_req_02_a_new_press_after_release_raises_again() -> None:
    line = Timeline()
    line.press(0)
    line.run(1, 200)
    line.pillar(PillarKind.RELEASE, 200.5)
    once(line, 200.5, 200.5, hazard=Hazard.STUCK_BUTTON, reason=Reason.CONDITION_OVER)
    line.press(201)
    assert once(line, 201, 201, hazard=Hazard.EMERGENCY_CALL).action is Action.RAISE


def test_req_02_a_cleared_call_is_raised_again_by_a_press_after_release() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.say(AckAction.ACCEPT, call.incident_id, 5)
    line.say(AckAction.CLEAR, call.incident_id, 6)
    line.pillar(PillarKind.RELEASE, 7)
    again = only_alert(line.press(8))
    assert (again.incident_id, again.state) == (call.incident_id, IncidentState.RAISED)


@pytest.mark.parametrize("released_s", [1, 59.9])
def test_req_02_a_button_that_is_let_go_in_time_is_not_stuck(released_s: float) -> None:
    line = Timeline()
    line.press(0)
    line.run(1, int(released_s))
    line.pillar(PillarKind.RELEASE, released_s)
    line.run(60, 300)
    never(line, 0, 300, hazard=Hazard.STUCK_BUTTON)


def test_req_02_a_button_that_cannot_say_when_it_is_let_go_is_never_stuck() -> None:
    line = Timeline(device(reports_release=False))
    line.press(0)
    line.run(1, 300)
    never(line, 0, 300, hazard=Hazard.STUCK_BUTTON)


def test_req_06_a_device_s_cancel_of_a_red_asks_and_leaves_it_open() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.CANCEL, 5)
    asked = once(line, 5, 5)
    assert (asked.action, asked.reason) == (Action.UPDATE, Reason.CANCEL_REQUESTED)
    assert (asked.state, asked.grade, asked.disposition) == (IncidentState.RAISED, Grade.RED, None)
    line.run(6, 40)
    once(line, 30, 31, action=Action.ESCALATE)  # nobody has answered, and it goes on


def test_req_06_a_second_cancel_of_a_device_says_nothing_new() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.CANCEL, 5)
    assert line.pillar(PillarKind.CANCEL, 6).reason is Reason.DUPLICATE


def test_req_06_a_person_cancels_with_a_name_and_a_reason() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.say(AckAction.CANCEL, call.incident_id, 5, reason=AckReason.FALSE_ALARM)
    cancelled = once(line, 5, 5)
    assert (cancelled.action, cancelled.state) == (Action.CANCEL, IncidentState.CANCELLED)
    assert cancelled.actor is not None
    assert cancelled.actor.name == "Li"


def test_req_06_a_person_who_gives_no_reason_cancels_nothing() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    assert line.say(AckAction.CANCEL, call.incident_id, 5).reason is Reason.REASON_MISSING
    line.press(10)
    once(line, 10, 10, incident_id=call.incident_id, state=IncidentState.RAISED)


def test_req_06_a_device_s_cancel_ends_its_yellow() -> None:
    line = Timeline()  # a pillar with an eye: the flame is its own
    line.push(flame("P1"))
    line.run(1, 11)
    raised = once(line, 10, 11, grade=Grade.YELLOW, action=Action.RAISE)
    line.pillar(PillarKind.CANCEL, 20)
    over = once(line, 20, 20)
    assert (over.incident_id, over.action, over.reason) == (
        raised.incident_id,
        Action.CANCEL,
        Reason.CANCELLED_BY_DEVICE,
    )


def test_req_06_a_cancel_sent_before_the_press_takes_nothing_back() -> None:
    line = Timeline()
    line.press(10)
    line.push_entry(
        entry(
            envelope(intake(pressed(occurred_s=5, received_s=5, kind=PillarKind.CANCEL), ms(12))),
            offset=line.state.offset,
            append_ms=ms(12),
        )
    )
    never(line, 12, 12)


def test_req_07_repeated_unfounded_presses_never_change_the_grade() -> None:
    line = Timeline()
    for number in range(20):
        second = number * 200
        call = only_alert(line.press(second))
        assert (call.action, call.grade, call.reason) == (Action.RAISE, Grade.RED, Reason.FIRST_FACT)
        line.say(AckAction.ACCEPT, call.incident_id, second + 1)
        line.say(AckAction.CLOSE, call.incident_id, second + 2, disposition=Disposition.UNFOUNDED)
    assert {alert.grade for alert in line.alerts} == {Grade.RED}
    assert not any(alert.flapping for alert in line.alerts)


@pytest.mark.parametrize(("age_s", "is_late"), [(0, False), (40, False), (40.001, True), (3_600, True)])
def test_req_08_an_event_that_came_late_is_delivered_with_late(age_s: float, is_late: bool) -> None:
    line = Timeline()
    line.push(
        intake(pressed(occurred_s=1_000 - age_s, received_s=1_000), ms(1_000.5)),
        at_s=1_000.5,
    )
    call = once(line, 1_000.5, 1_000.5, action=Action.RAISE, topic=ALERTS)
    assert (call.late, call.clock_suspect) == (is_late, False)
    assert call.onset == ms(1_000 - age_s)


def test_req_08_an_update_is_late_by_itself_and_the_next_is_not() -> None:
    line = Timeline()
    line.press(100)
    line.pillar(PillarKind.PRESS, 110, occurred_s=20)
    line.press(120)
    assert [alert.late for alert in line.alerts] == [False, True, False]


def test_req_08a_a_press_of_an_unknown_device_raises_in_the_zone_unassigned() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.press(0, "nobody knows me")
    call = once(line, 0, 0, action=Action.RAISE, topic=ALERTS)
    assert (call.reason, call.grade, call.zone) == (Reason.UNREGISTERED_DEVICE, Grade.RED, UNASSIGNED_ZONE)
    assert (call.responsible_unit, call.tier) == ("control-room", Tier.COUNTY)
    assert (call.position, call.cell_id) == (None, None)


def test_req_08a_two_unknown_devices_are_two_incidents() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.press(0, "one")
    line.press(0.5, "other")
    assert len({alert.incident_id for alert in line.alerts}) == 2
    assert {alert.action for alert in line.alerts} == {Action.RAISE}


@pytest.mark.parametrize("off_ms", [-DAY_MS - 1, -10 * DAY_MS, 20_001, 100 * DAY_MS])
def test_req_08a_an_impossible_time_is_replaced_and_said(off_ms: int) -> None:
    line = Timeline()
    given = PillarEvent(
        device_id="P1", kind=PillarKind.PRESS, occurred_at=EpochMs(ms(10) + off_ms), received_at=ms(10)
    )
    line.push(intake(given, ms(10.2)), at_s=10.2)
    call = once(line, 10.2, 10.2, action=Action.RAISE)
    assert (call.clock_suspect, call.onset, call.grade) == (True, ms(10), Grade.RED)


def test_req_08a_a_gateway_whose_own_time_is_impossible_still_raises() -> None:
    line = Timeline()
    given = PillarEvent(
        device_id="P1", kind=PillarKind.PRESS, occurred_at=EpochMs(0), received_at=EpochMs(-(2**40))
    )
    line.push(intake(given, ms(10)), at_s=10)
    call = once(line, 10, 10, action=Action.RAISE)
    assert (call.clock_suspect, call.onset) == (True, ms(10))


def test_req_08a_a_time_within_the_window_of_dc_09_is_kept() -> None:
    line = Timeline()
    line.push(intake(pressed(occurred_s=19, received_s=0), ms(0)), at_s=0)
    call = once(line, 0, 0)
    assert (call.clock_suspect, call.late, call.onset) == (False, False, ms(19))


def test_req_08a_a_removed_device_raises_as_an_unregistered_one() -> None:
    line = Timeline()
    line.push(device(revision=2, removed=True), at_s=1)
    line.press(5)
    call = once(line, 5, 5, action=Action.RAISE)
    assert (call.reason, call.responsible_unit) == (Reason.UNREGISTERED_DEVICE, "control-room")


def test_req_08a_a_press_in_the_wrong_partition_still_raises() -> None:
    line = Timeline()
    given = envelope(intake(pressed(occurred_s=0, received_s=0), ms(0)), zone=zone_of(is_ours=False))
    line.push_entry(LogEntry(line.state.offset, ms(0), b"anything", entry(given, offset=0, append_ms=ms(0)).value))
    assert once(line, 0, 0, action=Action.RAISE).reason is Reason.UNREGISTERED_DEVICE


def test_req_08a_any_dead_letter_of_the_pillar_topic_raises_a_blue() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(dead_letter(7, at_s=1), at_s=1)
    fault = once(line, 1, 1, action=Action.RAISE, topic=MAINTENANCE)
    assert (fault.hazard, fault.grade, fault.reason) == (Hazard.FEED_FAULT, Grade.BLUE, Reason.FEED_FAULT)
    assert fault.responsible_unit == "control-room"


def test_req_08a_more_dead_letters_in_blue_s_window_are_counted_and_a_later_one_raises_again() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(dead_letter(7, at_s=1), at_s=1)
    line.push(dead_letter(8, at_s=2), at_s=2)
    once(line, 0, 2)
    line.push(dead_letter(9, at_s=2_000), at_s=2_000)
    again = once(line, 2_000, 2_000, hazard=Hazard.FEED_FAULT)
    assert again.action is Action.RAISE


def test_req_08a_presses_go_on_while_the_feed_has_dead_letters() -> None:
    line = Timeline()
    line.push(dead_letter(7), at_s=1)
    line.press(2)
    once(line, 2, 2, grade=Grade.RED, status=Status.ACTUAL)
    assert [at_s(alert) for alert in line.alerts] == [1, 2], told(line)
    assert {alert.zone for alert in line.alerts} == {ZONE}
