"""Conditions of a device or a feed, such as tamper, battery, silence or a stuck button: maintenance, grade blue.

    active  ─► a candidate while blue is held (a device reports it), or raised at once (callbox has waited for it)
    cleared ─► cleared; an unacknowledged one still needs an answer; one that is still held is never reported
    active, cleared, three times in a minute ─► flapping: reported once

Each condition of each device has one open incident, which is found by its name, however old it is.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.flapping import record_clearance, record_return
from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, advance, hold_ms, opened
from processors.incident.matching import Surroundings, by_name, fault_name
from processors.incident.planned import planned_until
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, EndIncident, PutClosedFault, PutIncident, SetTimer
from processors.state.entities import ClosedFault, DeviceKey, Incident, Timer, TimerKind
from processors.state.geometry import Place
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Action, Disposition, Family, Feed, Hazard, IncidentState, Reason
from schemas.registry import ChainLink
from schemas.units import EpochMs


class ConditionSignal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A report that a condition is active, or that it has cleared.

    Attributes:
        hazard: Which condition.
        subject: The device id, or the topic of a feed, with the partition where there is one.
        zone: The zone it belongs to.
        event_id: Id of the signal; unique for each subject.
        feed: The feed that reported it.
        occurred_at: When it happened.
        received_at: When it was reported.
        is_sure: callbox has waited for the condition itself, so that the incident is not held.
        name: The device's name for the texts; empty where the subject is no device.
        place: Where the device is, or None.
        chain: The responsible units, first tier first.
        reason: The reason of the first alert.
        is_alone: The signal is one of several in one decision: its incident is not linked with others at its place.
        hold_ms: How long its incident is held, milliseconds; None: as the policy says for its grade.
        is_again: It is told again although a person has closed it.
        related: Earlier incidents of the same condition.
        examples: Devices of an area that have the condition, instead of the subject.
        count: How many there are.
    """

    hazard: Hazard
    subject: str
    zone: str
    event_id: str
    feed: Feed
    occurred_at: EpochMs
    received_at: EpochMs
    is_sure: bool = False
    name: str = ""
    place: Place | None = None
    chain: tuple[ChainLink, ...] = CONTROL_ROOM
    reason: Reason = Reason.CONDITION_ACTIVE
    is_alone: bool = False
    hold_ms: int | None = None
    is_again: bool = False
    related: tuple[str, ...] = ()
    examples: tuple[Source, ...] = ()
    count: int = 1


def on_active(state: State, signal: ConditionSignal) -> Effect:
    """Decide about a condition that is active: raise its incident, raise it again, or record that it persists."""
    name = fault_name(signal.hazard, signal.subject)
    known = by_name(state, signal.zone, name)
    if known is None:
        is_closed = (signal.zone, name) in state.closed_faults
        if is_closed and not signal.is_again:
            return Effect(Reason.STILL_ACTIVE)
        opened_now = _open(state, signal)
        return opened_now.after(PutClosedFault((signal.zone, name), None)) if is_closed else opened_now
    policy, now = state.policy, state.now
    incident = replace(
        known,
        last_at=now,
        expires_at=EpochMs(now + policy.expire_after_ms),
        sources=signal.examples or with_source(known.sources, _source(signal)),
        source_count=signal.count if signal.examples else known.source_count + 1,
    )
    if known.active and known.state not in OVER:
        return Effect(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    incident = record_return(incident, now, policy)
    is_quiet = known.flapping or known.state in QUIET
    if is_quiet or known.state is IncidentState.CANDIDATE:
        return Effect(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    if (until := planned_until(state, signal.zone, signal.subject)) is not None:
        return Effect(Reason.HELD, (), (PutIncident(replace(incident, calm_at=until)),))
    incident = advance(incident, Transition.FACT, now, policy, restart=False)
    reason = Reason.FLAPPING if incident.flapping else Reason.CONDITION_BACK
    return _report(state, incident, signal, reason, is_alarm=True)


def on_cleared(state: State, signal: ConditionSignal) -> Effect:
    """Decide about a condition that has cleared."""
    name = fault_name(signal.hazard, signal.subject)
    known = by_name(state, signal.zone, name)
    if known is None and (signal.zone, name) in state.closed_faults:
        return Effect(Reason.CONDITION_OVER, (), (PutClosedFault((signal.zone, name), None),))
    if known is None or not known.active:
        return Effect(Reason.NOT_ACTIVE)
    policy, now = state.policy, state.now
    incident = record_clearance(replace(known, last_at=now), now, policy)
    is_return_held = known.state in OVER and known.calm_at is not None
    if known.flapping or known.state in QUIET or known.is_planned or is_return_held:
        return Effect(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    if incident.flapping:
        return _on_flapping(state, known, incident, signal)
    incident = advance(incident, Transition.CONDITION_OVER, now, policy, restart=False)
    if known.revision == 0:
        return Effect(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    return _report(state, incident, signal, Reason.CONDITION_OVER, is_alarm=False)


def report_condition(state: State, incident: Incident, signal: ConditionSignal, reason: Reason) -> Effect:
    """Tell something of a condition that persists, such as another count of the devices of an area."""
    changed = replace(incident, sources=signal.examples or incident.sources, source_count=signal.count)
    return _report(state, changed, signal, reason, is_alarm=False)


def closed_fault(state: State, incident: Incident) -> Effect:
    """Remember a fault that goes on although its incident ends now, so that it is told again after a while (F10)."""
    if incident.family is not Family.MAINTENANCE or not incident.active:
        return Effect(None)
    if incident.hazard is Hazard.EXERCISE_OVERDUE:  # a person who says that it is over ends it
        return Effect(None)
    key = (incident.zone, incident.place_key)
    again_at = EpochMs(state.now + state.policy.still_there_ms)
    timer = Timer(again_at, f"{incident.zone}/{incident.place_key}", TimerKind.AGAIN)
    return Effect(
        None, (), (PutClosedFault(key, ClosedFault(incident.incident_id, again_at)), SetTimer(timer))
    )


def forget_closed_fault(state: State, zone: str, hazard: Hazard, subject: str) -> Effect:
    """Forget that a person has closed a fault: its device has left, or does not promise it any more."""
    key = (zone, fault_name(hazard, subject))
    return Effect(None, (), (PutClosedFault(key, None),)) if key in state.closed_faults else Effect(None)


def close_incident(
    state: State, incident: Incident, reason: Reason, event_id: str, disposition: Disposition | None = None
) -> Effect:
    """Close an incident whatever its state: its device has left, or another incident covers the same cause."""
    closed = advance(incident, Transition.REMOVE, state.now, state.policy)
    if incident.revision == 0:
        return Effect(reason, (), (EndIncident(closed),))
    context = AlertContext(
        action=Action.CLOSE,
        reason=reason,
        cause=(reason, event_id),
        at=state.now,
        policy_version=state.policy_version,
        disposition=disposition,
    )
    closed, alert = issue_alert(closed, context)
    return Effect(reason, (alert,), (EndIncident(closed),))


def _on_flapping(state: State, known: Incident, incident: Incident, signal: ConditionSignal) -> Effect:
    """Report once that the condition alternates too often; a candidate is raised for this."""
    if known.state is IncidentState.CANDIDATE:
        incident = advance(incident, Transition.FACT, state.now, state.policy)
    return _report(state, incident, signal, Reason.FLAPPING, is_alarm=known.revision == 0)


def _open(state: State, signal: ConditionSignal) -> Effect:
    grade = grade_of(state.policy, signal.hazard)
    default_ms = 0 if signal.is_sure else hold_ms(state.policy, grade)
    hold_until = EpochMs(state.now + (default_ms if signal.hold_ms is None else signal.hold_ms))
    planned = planned_until(state, signal.zone, signal.subject)
    fault = _fault(state, signal)
    if planned is not None and planned > hold_until:
        hold_until, fault = planned, replace(fault, is_planned=True)
    if hold_until > state.now:
        held = opened(fault, Transition.HELD, state.now, state.policy)
        expires_at = EpochMs(max(held.expires_at, hold_until + state.policy.expire_after_ms))
        return Effect(
            Reason.HELD, (), (PutIncident(replace(held, hold_until=hold_until, expires_at=expires_at)),)
        )
    incident = opened(fault, Transition.FACT, state.now, state.policy)
    around = None if signal.is_alone else Surroundings(state, (signal.zone, signal.subject), signal.place)
    context = _context(state, incident, signal, signal.reason, is_alarm=True)
    return raise_incident(state, incident, context, around)[1]


def _fault(state: State, signal: ConditionSignal) -> Incident:
    place = signal.place
    assessment = ASSESSMENTS[signal.hazard]
    event = (signal.event_id, signal.received_at)
    return Incident(
        incident_id=incident_id_of(state, signal.zone, signal.hazard, signal.subject, *event),
        zone=signal.zone,
        family=assessment.family,
        hazard=signal.hazard,
        grade=grade_of(state.policy, signal.hazard),
        state=IncidentState.CANDIDATE,  # until it is opened
        place_key=fault_name(signal.hazard, signal.subject),
        place=place,
        uncertainty_m=None if place is None else state.policy.pillar_reach_m,
        verification_level=assessment.verification_level,
        score_permille=None,
        chain=signal.chain,
        onset=signal.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        devices=(signal.subject,),
        sources=signal.examples or (_source(signal),),
        source_count=signal.count,
        device_name=signal.name,
        feeds=(signal.feed,),
        related=signal.related,
        place_device="" if place is None else signal.subject,
    )


def _report(
    state: State, incident: Incident, signal: ConditionSignal, reason: Reason, *, is_alarm: bool
) -> Effect:
    context = _context(state, incident, signal, reason, is_alarm=is_alarm)
    incident, alert = issue_alert(incident, context)
    return Effect(reason, (alert,), (PutIncident(incident),))


def _context(
    state: State, incident: Incident, signal: ConditionSignal, reason: Reason, *, is_alarm: bool
) -> AlertContext:
    return AlertContext(
        action=Action.UPDATE if incident.revision else Action.RAISE,
        reason=reason,
        cause=(signal.feed, signal.subject, signal.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=signal.name,
        is_alarm=is_alarm,
    )


def _source(signal: ConditionSignal) -> Source:
    return Source(
        feed=signal.feed,
        device_id=signal.subject,
        event_id=signal.event_id,
        occurred_at=signal.occurred_at,
        received_at=signal.received_at,
    )


def signal_of(
    key: DeviceKey,
    hazard: Hazard,
    event_id: str,
    *,
    at: EpochMs,
    name: str,
    place: Place | None,
    chain: tuple[ChainLink, ...],
    is_alone: bool = False,
    reason: Reason = Reason.CONDITION_ACTIVE,
    hold_ms: int | None = None,
) -> ConditionSignal:
    """A signal about a device that callbox itself has found, such as silence; it needs no further hold."""
    return ConditionSignal(
        hazard=hazard,
        subject=key[1],
        zone=key[0],
        event_id=event_id,
        feed=Feed.INTAKE,
        occurred_at=at,
        received_at=at,
        is_sure=True,
        name=name,
        place=place,
        chain=chain,
        is_alone=is_alone,
        reason=reason,
        hold_ms=hold_ms,
    )
