"""Requirement 5: tests and exercises never reach the live topics, and never join real incidents."""

import pytest

from processors.intake.pillar_event import intake
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Grade,
    IncidentState,
    PillarKind,
    Reason,
    Status,
    Tier,
)
from schemas.feeds import PillarEvent
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS
from tests.support.expect import never, once, rejected, summary, within
from tests.support.log_records import camera, device, flame, ms
from tests.support.timeline import Timeline, only_alert


def live(line: Timeline) -> list[str]:
    """The alerts that reached a live topic, for messages of failing tests."""
    return [
        f"{alert.hazard} {alert.action}"
        for topic in (ALERTS, MAINTENANCE)
        for alert in within(line, 0, 1e9, topic=topic)
    ]


def pillar() -> Timeline:
    return Timeline(device(reports_release=False))


def exercise(line: Timeline, second: float, device_id: str = "P1") -> str:
    """Begin an exercise with a press; returns the id of its incident."""
    return only_alert(line.pillar(PillarKind.PRESS, second, device_id, exercise=True)).incident_id


def test_req_05_a_test_press_has_status_test_and_is_closed_at_once() -> None:
    line = pillar()
    line.pillar(PillarKind.TEST, 5)
    tested = once(line, 5, 5, topic=TEST_ALERTS)
    assert (tested.status, tested.state, tested.reason) == (
        Status.TEST,
        IncidentState.CLOSED,
        Reason.DEVICE_TEST,
    )
    assert (tested.disposition, tested.verification_level) == (Disposition.TEST, 0)
    line.run(6, 400)
    never(line, 6, 400)
    assert live(line) == []


def test_req_05_a_test_touches_no_call_and_counts_as_no_press() -> None:
    line = pillar()
    call = only_alert(line.press(0))
    line.pillar(PillarKind.TEST, 1)
    line.press(5)
    again = once(line, 5, 5)
    assert (again.incident_id, again.press_count, again.status) == (call.incident_id, 2, Status.ACTUAL)


def test_req_05_a_press_right_after_a_test_is_a_red() -> None:
    line = pillar()
    line.pillar(PillarKind.TEST, 0)
    line.press(0.5)
    raised = once(line, 0.5, 0.5, topic=ALERTS)
    assert (raised.action, raised.grade, raised.status) == (Action.RAISE, Grade.RED, Status.ACTUAL)


def test_req_05_nobody_can_answer_a_test() -> None:
    line = pillar()
    name = only_alert(line.pillar(PillarKind.TEST, 0)).incident_id
    assert rejected(line.acknowledge(AckAction.ACCEPT, name, 1)) is Reason.UNKNOWN_INCIDENT


def test_req_05_the_texts_of_tests_and_exercises_begin_with_that_word() -> None:
    line = pillar()
    line.pillar(PillarKind.TEST, 0)
    exercise(line, 10)
    tested, exercised = line.alerts
    for alert, english, chinese in ((tested, "TEST", "测试"), (exercised, "EXERCISE", "演习")):
        assert alert.texts[0].headline.startswith(english)
        assert alert.texts[1].headline.startswith(chinese)


def test_req_05_an_exercise_has_a_whole_life_cycle_and_none_of_it_reaches_a_live_topic() -> None:
    line = pillar()
    name = exercise(line, 0)
    line.run(1, 100)
    once(line, 30, 31, action=Action.ESCALATE, tier=Tier.TOWNSHIP)
    once(line, 90, 91, reason=Reason.STILL_UNACKNOWLEDGED)
    for second, action in ((101, AckAction.ACCEPT), (102, AckAction.EN_ROUTE), (103, AckAction.ON_SCENE)):
        line.acknowledge(action, name, second)
    line.acknowledge(AckAction.CLEAR, name, 104)
    line.acknowledge(AckAction.CLOSE, name, 105, disposition=Disposition.TEST)
    assert line.alerts[-1].state is IncidentState.CLOSED
    assert {alert.status for alert in line.alerts} == {Status.EXERCISE}
    assert {alert.incident_id for alert in line.alerts} == {name}
    assert live(line) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_req_05_a_press_and_an_exercise_in_one_second_are_two_incidents(is_first: bool) -> None:
    line = Timeline(device(reports_release=False))
    for number in range(2):
        line.pillar(PillarKind.PRESS, number * 0.5, exercise=(number == 0) is is_first)
    real = once(line, 0, 1, topic=ALERTS)
    other = once(line, 0, 1, topic=TEST_ALERTS)
    assert (real.action, other.action) == (Action.RAISE, Action.RAISE), summary(line)
    assert real.incident_id != other.incident_id
    assert (real.press_count, other.press_count) == (1, 1)
    assert real.related_incidents == other.related_incidents == ()


def test_req_05_a_flame_joins_no_exercise() -> None:
    line = Timeline(device(reports_release=False), camera())
    exercise(line, 0)
    line.push(flame(at_s=5), at_s=5)
    line.run(6, 20)
    fire = once(line, 15, 16, topic=ALERTS, action=Action.RAISE)
    assert (fire.verification_level, fire.source_count, fire.grade) == (1, 1, Grade.YELLOW)


def test_req_05_a_cancel_of_an_exercise_does_not_touch_the_call_nor_the_other_way_round() -> None:
    line = pillar()
    call = only_alert(line.press(0)).incident_id
    drill = exercise(line, 10)
    line.pillar(PillarKind.CANCEL, 20, exercise=True)
    assert once(line, 20, 20).incident_id == drill
    line.pillar(PillarKind.CANCEL, 21)
    assert once(line, 21, 21).incident_id == call


def test_req_05_an_exercise_of_an_unknown_device_is_an_exercise() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    exercise(line, 0, "nobody knows me")
    assert once(line, 0, 0, topic=TEST_ALERTS).reason is Reason.UNREGISTERED_DEVICE
    assert live(line) == []


def test_req_05_a_real_press_is_real_while_an_exercise_is_shelved_cancelled_or_over() -> None:
    line = pillar()
    drill = exercise(line, 0)
    line.acknowledge(AckAction.CANCEL, drill, 1, reason=AckReason.NO_LONGER_NEEDED)
    line.press(2)
    real = once(line, 2, 2, topic=ALERTS)
    assert (real.action, real.grade) == (Action.RAISE, Grade.RED)


def test_req_05_the_gateway_marks_a_press_as_an_exercise() -> None:
    line = pillar()
    event = PillarEvent(
        device_id="P1", kind=PillarKind.PRESS, occurred_at=ms(0), received_at=ms(0), exercise=True
    )
    line.push(intake(event, ms(0)))
    assert once(line, 0, 0).status is Status.EXERCISE
    assert live(line) == []


@pytest.mark.parametrize("kind", [PillarKind.TAMPER, PillarKind.BATTERY, PillarKind.MAINS, PillarKind.COMMS])
def test_req_05_a_fault_in_an_exercise_sends_no_technician(kind: PillarKind) -> None:
    line = pillar()
    line.pillar(kind, 0, exercise=True)
    line.run(1, 60)
    assert line.alerts == []
    line.pillar(kind, 100)
    line.run(101, 131)
    once(line, 130, 131, topic=MAINTENANCE)


def test_req_05_a_button_that_is_held_in_an_exercise_is_not_stuck() -> None:
    line = Timeline()
    exercise(line, 0)
    line.run(1, 100)
    assert live(line) == []
