"""Requirement 16 of domain.md, and everything that a person can say about an incident."""

from collections.abc import Callable

import pytest

from processors.decisions import Decision
from schemas.enums import (
    AckAction,
    AckOutcome,
    AckReason,
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from tests.expect import never, once, rejected, restarted, result_of, told
from tests.timeline import ACTOR, Timeline, ack, alive, camera, device, flame, only_alert

_S = IncidentState
TEN_MINUTES_S, HALF_AN_HOUR_S, DAY_S = 600, 1_800, 86_400

Said = Callable[[Timeline, str, float], Decision]


def accept(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.ACCEPT, name, at_s)


def reject(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.REJECT, name, at_s, reason=AckReason.NOT_OURS)


def en_route(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.EN_ROUTE, name, at_s)


def on_scene(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.ON_SCENE, name, at_s)


def clear(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.CLEAR, name, at_s)


def close(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.CLOSE, name, at_s, disposition=Disposition.FOUNDED)


def cancel(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.CANCEL, name, at_s, reason=AckReason.FALSE_ALARM)


def regrade(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.REGRADE, name, at_s, grade=Grade.YELLOW, reason=AckReason.LESS_SERIOUS)


def shelve(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.SHELVE, name, at_s, reason=AckReason.KNOWN_FAULT, shelve_s=600)


def unshelve(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.UNSHELVE, name, at_s)


def out_of_service(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.OUT_OF_SERVICE, name, at_s, reason=AckReason.PLANNED_WORK)


def in_service(line: Timeline, name: str, at_s: float) -> Decision:
    return line.say(AckAction.IN_SERVICE, name, at_s)


def call() -> tuple[Timeline, str]:
    """A red that was raised in second 0."""
    line = Timeline(device(reports_release=False))
    return line, only_alert(line.press(0)).incident_id


def fault() -> tuple[Timeline, str]:
    """A blue that was raised in second 30."""
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    return line, once(line, 30, 30).incident_id


def after(line: Timeline, name: str, *said: Said) -> Decision:
    """Each in its own second, from 40 on; what was said last comes back."""
    return [each(line, name, 40 + number) for number, each in enumerate(said)][-1]


RED_WAYS: list[tuple[tuple[Said, ...], _S, Action, Reason]] = [
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
def test_req_16_what_is_possible_is_done_told_and_answered(
    said: tuple[Said, ...], state: IncidentState, action: Action, reason: Reason
) -> None:
    line, name = call()
    decision = after(line, name, *said)
    alert, result = only_alert(decision), result_of(decision)
    assert (alert.state, alert.action, alert.reason) == (state, action, reason)
    assert (alert.actor, alert.ack_id) == (ACTOR, result.ack_id)
    assert (result.outcome, result.reason, result.state) == (AckOutcome.ACCEPTED, reason, state)
    assert (result.incident_id, result.at) == (name, alert.sent)


BLUE_WAYS: list[tuple[tuple[Said, ...], _S, Reason]] = [
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
def test_req_16_a_fault_can_be_put_away_too(
    said: tuple[Said, ...], state: IncidentState, reason: Reason
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
def test_req_16_what_contradicts_the_state_is_rejected_as_not_possible_now(said: tuple[Said, ...]) -> None:
    line, name = call()
    assert rejected(after(line, name, *said)) is Reason.NOT_POSSIBLE_NOW
    before = line.alerts[-1]
    assert result_of(line.decisions[-1]).state is before.state
    line.press(60)
    assert once(line, 60, 60).incident_id == name  # it is still open, and takes presses


def test_req_16_an_unknown_incident_is_rejected() -> None:
    line, _ = call()
    decision = accept(line, "east-nobody-knows-it", 5)
    assert rejected(decision) is Reason.UNKNOWN_INCIDENT
    assert result_of(decision).state is IncidentState.UNKNOWN


def test_req_16_an_incident_that_is_over_is_rejected_and_says_how_it_ended() -> None:
    line, name = call()
    after(line, name, accept, close)
    decision = on_scene(line, name, 50)
    assert rejected(decision) is Reason.INCIDENT_OVER
    assert result_of(decision).state is IncidentState.CLOSED


def test_req_16_a_candidate_is_unknown_to_everybody() -> None:
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    (name,) = line.state.incidents
    assert rejected(accept(line, name, 5)) is Reason.UNKNOWN_INCIDENT
    line.run(6, 31)
    once(line, 30, 31)


def test_req_16_an_acknowledgement_that_was_on_its_way_for_too_long_is_rejected() -> None:
    line, name = call()
    late = ack(name, at_s=100, received_s=100 + TEN_MINUTES_S + 0.001)
    assert rejected(line.push(late, at_s=701)) is Reason.ACK_TOO_OLD
    just = ack(name, ack_id="a2", at_s=100, received_s=100 + TEN_MINUTES_S)
    assert line.push(just, at_s=702).reason is Reason.ACCEPTED


def test_req_16_who_has_not_seen_that_it_became_a_red_cannot_answer_it() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 10)
    fire = once(line, 10, 10, grade=Grade.YELLOW)
    line.press(12)
    name = fire.incident_id
    decision = line.say(AckAction.ACCEPT, name, 13, revision=fire.revision)
    assert rejected(decision) is Reason.OUTDATED_REVISION
    assert line.say(AckAction.ACCEPT, name, 14, revision=fire.revision + 1).reason is Reason.ACCEPTED


def test_req_16_who_is_on_the_way_is_on_the_way_whatever_they_have_seen() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 10)
    fire = once(line, 10, 10)
    line.press(12)
    decision = line.say(AckAction.EN_ROUTE, fire.incident_id, 13, revision=fire.revision)
    assert decision.reason is Reason.EN_ROUTE


def test_req_16_another_press_does_not_take_an_answer_back() -> None:
    line, name = call()
    line.press(5)
    assert line.say(AckAction.ACCEPT, name, 6, revision=1).reason is Reason.ACCEPTED


@pytest.mark.parametrize(
    "action",
    [AckAction.REJECT, AckAction.CANCEL, AckAction.REGRADE],
)
@pytest.mark.parametrize("reason", [None, AckReason.UNKNOWN])
def test_req_16_whoever_refuses_cancels_or_regrades_says_why(
    action: AckAction, reason: AckReason | None
) -> None:
    line, name = call()
    decision = line.say(action, name, 5, reason=reason, grade=Grade.YELLOW)
    assert rejected(decision) is Reason.REASON_MISSING


@pytest.mark.parametrize("action", [AckAction.SHELVE, AckAction.OUT_OF_SERVICE])
def test_req_16_whoever_puts_a_fault_away_says_why(action: AckAction) -> None:
    line, name = fault()
    assert rejected(line.say(action, name, 40)) is Reason.REASON_MISSING


@pytest.mark.parametrize("disposition", [None, Disposition.UNKNOWN])
def test_req_16_whoever_closes_says_how_it_ended(disposition: Disposition | None) -> None:
    line, name = call()
    accept(line, name, 5)
    decision = line.say(AckAction.CLOSE, name, 6, disposition=disposition)
    assert rejected(decision) is Reason.DISPOSITION_MISSING


@pytest.mark.parametrize("disposition", [each for each in Disposition if each is not Disposition.UNKNOWN])
def test_a_closing_alert_says_how_it_ended(disposition: Disposition) -> None:
    line, name = call()
    accept(line, name, 5)
    closed = only_alert(line.say(AckAction.CLOSE, name, 6, disposition=disposition))
    assert closed.disposition is disposition


@pytest.mark.parametrize("grade", [None, Grade.UNKNOWN])
def test_req_16_whoever_regrades_says_to_what(grade: Grade | None) -> None:
    line, name = call()
    decision = line.say(AckAction.REGRADE, name, 5, reason=AckReason.LESS_SERIOUS, grade=grade)
    assert rejected(decision) is Reason.GRADE_MISSING


def test_req_16_a_red_is_never_shelved_nor_out_of_service_nor_made_a_blue() -> None:
    line, name = call()
    assert rejected(shelve(line, name, 5)) is Reason.NEVER_FOR_GRADE
    assert rejected(out_of_service(line, name, 6)) is Reason.NEVER_FOR_GRADE
    to_blue = line.say(AckAction.REGRADE, name, 7, reason=AckReason.LESS_SERIOUS, grade=Grade.BLUE)
    assert rejected(to_blue) is Reason.NEVER_FOR_GRADE
    line.run(8, 40)
    once(line, 30, 31, action=Action.ESCALATE)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
def test_req_16_a_fault_is_never_made_an_emergency(grade: Grade) -> None:
    line, name = fault()
    decision = line.say(AckAction.REGRADE, name, 40, reason=AckReason.MORE_SERIOUS, grade=grade)
    assert rejected(decision) is Reason.NEVER_FOR_GRADE


@pytest.mark.parametrize("shelve_s", [-1, 0, 8 * 3_600 + 1])
def test_req_16_shelving_for_no_time_or_too_long_is_rejected(shelve_s: int) -> None:
    line, name = fault()
    decision = line.say(AckAction.SHELVE, name, 40, reason=AckReason.NUISANCE, shelve_s=shelve_s)
    assert rejected(decision) is Reason.TOO_LONG


def test_req_16_an_action_of_a_later_release_is_rejected() -> None:
    line, name = call()
    assert rejected(line.say(AckAction.UNKNOWN, name, 5)) is Reason.UNKNOWN_ACTION


def is_silent(decision: Decision) -> bool:
    is_known = decision.reason in {Reason.DUPLICATE, Reason.BEYOND_MEMORY}
    return is_known and not decision.alerts and decision.result is None


def test_req_16_the_same_ack_id_again_is_silent() -> None:
    line, name = call()
    line.say(AckAction.ACCEPT, name, 5, ack_id="once")
    assert is_silent(line.say(AckAction.ACCEPT, name, 6, ack_id="once"))
    assert is_silent(line.say(AckAction.CLOSE, name, 7, ack_id="once", disposition=Disposition.FOUNDED))


def test_req_16_the_same_ack_id_is_silent_after_a_rejection() -> None:
    line, name = call()
    assert rejected(line.say(AckAction.CLOSE, name, 5, ack_id="once")) is Reason.NOT_POSSIBLE_NOW
    accept(line, name, 6)
    again = line.say(AckAction.CLOSE, name, 7, ack_id="once", disposition=Disposition.FOUNDED)
    assert is_silent(again)


def test_req_16_the_same_ack_id_is_silent_after_the_end() -> None:
    line, name = call()
    line.say(AckAction.CANCEL, name, 5, ack_id="once", reason=AckReason.FALSE_ALARM)
    assert is_silent(line.say(AckAction.CANCEL, name, 6, ack_id="once", reason=AckReason.FALSE_ALARM))
    assert rejected(line.say(AckAction.ACCEPT, name, 7, ack_id="other")) is Reason.INCIDENT_OVER
    assert is_silent(line.say(AckAction.ACCEPT, name, 8, ack_id="other"))


def test_req_16_the_same_ack_id_is_silent_for_an_unknown_incident() -> None:
    line, _ = call()
    line.say(AckAction.ACCEPT, "east-unknown", 5, ack_id="once")
    assert is_silent(line.say(AckAction.ACCEPT, "east-unknown", 6, ack_id="once"))
    assert not is_silent(line.say(AckAction.ACCEPT, "east-another", 7, ack_id="once"))


def test_req_16_the_same_ack_id_is_silent_after_a_restart() -> None:
    line, name = call()
    line.say(AckAction.ACCEPT, name, 5, ack_id="once")
    line.say(AckAction.ACCEPT, "east-unknown", 6, ack_id="once")
    restarted(line)
    assert is_silent(line.say(AckAction.ACCEPT, name, 7, ack_id="once"))
    assert is_silent(line.say(AckAction.ACCEPT, "east-unknown", 8, ack_id="once"))


def test_req_16_one_ack_id_for_two_incidents_is_two_acknowledgements() -> None:
    line = Timeline(device(), device("P2", lat=31.0))
    first = only_alert(line.press(0)).incident_id
    other = only_alert(line.press(1, "P2")).incident_id
    assert line.say(AckAction.ACCEPT, first, 5, ack_id="same").reason is Reason.ACCEPTED
    assert line.say(AckAction.ACCEPT, other, 6, ack_id="same").reason is Reason.ACCEPTED


def test_a_refusal_asks_the_next_tier_with_the_next_tick() -> None:
    line, name = call()
    reject(line, name, 5.5)
    line.run(6, 40)
    asked = once(line, 6, 7, action=Action.ESCALATE)
    assert (asked.reason, asked.responsible_unit) == (Reason.REJECTED_BY_UNIT, "town-1")
    assert asked.state is IncidentState.RAISED


def test_a_refusal_of_the_last_tier_goes_on_asking_it() -> None:
    line, name = call()
    reject(line, name, 5)
    line.run(6, 10)
    reject(line, name, 11)
    line.run(12, 200)
    never(line, 12, 200, action=Action.ESCALATE)
    assert once(line, 71, 72, reason=Reason.STILL_UNACKNOWLEDGED).responsible_unit == "town-1"


def test_what_is_cleared_and_acknowledged_closes_by_itself() -> None:
    line, name = call()
    after(line, name, accept, clear)
    line.run(42, 42 + 900)
    over = once(line, 941, 942, action=Action.CLOSE)
    assert (over.reason, over.state) == (Reason.RESOLVED, IncidentState.CLOSED)


def test_what_is_cleared_and_not_acknowledged_does_not_close_by_itself() -> None:
    line, name = call()
    clear(line, name, 5)
    line.run(6, 3_000)
    never(line, 6, 3_000, action=Action.CLOSE)
    once(line, 65, 66, reason=Reason.STILL_UNACKNOWLEDGED)


def test_a_new_fact_about_a_cleared_incident_raises_it_again() -> None:
    line, name = call()
    after(line, name, accept, clear)
    line.press(60)
    again = once(line, 60, 60)
    assert (again.incident_id, again.state) == (name, IncidentState.RAISED)
    line.run(61, 100)
    once(line, 90, 91, action=Action.ESCALATE)


def test_a_shelved_fault_says_nothing_while_it_goes_on() -> None:
    line, name = fault()
    shelve(line, name, 40)
    for second in range(50, 600, 10):
        line.pillar(PillarKind.BATTERY, second)
    line.run(600, 700)
    assert once(line, 41, 700).reason is Reason.SHELVING_OVER


def test_what_is_out_of_service_says_nothing_and_comes_back_with_its_fault() -> None:
    line, name = fault()
    out_of_service(line, name, 40)
    line.run(41, 10_000)
    never(line, 41, 10_000)
    back = only_alert(in_service(line, name, 10_001))
    assert (back.state, back.reason) == (IncidentState.RAISED, Reason.IN_SERVICE)


def test_what_was_mended_while_out_of_service_comes_back_cleared() -> None:
    line, name = fault()
    out_of_service(line, name, 40)
    line.pillar(PillarKind.BATTERY, 50, active=False)
    back = only_alert(in_service(line, name, 60))
    assert back.state is IncidentState.CLEARED_UNACKED


def test_out_of_service_ends_by_itself() -> None:
    line, name = fault()
    out_of_service(line, name, 40)
    month_s = 30 * DAY_S
    line.tick(39 + month_s)
    never(line, 41, 39 + month_s)
    line.tick(40 + month_s)
    back = once(line, 40 + month_s, 40 + month_s)
    assert (back.reason, back.state) == (Reason.SHELVING_OVER, IncidentState.RAISED)


def test_a_press_is_heard_where_the_pillar_is_out_of_service() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(alive(0), at_s=0)
    for second in range(1, 70):
        line.push(alive(second), at_s=second)
        line.tick(second)
    silent = once(line, 60, 66, hazard=Hazard.COMM_FAIL)
    out_of_service(line, silent.incident_id, 80)
    line.press(100)
    once(line, 100, 100, grade=Grade.RED, action=Action.RAISE)


def test_a_regrade_starts_the_time_to_acknowledge_anew() -> None:
    line, name = call()
    line.run(1, 20)
    lowered = only_alert(regrade(line, name, 21))
    assert lowered.grade is Grade.YELLOW
    line.run(22, 200)
    once(line, 141, 142, action=Action.ESCALATE)
    never(line, 22, 140, action=Action.ESCALATE)


def test_a_person_may_raise_the_grade_of_a_fire() -> None:
    line = Timeline(camera())
    line.push(flame())
    line.run(1, 10)
    name = once(line, 10, 10).incident_id
    risen = only_alert(
        line.say(AckAction.REGRADE, name, 15, grade=Grade.RED, reason=AckReason.MORE_SERIOUS)
    )
    assert (risen.grade, risen.reason) == (Grade.RED, Reason.REGRADED)


def test_every_alert_of_an_incident_is_the_whole_of_it() -> None:
    line, name = call()
    after(line, name, accept, en_route, on_scene, clear, close)
    assert [alert.revision for alert in line.alerts] == [1, 2, 3, 4, 5, 6], told(line)
    assert {alert.incident_id for alert in line.alerts} == {name}
    assert {alert.press_count for alert in line.alerts} == {1}
    assert [prior.alert_id for prior in line.alerts[-1].prior] == [each.alert_id for each in line.alerts[:-1]]
