"""Acknowledgements of people: accept, reject, en route, on scene, clear, close, cancel, regrade, shelve, note.

    acknowledgement ─► a duplicate: no alert and no answer
                     ─► no such incident, too old, not possible, incomplete: rejected, with the reason
                     ─► a transition (processors/incident/lifecycle.py): an alert, and the answer that it is accepted

A duplicate is recognised by incident and ack id while the incident is open, and after its end as long as the state
keeps it among the ended ones. What is not certain to be a duplicate is answered, 10,000 in one batch too
(docs/requirements.md, F6). Who judges an incident must have seen everything that has joined it (F4).
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from processors.incident.device_condition import closed_fault
from processors.incident.flapping import record_grade_change
from processors.incident.issue import AlertContext, issue_alert
from processors.incident.lifecycle import (
    ATTENDED,
    QUIET,
    UNACKNOWLEDGED,
    Transition,
    advance,
    bring_back,
    extend_expiry,
    is_possible,
    put_away_until,
    still_asked,
)
from processors.rules.occurrence import never_a_press
from processors.state.effect import Change, Effect, EndIncident, PutEnded, PutIncident, PutUnmatchedAck
from processors.state.entities import EndedIncident, Incident
from processors.state.event_ids import add_event, check_event
from processors.state.partition_state import State
from schemas.ack import NOTE_LENGTH, AckFact, AckResult
from schemas.enums import (
    AckAction,
    AckOutcome,
    AckReason,
    Action,
    Disposition,
    Family,
    Grade,
    IncidentState,
    Reason,
)
from schemas.fusion_log import FusionInput
from schemas.units import SECOND_MS, EpochMs


class AckRule(msgspec.Struct, frozen=True):
    """The rule of one action.

    Attributes:
        transition: The transition of the incident (processors/incident/lifecycle.py).
        action: The action of the alert.
        reason: The reason of the alert and of the answer.
        needs_reason: The acknowledgement must give a reason.
        needs_latest: The action is rejected unless its sender has seen the latest alarm.
        judges: The action judges the incident: its sender must have seen every device, feed and press that has joined.
    """

    transition: Transition
    action: Action
    reason: Reason
    needs_reason: bool = False
    needs_latest: bool = True
    judges: bool = False


ACK_RULES: Mapping[AckAction, AckRule] = {
    AckAction.ACCEPT: AckRule(Transition.ACCEPT, Action.ACK, Reason.ACCEPTED),
    AckAction.REJECT: AckRule(
        Transition.REJECT, Action.UPDATE, Reason.REJECTED_BY_UNIT, needs_reason=True, judges=True
    ),
    AckAction.EN_ROUTE: AckRule(Transition.EN_ROUTE, Action.UPDATE, Reason.EN_ROUTE, needs_latest=False),
    AckAction.ON_SCENE: AckRule(Transition.ON_SCENE, Action.UPDATE, Reason.ON_SCENE, needs_latest=False),
    AckAction.CLEAR: AckRule(Transition.CLEAR, Action.UPDATE, Reason.CLEARED, judges=True),
    AckAction.CLOSE: AckRule(Transition.CLOSE, Action.CLOSE, Reason.CLOSED, judges=True),
    AckAction.CANCEL: AckRule(
        Transition.CANCEL, Action.CANCEL, Reason.CANCELLED, needs_reason=True, judges=True
    ),
    AckAction.REGRADE: AckRule(
        Transition.REGRADE, Action.UPDATE, Reason.REGRADED, needs_reason=True, judges=True
    ),
    AckAction.SHELVE: AckRule(
        Transition.SHELVE, Action.UPDATE, Reason.SHELVED, needs_reason=True, judges=True
    ),
    AckAction.UNSHELVE: AckRule(Transition.UNSHELVE, Action.UPDATE, Reason.UNSHELVED),
    AckAction.OUT_OF_SERVICE: AckRule(
        Transition.OUT_OF_SERVICE, Action.UPDATE, Reason.OUT_OF_SERVICE, needs_reason=True, judges=True
    ),
    AckAction.IN_SERVICE: AckRule(Transition.IN_SERVICE, Action.UPDATE, Reason.IN_SERVICE),
    AckAction.NOTE: AckRule(Transition.NOTE, Action.UPDATE, Reason.NOTED, needs_latest=False),
}
"""The rule of each action. An action that is missing here comes from a later release."""

GRADES: Mapping[Family, tuple[Grade, ...]] = {
    Family.EMERGENCY: (Grade.RED, Grade.YELLOW),
    Family.MAINTENANCE: (Grade.BLUE,),
}
"""The grades that a person may give: an emergency never goes to the technicians, nor a fault to dispatch."""


def acknowledgement(state: State, _envelope: FusionInput, fact: AckFact) -> Effect:
    """Decide about an acknowledgement.

    Args:
        state: Read only.
        _envelope: Not used; the incident is found by its id.
        fact: The acknowledgement.
    """
    incident = state.incidents.get(fact.incident_id)
    if incident is not None and incident.revision == 0:
        incident = None  # a candidate has not been reported, so nobody can know of it
    repeat = _repeat(state, incident, fact)
    if repeat is not None:
        return Effect(
            repeat, (), _refresh_window(state, incident, fact) if repeat is Reason.DUPLICATE else ()
        )
    if incident is None:
        return _without_incident(state, fact)
    incident = replace(incident, acks=add_event(incident.acks, fact.ack_id, fact.received_at))
    rule = ACK_RULES.get(fact.action)
    objection = Reason.UNKNOWN_ACTION if rule is None else _objection(state, incident, fact, rule)
    if rule is None or objection is not None:
        reason = objection or Reason.UNKNOWN_ACTION
        return _rejected(state, fact, reason, incident.state, PutIncident(incident))
    return _accepted(state, incident, fact, rule)


def _without_incident(state: State, fact: AckFact) -> Effect:
    """Reject an acknowledgement of an incident that is over or unknown."""
    ended = state.ended.get(fact.incident_id)
    reason = Reason.UNKNOWN_INCIDENT if ended is None else Reason.INCIDENT_OVER
    unmatched = PutUnmatchedAck(_ack_key(fact), fact.received_at)
    return _rejected(state, fact, reason, IncidentState.UNKNOWN if ended is None else ended.state, unmatched)


def _ack_key(fact: AckFact) -> str:
    return f"{fact.incident_id}/{fact.ack_id}"


def _repeat(state: State, incident: Incident | None, fact: AckFact) -> Reason | None:
    """Why it may be a duplicate, or None: the incident may be open, over, or not raised when it was first sent.

    The acknowledgements of one incident come through one partition, in the order of their received_at, so one that is
    older than all that its incident remembers is a copy.
    """
    if _ack_key(fact) in state.unmatched_acks:
        return Reason.DUPLICATE
    if incident is not None:
        return check_event(incident.acks, fact.ack_id, fact.received_at)
    ended = state.ended.get(fact.incident_id)
    return None if ended is None else check_event(ended.acks, fact.ack_id, fact.received_at)


def _refresh_window(state: State, incident: Incident | None, fact: AckFact) -> tuple[Change, ...]:
    """Move a resend to its own received_at in the window that holds it, since copies of the resend may follow."""
    if _ack_key(fact) in state.unmatched_acks:
        return (PutUnmatchedAck(_ack_key(fact), fact.received_at),)
    if incident is not None:
        return (PutIncident(replace(incident, acks=add_event(incident.acks, fact.ack_id, fact.received_at))),)
    ended = state.ended.get(fact.incident_id)
    if ended is None:
        return ()
    acks = add_event(ended.acks, fact.ack_id, fact.received_at)
    return (PutEnded(fact.incident_id, EndedIncident(ended.state, acks)),)


def _objection(state: State, incident: Incident, fact: AckFact, rule: AckRule) -> Reason | None:
    """The reason to reject an acknowledgement, or None."""
    objection = _content_objection(state, fact) or _revision_objection(incident, fact, rule)
    if objection is not None:
        return objection
    is_unasked = fact.action is AckAction.ACCEPT and incident.state in ATTENDED and incident.ack_by is None
    if is_unasked or not is_possible(incident.state, rule.transition):
        return Reason.NOT_POSSIBLE_NOW
    if rule.needs_reason and fact.reason in {None, AckReason.UNKNOWN}:
        return Reason.REASON_MISSING
    object_to = _OBJECTIONS.get(fact.action)
    return None if object_to is None else object_to(state, incident, fact)


def _content_objection(state: State, fact: AckFact) -> Reason | None:
    """What is wrong with an acknowledgement, whatever its incident is."""
    if not fact.actor.name.strip():
        return Reason.ACTOR_MISSING
    if fact.note is not None and len(fact.note) > NOTE_LENGTH:
        return Reason.NOTE_TOO_LONG
    return Reason.ACK_TOO_OLD if fact.received_at - fact.at > state.policy.ack_too_old_ms else None


def _revision_objection(incident: Incident, fact: AckFact, rule: AckRule) -> Reason | None:
    """Whether the sender has not seen what they decide about, or names something that nobody has seen."""
    if fact.revision is None:
        return None
    if fact.revision > incident.revision:
        return Reason.REVISION_NOT_OUT
    if rule.judges and fact.revision < incident.joined_revision:
        return Reason.OUTDATED_REVISION
    if fact.revision >= incident.alarm_revision:
        return None
    # A unit on the way to a yellow has not answered the red that it has become. Who accepts, or is on the way, while
    # another caller asks is heard: the other caller goes on asking.
    is_only_a_call = incident.state in ATTENDED and not rule.judges
    must_see = (rule.needs_latest and not is_only_a_call) or incident.state in UNACKNOWLEDGED
    return Reason.OUTDATED_REVISION if must_see and fact.action is not AckAction.NOTE else None


def _note_objection(_state: State, _incident: Incident, fact: AckFact) -> Reason | None:
    return None if fact.note is not None and fact.note.strip() else Reason.NOTE_MISSING


def _close_objection(_state: State, _incident: Incident, fact: AckFact) -> Reason | None:
    return Reason.DISPOSITION_MISSING if fact.disposition in {None, Disposition.UNKNOWN} else None


def _service_objection(_state: State, incident: Incident, _fact: AckFact) -> Reason | None:
    return None if incident.grade is Grade.BLUE else Reason.NEVER_FOR_GRADE


def _regrade_objection(_state: State, incident: Incident, fact: AckFact) -> Reason | None:
    grade = fact.grade
    if grade is None or grade is Grade.UNKNOWN:
        return Reason.GRADE_MISSING
    if grade is incident.grade:
        return Reason.NOT_POSSIBLE_NOW
    return None if grade in GRADES.get(incident.family, ()) else Reason.NEVER_FOR_GRADE


def _shelve_objection(state: State, incident: Incident, fact: AckFact) -> Reason | None:
    shelve_s = fact.shelve_s
    longest_ms = state.policy.shelve_ms.of(incident.grade)
    if not longest_ms:
        return Reason.NEVER_FOR_GRADE
    return None if shelve_s is None or 0 < shelve_s * SECOND_MS <= longest_ms else Reason.TOO_LONG


_OBJECTIONS: Mapping[AckAction, Callable[[State, Incident, AckFact], Reason | None]] = {
    AckAction.CLOSE: _close_objection,
    AckAction.REGRADE: _regrade_objection,
    AckAction.SHELVE: _shelve_objection,
    AckAction.OUT_OF_SERVICE: _service_objection,
    AckAction.NOTE: _note_objection,
}


def _accepted(state: State, incident: Incident, fact: AckFact, rule: AckRule) -> Effect:
    policy, now = state.policy, state.now
    if fact.action is AckAction.REGRADE and fact.grade is not None:
        incident = record_grade_change(replace(incident, grade=fact.grade), now, policy)
    before, incident = incident, extend_expiry(incident, now, policy)
    # A repeated action starts its timers again: a second unit en route, a longer shelving, another grade.
    if fact.action in {AckAction.UNSHELVE, AckAction.IN_SERVICE}:
        incident = bring_back(incident, rule.transition, now, policy)
    else:
        is_note = fact.action is AckAction.NOTE
        incident = advance(incident, rule.transition, now, policy, restart=not is_note)
    if fact.action is AckAction.CLEAR:
        incident = replace(incident, cleared_by_person=True)
    if incident.state in ATTENDED and fact.revision is not None and fact.revision < before.call_revision:
        incident = still_asked(incident, before)
    if incident.state in QUIET and never_a_press(incident):
        incident = replace(incident, untold=0)
    elif before.untold and incident.notify_at is None:
        incident = replace(incident, notify_at=EpochMs(now + policy.more_records_ms))
    if incident.state in QUIET and fact.action is not AckAction.NOTE:
        incident = put_away_until(incident, EpochMs(now + _silence_ms(state, incident, fact)), policy)
    context = AlertContext(
        action=rule.action,
        reason=rule.reason,
        cause=("ack", fact.ack_id),
        at=now,
        policy_version=state.policy_version,
        disposition=fact.disposition if fact.action is AckAction.CLOSE else None,
        actor=fact.actor,
        ack_id=fact.ack_id,
        note=fact.note,
    )
    untold = incident.untold
    incident, alert = issue_alert(incident, context)
    ends = incident.state in {IncidentState.CLOSED, IncidentState.CANCELLED}
    change: Change = EndIncident(incident) if ends else PutIncident(replace(incident, untold=untold))
    result = _result(state, fact, AckOutcome.ACCEPTED, rule.reason, incident.state)
    effect = Effect(rule.reason, (alert,), (change,), result)
    return effect.then(closed_fault(state, incident)) if ends else effect


def _silence_ms(state: State, incident: Incident, fact: AckFact) -> int:
    """For how long the incident is suppressed, milliseconds: as asked for, or the policy's longest time."""
    if incident.state is IncidentState.OUT_OF_SERVICE:
        return state.policy.out_of_service_ms
    if fact.shelve_s is not None:
        return fact.shelve_s * SECOND_MS
    return state.policy.shelve_ms.of(incident.grade)


def _rejected(state: State, fact: AckFact, reason: Reason, now: IncidentState, *changes: Change) -> Effect:
    return Effect(reason, (), changes, _result(state, fact, AckOutcome.REJECTED, reason, now))


def _result(
    state: State, fact: AckFact, outcome: AckOutcome, reason: Reason, now: IncidentState
) -> AckResult:
    return AckResult(
        ack_id=fact.ack_id,
        incident_id=fact.incident_id,
        outcome=outcome,
        reason=reason,
        state=now,
        at=state.now,
    )
