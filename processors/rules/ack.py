"""Acknowledgements of people: accept, reject, en route, on scene, clear, close, cancel, regrade, shelve, note.

    acknowledgement ─► a duplicate: no alert and no answer
                     ─► nobody vouches for the sender, or the sender's organisation is not asked: rejected
                     ─► no such incident, too old, not possible, incomplete: rejected, with the reason
                     ─► one of two people has asked to end a red: it waits (processors/rules/second_person.py)
                     ─► a transition (processors/incident/lifecycle.py): an alert, and the answer that it is accepted

A duplicate is recognised by sender, incident and ack id (processors/rules/ack_copies.py) while the incident is open,
and after its end as long as the state keeps it among the ended ones. What is not certain to be a duplicate is
answered, 10,000 in one batch too (docs/requirements.md, F6). Who judges an incident must have seen all that has joined
it (F4), and says which revision was shown; a note alone needs none.
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
from processors.rules.ack_copies import check_copy, unmatched_key, with_ack
from processors.rules.occurrence import never_a_press
from processors.rules.second_person import is_in_chain, person_key, wait_for_second, wants_second
from processors.state.effect import Change, Effect, EndIncident, PutEnded, PutIncident, PutUnmatchedAck
from processors.state.entities import Incident
from processors.state.partition_state import State
from schemas.ack import NOTE_LENGTH, AckFact, AckResult, Actor
from schemas.enums import (
    AckAction,
    AckFlaw,
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
    if (objection := _sender_objection(incident, fact)) is not None:
        return _turned_away(state, fact, objection)
    if incident is None:
        return _turned_away(
            state, fact, Reason.INCIDENT_OVER if fact.incident_id in state.ended else Reason.UNKNOWN_INCIDENT
        )
    incident = with_ack(incident, fact)
    rule = ACK_RULES.get(fact.action)
    objection = Reason.UNKNOWN_ACTION if rule is None else _objection(state, incident, fact, rule)
    if rule is None or objection is not None:
        reason = objection or Reason.UNKNOWN_ACTION
        return _rejected(state, fact, reason, incident.state, PutIncident(incident))
    return _accepted(state, incident, fact, rule)


def _turned_away(state: State, fact: AckFact, reason: Reason) -> Effect:
    """Reject an acknowledgement that leaves no trace in an incident: it is over or unknown, or not the sender's."""
    known = state.incidents.get(fact.incident_id) or state.ended.get(fact.incident_id)
    is_known = known is not None and reason is not Reason.UNKNOWN_INCIDENT
    unmatched = PutUnmatchedAck(unmatched_key(fact), fact.received_at)
    return _rejected(
        state,
        fact,
        reason,
        known.state if known is not None and is_known else IncidentState.UNKNOWN,
        unmatched,
    )


def _sender_objection(incident: Incident | None, fact: AckFact) -> Reason | None:
    """Why nothing is taken from the sender, whatever is said; None where the sender may speak."""
    if fact.flaw is not None:
        return _FLAWS.get(fact.flaw, Reason.UNUSABLE_TEXT)
    if incident is None or not fact.vouched_organisation or is_in_chain(incident, fact.units):
        return None
    return Reason.NOT_IN_CHAIN


def _repeat(state: State, incident: Incident | None, fact: AckFact) -> Reason | None:
    """Why it may be a duplicate, or None: the incident may be open, over, or not raised when it was first sent."""
    if unmatched_key(fact) in state.unmatched_acks:
        return Reason.DUPLICATE
    kept = incident if incident is not None else state.ended.get(fact.incident_id)
    return None if kept is None else check_copy(kept, fact)


def _refresh_window(state: State, incident: Incident | None, fact: AckFact) -> tuple[Change, ...]:
    """Move a resend to its own received_at in the window that holds it, since copies of the resend may follow."""
    if unmatched_key(fact) in state.unmatched_acks:
        return (PutUnmatchedAck(unmatched_key(fact), fact.received_at),)
    if incident is not None:
        return (PutIncident(with_ack(incident, fact)),)
    ended = state.ended.get(fact.incident_id)
    return () if ended is None else (PutEnded(fact.incident_id, with_ack(ended, fact)),)


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
    if not person_key(fact.actor.name):
        return Reason.ACTOR_MISSING
    if fact.note is not None and len(fact.note) > NOTE_LENGTH:
        return Reason.NOTE_TOO_LONG
    return Reason.ACK_TOO_OLD if fact.received_at - fact.at > state.policy.ack_too_old_ms else None


def _revision_objection(incident: Incident, fact: AckFact, rule: AckRule) -> Reason | None:
    """Whether the sender has not seen what they decide about, or names something that nobody has seen."""
    is_asked = fact.vouched_organisation is not None and fact.action is not AckAction.NOTE
    if is_asked and (fact.revision or 0) < 1:
        return Reason.REVISION_MISSING
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


_FLAWS: Mapping[AckFlaw, Reason] = {
    AckFlaw.ORGANISATION_NOT_VOUCHED: Reason.ORGANISATION_NOT_VOUCHED,
    AckFlaw.UNUSABLE_TEXT: Reason.UNUSABLE_TEXT,
}


def _actor_of(fact: AckFact) -> Actor:
    """Who has acted, as alerts name them: of the organisation that the broker vouches for, where it does."""
    return replace(fact.actor, organisation=fact.vouched_organisation or fact.actor.organisation)


def _accepted(state: State, incident: Incident, fact: AckFact, rule: AckRule) -> Effect:
    if wants_second(state, incident, fact):
        waits, told = wait_for_second(state, incident, fact, _actor_of(fact))
        result = _result(state, fact, AckOutcome.ACCEPTED, Reason.SECOND_PERSON_WANTED, waits.state)
        return replace(told, result=result)
    policy, now = state.policy, state.now
    if fact.action is AckAction.REGRADE and fact.grade is not None:
        lowered = incident.lowered_from_red or incident.grade is Grade.RED
        incident = record_grade_change(
            replace(incident, grade=fact.grade, lowered_from_red=lowered), now, policy
        )
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
    elif before.untold and before.family is Family.EMERGENCY and before.notify_at is not None:
        # Presses that wait are told when they were to be: an answer to those before them delays none.
        incident = replace(incident, notify_at=before.notify_at)
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
        actor=_actor_of(fact),
        vouched_organisation=fact.vouched_organisation or None,
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
        vouched_organisation=fact.vouched_organisation or "",
    )
