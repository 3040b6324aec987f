"""A condition of a device or a feed comes and goes: tamper, battery, silence, a stuck button. Maintenance, blue.

    active  ─► a candidate while blue is held (what the device says), or raised (what callbox has waited for)
    cleared ─► cleared; unacknowledged it still needs an answer; within the hold it is never reported
    active, cleared, three times in a minute ─► flapping: reported once

One open incident for each condition of each device: found by its name, however long ago.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.flapping import record_clearance, record_return
from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, advance, hold_ms, next_state, opened
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
    """Something that shows a condition, or that it is over.

    Attributes:
        hazard: Which condition.
        who: The device, or what of a feed.
        zone: Where it belongs.
        event_id: Names the signal; unique for the one it is about.
        feed: Who told.
        occurred_at: When it happened.
        received_at: When it was told.
        is_sure: callbox has waited for it itself: no further hold.
        name: The device's name for the texts; empty for what is no device.
        place: Where it is, or None.
        chain: Who is responsible.
        reason: Why it is told.
        is_alone: It is one of several signs in one decision, and names no neighbours.
    """

    hazard: Hazard
    who: str
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
    """The condition is there."""
    known = by_name(state, signal.zone, fault_name(signal.hazard, signal.who))
    if known is None:
        return _first(state, signal)
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
    """The condition is over."""
    known = by_name(state, signal.zone, fault_name(signal.hazard, signal.who))
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
    """The incident ends whatever its state: its device has left, or another incident speaks for it."""
    over = advance(incident, Transition.REMOVE, state.now, state.policy)
    if incident.revision == 0:
        return Effect(reason, (), (EndIncident(over),))
    context = AlertContext(
        action=Action.CLOSE,
        reason=reason,
        cause=(reason, event_id),
        at=state.now,
        policy_version=state.policy_version,
        disposition=disposition,
    )
    over, alert = issue_alert(over, context)
    return Effect(reason, (alert,), (EndIncident(over),))


def _on_flapping(state: State, known: Incident, incident: Incident, signal: ConditionSignal) -> Effect:
    """It has come and gone too often, which is reported once; a candidate is raised for it."""
    if known.state is IncidentState.CANDIDATE:
        incident = advance(incident, Transition.FACT, state.now, state.policy)
    return _report(state, incident, signal, Reason.FLAPPING, is_alarm=known.revision == 0)


def _first(state: State, signal: ConditionSignal) -> Effect:
    grade = grade_of(state.policy, signal.hazard)
    is_held = not signal.is_sure and hold_ms(state.policy, grade) > 0
    transition = Transition.HELD if is_held else Transition.FACT
    incident = opened(_fault(state, signal, next_state(None, transition)), state.now, state.policy)
    if is_held:
        return Effect(Reason.HELD, (), (PutIncident(incident),))
    around = None if signal.is_alone else Surroundings(state, (signal.zone, signal.who), signal.place)
    context = _context(state, incident, signal, signal.reason, is_alarm=True)
    return raise_incident(state, incident, context, around)[1]


def _fault(state: State, signal: ConditionSignal, to: IncidentState) -> Incident:
    place = signal.place
    assessment = ASSESSMENTS[signal.hazard]
    return Incident(
        incident_id=incident_id_of(signal.zone, signal.hazard, signal.who, signal.event_id),
        zone=signal.zone,
        family=assessment.family,
        hazard=signal.hazard,
        grade=grade_of(state.policy, signal.hazard),
        state=to,
        place_key=fault_name(signal.hazard, signal.who),
        place=place,
        uncertainty_m=None if place is None else state.policy.pillar_reach_m,
        verification_level=assessment.verification_level,
        score_permille=None,
        chain=signal.chain,
        onset=signal.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        devices=(signal.who,),
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
        cause=(signal.feed, signal.who, signal.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=signal.name,
        is_alarm=is_alarm,
    )


def _source(signal: ConditionSignal) -> Source:
    return Source(
        feed=signal.feed,
        device_id=signal.who,
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
    """A signal that callbox has found itself, about a device."""
    return ConditionSignal(
        hazard=hazard,
        who=key[1],
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
