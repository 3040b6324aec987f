"""Requirement 6: a cancel never deletes."""

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Grade,
    IncidentState,
    PillarKind,
    Reason,
)
from tests.support.expect import never, once
from tests.support.log_records import fact, flame
from tests.support.timeline import Timeline, only_alert


def test_req_06_a_device_s_cancel_of_a_red_asks_and_leaves_it_open() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.CANCEL, 5)
    asked = once(line, 5, 5)
    assert (asked.action, asked.reason) == (Action.UPDATE, Reason.CANCEL_REQUESTED)
    assert (asked.state, asked.grade, asked.disposition) == (IncidentState.RAISED, Grade.RED, None)
    line.run(6, 40)
    once(line, 30, 31, action=Action.ESCALATE)  # nobody has answered, so escalation continues


def test_req_06_a_second_cancel_of_a_device_is_a_duplicate() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.CANCEL, 5)
    assert line.pillar(PillarKind.CANCEL, 6).reason is Reason.DUPLICATE


def test_req_06_a_person_s_cancel_carries_a_name_and_a_reason() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.acknowledge(AckAction.CANCEL, call.incident_id, 5, reason=AckReason.FALSE_ALARM)
    cancelled = once(line, 5, 5)
    assert (cancelled.action, cancelled.state) == (Action.CANCEL, IncidentState.CANCELLED)
    assert cancelled.actor is not None
    assert cancelled.actor.name == "Li"


def test_req_06_a_person_s_cancel_without_a_reason_is_rejected() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    assert line.acknowledge(AckAction.CANCEL, call.incident_id, 5).reason is Reason.REASON_MISSING
    line.press(10)
    once(line, 10, 10, incident_id=call.incident_id, state=IncidentState.RAISED)


def test_req_06_a_device_s_cancel_ends_its_yellow() -> None:
    line = Timeline()  # the pillar has a camera of its own and reports the flame
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


def test_req_06_a_cancel_sent_before_the_press_cancels_nothing() -> None:
    line = Timeline()
    line.press(10)
    line.push(fact(PillarKind.CANCEL, at_s=5), at_s=12)
    never(line, 12, 12)
