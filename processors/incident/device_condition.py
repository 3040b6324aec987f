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
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, EndIncident, PutIncident
from processors.state.entities import DeviceKey, Incident
from processors.state.geometry import Place
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Action, Disposition, Feed, Hazard, IncidentState, Reason
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


def on_active(state: State, signal: ConditionSignal) -> Effect:
    """Decide about a condition that is active: raise its incident, raise it again, or record that it persists."""
    known = by_name(state, signal.zone, fault_name(signal.hazard, signal.subject))
    if known is None:
        return _open(state, signal)
    policy, now = state.policy, state.now
    incident = replace(
        known,
        last_at=now,
        expires_at=EpochMs(now + policy.expire_after_ms),
        sources=with_source(known.sources, _source(signal)),
        source_count=known.source_count + 1,
    )
    if known.active and known.state not in OVER:
        return Effect(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    incident = record_return(incident, now, policy)
    is_quiet = known.flapping or known.state in QUIET
    if is_quiet or known.state is IncidentState.CANDIDATE:
        return Effect(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    incident = advance(incident, Transition.FACT, now, policy, restart=False)
    return _report(state, incident, signal, Reason.CONDITION_BACK, is_alarm=True)


def on_cleared(state: State, signal: ConditionSignal) -> Effect:
    """Decide about a condition that has cleared."""
    known = by_name(state, signal.zone, fault_name(signal.hazard, signal.subject))
    if known is None or not known.active:
        return Effect(Reason.NOT_ACTIVE)
    policy, now = state.policy, state.now
    incident = record_clearance(replace(known, last_at=now), now, policy)
    if known.flapping or known.state in QUIET:
        return Effect(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    if incident.flapping:
        return _on_flapping(state, known, incident, signal)
    incident = advance(incident, Transition.CONDITION_OVER, now, policy, restart=False)
    if known.revision == 0:
        return Effect(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    return _report(state, incident, signal, Reason.CONDITION_OVER, is_alarm=False)


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
    is_held = not signal.is_sure and hold_ms(state.policy, grade) > 0
    transition = Transition.HELD if is_held else Transition.FACT
    incident = opened(_fault(state, signal), transition, state.now, state.policy)
    if is_held:
        return Effect(Reason.HELD, (), (PutIncident(incident),))
    around = None if signal.is_alone else Surroundings(state, (signal.zone, signal.subject), signal.place)
    context = _context(state, incident, signal, signal.reason, is_alarm=True)
    return raise_incident(state, incident, context, around)[1]


def _fault(state: State, signal: ConditionSignal) -> Incident:
    place = signal.place
    assessment = ASSESSMENTS[signal.hazard]
    return Incident(
        incident_id=incident_id_of(signal.zone, signal.hazard, signal.subject, signal.event_id),
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
        sources=(_source(signal),),
        source_count=1,
        device_name=signal.name,
        feeds=(signal.feed,),
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
    )
