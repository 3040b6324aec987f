"""Time lines of the events of a pillar other than presses."""

import pytest

from processors.incident.issue import topic_for
from schemas.enums import Action, Disposition, Grade, Hazard, IncidentState, PillarKind, Reason, Status
from schemas.topics import TEST_ALERTS
from tests.support.log_records import LAT, camera, device, fact, flame
from tests.support.timeline import Timeline, only_alert, reasons


def test_a_device_s_cancel_of_a_red_is_an_update_and_it_stays_open() -> None:
    line = Timeline()
    raised = only_alert(line.press(0))
    asked = only_alert(line.pillar(PillarKind.CANCEL, 20))
    assert (asked.incident_id, asked.action, asked.reason) == (
        raised.incident_id,
        Action.UPDATE,
        Reason.CANCEL_REQUESTED,
    )
    assert (asked.state, asked.grade) == (IncidentState.RAISED, Grade.RED)
    assert list(line.state.incidents) == [raised.incident_id]


def test_a_second_cancel_is_a_duplicate_until_the_button_is_pressed_again() -> None:
    line = Timeline()
    line.press(0)
    for at_s in (10, 20):
        line.pillar(PillarKind.CANCEL, at_s)
    line.press(30)
    line.pillar(PillarKind.CANCEL, 40)
    assert reasons(line)[1:] == [
        Reason.FIRST_FACT,
        Reason.CANCEL_REQUESTED,
        Reason.DUPLICATE,
        Reason.PRESSED_AGAIN,
        Reason.CANCEL_REQUESTED,
    ]


def test_each_of_two_pillars_may_cancel_its_own_press() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    line.press(0, "P1")
    line.press(1, "P2")
    asked = [line.pillar(PillarKind.CANCEL, 5, name).reason for name in ("P1", "P2")]
    assert asked == [Reason.CANCEL_REQUESTED] * 2


def test_a_cancel_finds_its_incident_long_after_the_duplicate_window() -> None:
    line = Timeline()
    line.press(0)
    assert line.pillar(PillarKind.CANCEL, 7_200).reason is Reason.CANCEL_REQUESTED


def test_a_cancel_without_an_incident_has_nothing_to_cancel() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    line.press(0, "P1")
    assert line.pillar(PillarKind.CANCEL, 5, "P2").reason is Reason.NOTHING_TO_CANCEL


def test_a_cancel_that_was_received_before_the_press_cancels_nothing() -> None:
    line = Timeline()
    line.press(100)
    assert (
        line.push(fact(PillarKind.CANCEL, at_s=99, event_id="c"), at_s=101).reason is Reason.NOTHING_TO_CANCEL
    )


def test_a_device_s_cancel_of_a_yellow_ends_it() -> None:
    line = Timeline(camera("C1"))
    line.push(flame())
    (raised,) = line.run(10, 10)
    ended = only_alert(line.pillar(PillarKind.CANCEL, 20, "C1"))
    assert (ended.incident_id, ended.action, ended.reason) == (
        raised.incident_id,
        Action.CANCEL,
        Reason.CANCELLED_BY_DEVICE,
    )
    assert ended.state is IncidentState.CANCELLED
    assert not line.state.incidents
    assert not line.state.by_device
    assert not line.state.by_place


def test_a_device_s_cancel_of_a_held_yellow_ends_it_without_an_alert() -> None:
    line = Timeline(camera("C1"))
    line.push(flame())
    assert line.pillar(PillarKind.CANCEL, 5, "C1").reason is Reason.NEVER_RAISED
    assert not line.run(6, 60)
    assert not line.state.incidents
    assert not line.state.ended


def test_a_test_press_goes_to_the_test_topic_and_leaves_nothing_open() -> None:
    line = Timeline()
    alert = only_alert(line.pillar(PillarKind.TEST, 0))
    assert (alert.status, alert.action, alert.state) == (Status.TEST, Action.RAISE, IncidentState.CLOSED)
    assert (alert.disposition, alert.reason) == (Disposition.TEST, Reason.DEVICE_TEST)
    assert topic_for(alert) == TEST_ALERTS
    assert all(text.headline.startswith(("TEST", "测试")) for text in alert.texts)
    assert not line.state.incidents


def test_a_press_right_after_a_test_raises() -> None:
    line = Timeline()
    line.pillar(PillarKind.TEST, 0)
    alert = only_alert(line.press(1))
    assert (alert.reason, alert.status) == (Reason.FIRST_FACT, Status.ACTUAL)


def test_a_test_of_a_pillar_in_no_registry_sends_nothing() -> None:
    assert Timeline().pillar(PillarKind.TEST, 0, "X1").reason is Reason.UNKNOWN_DEVICE


def test_a_heartbeat_that_was_there_before_is_a_copy_and_an_older_one_is_a_sign_of_life() -> None:
    line = Timeline()
    for at_s in (10, 10, 5, 11, 5):
        line.push(fact(PillarKind.HEARTBEAT, at_s=at_s, event_id=f"h{at_s}"), at_s=20)
    assert reasons(line)[1:] == [
        Reason.HEARTBEAT,
        Reason.DUPLICATE,
        Reason.HEARTBEAT,
        Reason.HEARTBEAT,
        Reason.DUPLICATE,
    ]
    assert not line.alerts


def test_a_heartbeat_of_an_unregistered_device_leaves_no_trace() -> None:
    line = Timeline()
    assert line.pillar(PillarKind.HEARTBEAT, 0, "X1").reason is Reason.UNKNOWN_DEVICE
    assert ("east", "X1") not in line.state.devices
    assert ("east", "X1") not in line.state.last_reports


def test_an_event_of_an_unknown_kind_only_goes_into_the_window() -> None:
    line = Timeline()
    for _ in range(2):
        line.push(fact(PillarKind.UNKNOWN))
    assert reasons(line)[1:] == [Reason.NOT_SUPPORTED, Reason.DUPLICATE]
    assert not line.state.incidents


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (PillarKind.RELEASE, Reason.RELEASED),
        (PillarKind.TAMPER, Reason.HELD),
        (PillarKind.BATTERY, Reason.HELD),
        (PillarKind.MAINS, Reason.HELD),
        (PillarKind.COMMS, Reason.HELD),
    ],
)
def test_a_report_without_an_alert_has_a_reason_and_its_copy_is_a_duplicate(
    kind: PillarKind, reason: Reason
) -> None:
    line = Timeline()
    for _ in range(2):
        line.push(fact(kind))
    assert reasons(line)[1:] == [reason, Reason.DUPLICATE]
    assert not line.alerts


def test_a_copy_of_a_cancel_from_before_its_pillar_was_registered_has_no_effect() -> None:
    line = Timeline(device("P9"))
    cancel = fact(PillarKind.CANCEL, event_id="c", at_s=15)
    line.push(cancel)
    line.push(device("P1"))
    line.press(10)
    assert line.push(cancel, at_s=16).reason is Reason.DUPLICATE


@pytest.mark.parametrize("kind", [PillarKind.TAMPER, PillarKind.BATTERY, PillarKind.MAINS, PillarKind.COMMS])
def test_a_fault_and_its_end_with_one_id_are_two_reports_where_their_kinds_differ(kind: PillarKind) -> None:
    line = Timeline()
    line.pillar(kind, 0, event_id="1")
    (told,) = line.run(30, 30)
    assert line.pillar(PillarKind.RELEASE, 31, event_id="1").reason is Reason.RELEASED
    assert line.pillar(kind, 32, event_id="2", active=False).alerts[0].incident_id == told.incident_id


def pushed(line: Timeline, received_s: float, *, active: bool, at_s: float) -> Reason:
    """A report of a battery that its gateway received at one second and that comes into the log at another."""
    name = f"battery-{received_s}-{active}"
    report = fact(PillarKind.BATTERY, at_s=received_s, event_id=name, active=active)
    return line.push(report, at_s=at_s).reason


def test_an_older_end_does_not_end_a_newer_fault() -> None:
    line = Timeline()
    pushed(line, 100, active=True, at_s=100)
    (told,) = line.run(130, 130)
    assert pushed(line, 90, active=False, at_s=131) is Reason.STILL_ACTIVE
    assert line.state.incidents[told.incident_id].active


def test_an_end_that_overtakes_its_fault_ends_it() -> None:
    line = Timeline()
    assert pushed(line, 101, active=False, at_s=102) is Reason.NOT_ACTIVE
    assert pushed(line, 100, active=True, at_s=103) is Reason.NOT_ACTIVE
    line.run(104, 200)
    assert not line.alerts
    assert not line.state.incidents


def test_the_end_of_a_fault_at_the_same_time_by_its_clock_ends_it() -> None:
    line = Timeline()
    pushed(line, 100, active=True, at_s=100)
    line.run(130, 130)
    assert pushed(line, 100, active=False, at_s=131) is Reason.CONDITION_OVER


def set_back(line: Timeline, device_id: str = "P1") -> None:
    """Heartbeats, twenty seconds apart, of which the third comes with a clock that is an hour behind from then on."""
    for second in (0, 20, 40, 60, 80):
        received_s = second - (3_600 if second >= 40 else 0)
        report = fact(PillarKind.HEARTBEAT, device_id, at_s=received_s, event_id=f"h{second}")
        line.push(report, at_s=second)


def test_a_release_and_a_cancel_count_although_the_clock_of_their_gateway_has_been_set_back() -> None:
    line = Timeline(device(heartbeat_s=20))
    line.press(30)
    set_back(line)
    released = fact(PillarKind.RELEASE, at_s=85 - 3_600, event_id="r")
    assert line.push(released, at_s=85).reason is Reason.RELEASED
    assert line.state.devices["east", "P1"].closed_at is None
    cancelled = fact(PillarKind.CANCEL, at_s=86 - 3_600, event_id="c")
    assert line.push(cancelled, at_s=86).reason is Reason.CANCEL_REQUESTED


def test_the_end_of_a_fault_is_heard_although_the_clock_was_ahead_when_it_began() -> None:
    line = Timeline()
    line.push(fact(PillarKind.BATTERY, at_s=15, event_id="on"), at_s=0)
    line.run(1, 7)
    over = line.push(fact(PillarKind.BATTERY, at_s=8, event_id="off", active=False), at_s=8)
    assert over.reason is Reason.CONDITION_OVER
    assert not line.run(9, 60)


def test_a_restore_that_overtakes_its_alarm_ends_it_although_the_clock_is_ahead() -> None:
    line = Timeline()
    line.push(fact(PillarKind.BATTERY, at_s=12, event_id="off", active=False), at_s=2)
    line.push(fact(PillarKind.BATTERY, at_s=10, event_id="on"), at_s=2.1)
    assert not line.run(3, 60)


def test_a_release_and_a_cancel_are_heard_although_the_clock_was_ahead_at_the_press() -> None:
    line = Timeline()
    line.push(fact(at_s=15), at_s=0)
    line.push(fact(PillarKind.RELEASE, at_s=5, event_id="r"), at_s=5)
    asked = line.push(fact(PillarKind.CANCEL, at_s=6, event_id="c"), at_s=6)
    assert asked.reason is Reason.CANCEL_REQUESTED
    assert line.state.devices["east", "P1"].closed_at is None


@pytest.mark.parametrize("is_exercise", [True, False])
def test_what_is_real_is_no_copy_of_what_belongs_to_an_exercise(*, is_exercise: bool) -> None:
    line = Timeline()
    for kind in (PillarKind.PRESS, PillarKind.TAMPER):
        line.push(fact(kind, event_id="7", exercise=is_exercise), at_s=0)
        line.push(fact(kind, event_id="7", exercise=not is_exercise, at_s=1), at_s=1)
        again = line.push(fact(kind, event_id="7", exercise=is_exercise), at_s=2)
        assert again.reason is Reason.DUPLICATE
    line.run(2, 40)
    raised = [(alert.hazard, alert.status) for alert in line.alerts if alert.action is Action.RAISE]
    assert (Hazard.EMERGENCY_CALL, Status.ACTUAL) in raised
    assert (Hazard.EMERGENCY_CALL, Status.EXERCISE) in raised
    assert (Hazard.TAMPER, Status.ACTUAL) in raised
