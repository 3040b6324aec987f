"""Requirement 16: every action of a person, and every reason to reject one."""

import pytest

from schemas.enums import (
    AckAction,
    AckOutcome,
    AckReason,
    Action,
    Disposition,
    Grade,
    IncidentState,
    PillarKind,
    Reason,
)
from tests.support.ack_actions import (
    AckStep,
    accept,
    after,
    call,
    cancel,
    clear,
    close,
    en_route,
    fault,
    in_service,
    on_scene,
    out_of_service,
    regrade,
    reject,
    shelve,
    unshelve,
)
from tests.support.expect import once, rejected, result_of
from tests.support.log_records import ACTOR, ack, camera, device, flame
from tests.support.timeline import Timeline, only_alert

_S = IncidentState

TEN_MINUTES_S = 600

RED_WAYS: list[tuple[tuple[AckStep, ...], _S, Action, Reason]] = [
    ((accept,), _S.ACKED, Action.ACK, Reason.ACCEPTED),
    ((reject,), _S.REJECTED, Action.UPDATE, Reason.REJECTED_BY_UNIT),
    ((reject, accept), _S.ACKED, Action.ACK, Reason.ACCEPTED),
    ((accept, reject), _S.REJECTED, Action.UPDATE, Reason.REJECTED_BY_UNIT),
    ((accept, en_route), _S.ASSIGNED, Action.UPDATE, Reason.EN_ROUTE),
    ((en_route,), _S.ASSIGNED, Action.UPDATE, Reason.EN_ROUTE),
    ((reject, en_route), _S.ASSIGNED, Action.UPDATE, Reason.EN_ROUTE),
    ((accept, en_route, on_scene), _S.ON_SCENE, Action.UPDATE, Reason.ON_SCENE),
    ((on_scene,), _S.ON_SCENE, Action.UPDATE, Reason.ON_SCENE),
    ((on_scene, en_route), _S.ON_SCENE, Action.UPDATE, Reason.EN_ROUTE),  # a second unit
    ((accept, clear), _S.CLEARED, Action.UPDATE, Reason.CLEARED),
    ((en_route, on_scene, clear), _S.CLEARED, Action.UPDATE, Reason.CLEARED),
    ((clear,), _S.CLEARED_UNACKED, Action.UPDATE, Reason.CLEARED),
    ((clear, accept), _S.CLEARED, Action.ACK, Reason.ACCEPTED),
    ((accept, close), _S.CLOSED, Action.CLOSE, Reason.CLOSED),
    ((accept, clear, close), _S.CLOSED, Action.CLOSE, Reason.CLOSED),
    ((cancel,), _S.CANCELLED, Action.CANCEL, Reason.CANCELLED),
    ((accept, cancel), _S.CANCELLED, Action.CANCEL, Reason.CANCELLED),
    ((regrade,), _S.RAISED, Action.UPDATE, Reason.REGRADED),
    ((accept, regrade), _S.ACKED, Action.UPDATE, Reason.REGRADED),
]


@pytest.mark.parametrize(("said", "state", "action", "reason"), RED_WAYS)
def test_req_16_a_possible_action_is_applied_reported_and_answered(
    said: tuple[AckStep, ...], state: IncidentState, action: Action, reason: Reason
) -> None:
    line, name = call()
    decision = after(line, name, *said)
    alert, result = only_alert(decision), result_of(decision)
    assert (alert.state, alert.action, alert.reason) == (state, action, reason)
    assert (alert.actor, alert.ack_id) == (ACTOR, result.ack_id)
    assert (result.outcome, result.reason, result.state) == (AckOutcome.ACCEPTED, reason, state)
    assert (result.incident_id, result.at) == (name, alert.sent)


BLUE_WAYS: list[tuple[tuple[AckStep, ...], _S, Reason]] = [
    ((shelve,), _S.SHELVED, Reason.SHELVED),
    ((accept, shelve), _S.SHELVED, Reason.SHELVED),
    ((shelve, shelve), _S.SHELVED, Reason.SHELVED),
    ((shelve, unshelve), _S.RAISED, Reason.UNSHELVED),
    ((shelve, clear), _S.CLEARED, Reason.CLEARED),
    ((shelve, close), _S.CLOSED, Reason.CLOSED),
    ((out_of_service,), _S.OUT_OF_SERVICE, Reason.OUT_OF_SERVICE),
    ((accept, out_of_service), _S.OUT_OF_SERVICE, Reason.OUT_OF_SERVICE),
    ((shelve, out_of_service), _S.OUT_OF_SERVICE, Reason.OUT_OF_SERVICE),
    ((out_of_service, in_service), _S.RAISED, Reason.IN_SERVICE),
    ((out_of_service, close), _S.CLOSED, Reason.CLOSED),
]


@pytest.mark.parametrize(("said", "state", "reason"), BLUE_WAYS)
def test_req_16_a_fault_can_be_shelved_or_taken_out_of_service(
    said: tuple[AckStep, ...], state: IncidentState, reason: Reason
) -> None:
    line, name = fault()
    decision = after(line, name, *said)
    assert (only_alert(decision).state, decision.reason) == (state, reason)


@pytest.mark.parametrize(
    "said",
    [
        (close,),  # nobody has acknowledged it
        (accept, accept),
        (en_route, accept),
        (on_scene, accept),
        (en_route, reject),
        (reject, reject),
        (reject, close),
        (clear, close),
        (clear, on_scene),
        (accept, clear, en_route),
        (accept, clear, clear),
        (unshelve,),
        (in_service,),
        (accept, unshelve),
        (regrade, regrade),  # it has that grade already
    ],
)
def test_req_16_an_action_that_contradicts_the_state_is_rejected_as_not_possible_now(
    said: tuple[AckStep, ...],
) -> None:
    line, name = call()
    assert rejected(after(line, name, *said)) is Reason.NOT_POSSIBLE_NOW
    before = line.alerts[-1]
    assert result_of(line.decisions[-1]).state is before.state
    line.press(60)
    assert once(line, 60, 60).incident_id == name  # it is still open, and presses join it


def test_req_16_an_unknown_incident_is_rejected() -> None:
    line, _ = call()
    decision = accept(line, "east-nobody-knows-it", 5)
    assert rejected(decision) is Reason.UNKNOWN_INCIDENT
    assert result_of(decision).state is IncidentState.UNKNOWN


def test_req_16_an_acknowledgement_of_an_ended_incident_is_rejected_with_its_final_state() -> None:
    line, name = call()
    after(line, name, accept, close)
    decision = on_scene(line, name, 50)
    assert rejected(decision) is Reason.INCIDENT_OVER
    assert result_of(decision).state is IncidentState.CLOSED


def test_req_16_an_acknowledgement_of_a_candidate_is_rejected_as_unknown() -> None:
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    (name,) = line.state.incidents
    assert rejected(accept(line, name, 5)) is Reason.UNKNOWN_INCIDENT
    line.run(6, 31)
    once(line, 30, 31)


def test_req_16_an_acknowledgement_that_took_too_long_to_arrive_is_rejected() -> None:
    line, name = call()
    late = ack(name, at_s=100, received_s=100 + TEN_MINUTES_S + 0.001)
    assert rejected(line.push(late, at_s=701)) is Reason.ACK_TOO_OLD
    just = ack(name, ack_id="a2", at_s=100, received_s=100 + TEN_MINUTES_S)
    assert line.push(just, at_s=702).reason is Reason.ACCEPTED


def test_req_16_an_answer_to_a_yellow_is_rejected_once_it_has_become_red() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 10)
    fire = once(line, 10, 10, grade=Grade.YELLOW)
    line.press(12)
    name = fire.incident_id
    decision = line.acknowledge(AckAction.ACCEPT, name, 13, revision=fire.revision)
    assert rejected(decision) is Reason.OUTDATED_REVISION
    assert line.acknowledge(AckAction.ACCEPT, name, 14, revision=fire.revision + 1).reason is Reason.ACCEPTED


def test_req_16_a_unit_on_the_way_to_a_yellow_has_not_answered_the_red_that_it_became() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 10)
    fire = once(line, 10, 10)
    line.press(12)
    decision = line.acknowledge(AckAction.EN_ROUTE, fire.incident_id, 13, revision=fire.revision)
    assert rejected(decision) is Reason.OUTDATED_REVISION
    line.acknowledge(AckAction.ACCEPT, fire.incident_id, 14)
    decision = line.acknowledge(AckAction.EN_ROUTE, fire.incident_id, 15, revision=fire.revision)
    assert (
        decision.reason is Reason.EN_ROUTE
    )  # the incident is acknowledged, so that the report counts whatever revision its sender has seen


def test_req_16_another_press_does_not_revoke_an_acknowledgement() -> None:
    line, name = call()
    line.press(5)
    assert line.acknowledge(AckAction.ACCEPT, name, 6, revision=1).reason is Reason.ACCEPTED


@pytest.mark.parametrize(
    "action",
    [AckAction.REJECT, AckAction.CANCEL, AckAction.REGRADE],
)
@pytest.mark.parametrize("reason", [None, AckReason.UNKNOWN])
def test_req_16_reject_cancel_and_regrade_need_a_reason(action: AckAction, reason: AckReason | None) -> None:
    line, name = call()
    decision = line.acknowledge(action, name, 5, reason=reason, grade=Grade.YELLOW)
    assert rejected(decision) is Reason.REASON_MISSING


@pytest.mark.parametrize("action", [AckAction.SHELVE, AckAction.OUT_OF_SERVICE])
def test_req_16_shelving_a_fault_or_taking_it_out_of_service_needs_a_reason(action: AckAction) -> None:
    line, name = fault()
    assert rejected(line.acknowledge(action, name, 40)) is Reason.REASON_MISSING


@pytest.mark.parametrize("disposition", [None, Disposition.UNKNOWN])
def test_req_16_close_needs_a_disposition(disposition: Disposition | None) -> None:
    line, name = call()
    accept(line, name, 5)
    decision = line.acknowledge(AckAction.CLOSE, name, 6, disposition=disposition)
    assert rejected(decision) is Reason.DISPOSITION_MISSING


@pytest.mark.parametrize("grade", [None, Grade.UNKNOWN])
def test_req_16_regrade_needs_a_grade(grade: Grade | None) -> None:
    line, name = call()
    decision = line.acknowledge(AckAction.REGRADE, name, 5, reason=AckReason.LESS_SERIOUS, grade=grade)
    assert rejected(decision) is Reason.GRADE_MISSING


def test_req_16_a_red_is_never_shelved_nor_out_of_service_nor_made_a_blue() -> None:
    line, name = call()
    assert rejected(shelve(line, name, 5)) is Reason.NEVER_FOR_GRADE
    assert rejected(out_of_service(line, name, 6)) is Reason.NEVER_FOR_GRADE
    to_blue = line.acknowledge(AckAction.REGRADE, name, 7, reason=AckReason.LESS_SERIOUS, grade=Grade.BLUE)
    assert rejected(to_blue) is Reason.NEVER_FOR_GRADE
    line.run(8, 40)
    once(line, 30, 31, action=Action.ESCALATE)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
def test_req_16_a_fault_is_never_made_an_emergency(grade: Grade) -> None:
    line, name = fault()
    decision = line.acknowledge(AckAction.REGRADE, name, 40, reason=AckReason.MORE_SERIOUS, grade=grade)
    assert rejected(decision) is Reason.NEVER_FOR_GRADE


@pytest.mark.parametrize("shelve_s", [-1, 0, 8 * 3_600 + 1])
def test_req_16_shelving_for_no_time_or_too_long_is_rejected(shelve_s: int) -> None:
    line, name = fault()
    decision = line.acknowledge(AckAction.SHELVE, name, 40, reason=AckReason.NUISANCE, shelve_s=shelve_s)
    assert rejected(decision) is Reason.TOO_LONG


def test_req_16_an_action_of_a_later_release_is_rejected() -> None:
    line, name = call()
    assert rejected(line.acknowledge(AckAction.UNKNOWN, name, 5)) is Reason.UNKNOWN_ACTION
