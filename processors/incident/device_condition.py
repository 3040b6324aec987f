"""A condition of a device or a feed comes and goes: tamper, battery, silence, a stuck button. Maintenance, blue.

    on  ─► a candidate while blue is held (what the device says), or raised (what callbox has waited for)
    off ─► cleared; unacknowledged it still needs somebody; within the hold nobody ever hears of it
    on, off, on, off, on, off ─► flapping: told once

One open incident for each condition of each device: found by its name, however long ago.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.deadlines import enter, hold_ms
from processors.incident.flapping import record_clearance, record_return
from processors.incident.grading import ASSESSMENTS, CONTROL_ROOM, grade_of
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import OVER, QUIET, Transition, next_state
from processors.incident.link import link
from processors.incident.matching import Surroundings, by_name, fault_name
from processors.state.effect import Change, EndIncident, PutIncident
from processors.state.entities import DeviceKey, Incident
from processors.state.geometry import Place
from processors.state.partition_state import State
from schemas.alert import Alert, Source
from schemas.enums import Action, Disposition, Family, Feed, Hazard, IncidentState, Reason
from schemas.registry import ChainLink
from schemas.units import EpochMs


class ConditionSignal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that shows a condition, or that it is over.

    Attributes:
        hazard: Which condition.
        who: The device, or what of a feed.
        zone: Where it belongs.
        event_id: Names the sign; unique for the one it is about.
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


class Shown(msgspec.Struct, frozen=True):
    """What became of a sign.

    Attributes:
        reason: Why.
        alerts: What goes out, in order.
        changes: What the fold is to change.
    """

    reason: Reason
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()


def on_active(state: State, sign: ConditionSignal) -> Shown:
    """The condition is there."""
    known = by_name(state, sign.zone, fault_name(sign.hazard, sign.who))
    if known is None:
        return _first(state, sign)
    policy, now = state.policy, state.now
    incident = replace(
        known,
        last_at=now,
        expires_at=EpochMs(now + policy.expire_after_ms),
        sources=with_source(known.sources, _source(sign)),
        source_count=known.source_count + 1,
    )
    if known.active and known.state not in OVER:
        return Shown(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    incident = record_return(incident, now, policy)
    is_quiet = known.flapping or known.state in QUIET
    if is_quiet or known.state is IncidentState.CANDIDATE:
        return Shown(Reason.STILL_ACTIVE, (), (PutIncident(incident),))
    to = next_state(known.state, Transition.FACT)
    if to is not known.state:
        incident = enter(incident, to, now, policy)
    return _tell(state, incident, sign, Reason.CONDITION_BACK, is_alarm=True)


def on_cleared(state: State, sign: ConditionSignal) -> Shown:
    """The condition is over."""
    known = by_name(state, sign.zone, fault_name(sign.hazard, sign.who))
    if known is None or not known.active:
        return Shown(Reason.NOT_ACTIVE)
    policy, now = state.policy, state.now
    incident = record_clearance(replace(known, last_at=now), now, policy)
    if known.flapping or known.state in QUIET:
        return Shown(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    if incident.flapping:
        return _flaps(state, known, incident, sign)
    to = next_state(known.state, Transition.CONDITION_OVER)
    if to is not known.state:
        incident = enter(incident, to, now, policy)
    if known.revision == 0:
        return Shown(Reason.CONDITION_OVER, (), (PutIncident(incident),))
    return _tell(state, incident, sign, Reason.CONDITION_OVER, is_alarm=False)


def close_incident(
    state: State, incident: Incident, reason: Reason, event_id: str, disposition: Disposition | None = None
) -> Shown:
    """The incident ends whatever its state: its device has left, or another incident speaks for it."""
    over = enter(incident, next_state(incident.state, Transition.REMOVE), state.now, state.policy)
    if incident.revision == 0:
        return Shown(reason, (), (EndIncident(over),))
    occasion = AlertContext(
        action=Action.CLOSE,
        reason=reason,
        cause=(reason, event_id),
        at=state.now,
        policy_version=state.policy_version,
        disposition=disposition,
    )
    over, alert = issue_alert(over, occasion)
    return Shown(reason, (alert,), (EndIncident(over),))


def _flaps(state: State, known: Incident, incident: Incident, sign: ConditionSignal) -> Shown:
    """It has come and gone too often: said once; a candidate is raised for it."""
    if known.state is IncidentState.CANDIDATE:
        incident = enter(incident, next_state(known.state, Transition.FACT), state.now, state.policy)
    return _tell(state, incident, sign, Reason.FLAPPING, is_alarm=known.revision == 0)


def _first(state: State, sign: ConditionSignal) -> Shown:
    grade = grade_of(state.policy, sign.hazard)
    is_held = not sign.is_sure and hold_ms(state.policy, grade) > 0
    to = next_state(None, Transition.HELD if is_held else Transition.FACT)
    incident = enter(_fault(state, sign, to), to, state.now, state.policy)
    if is_held:
        return Shown(Reason.HELD, (), (PutIncident(incident),))
    return raised(state, incident, sign)


def raised(state: State, incident: Incident, sign: ConditionSignal) -> Shown:
    """Tell of a condition for the first time."""
    updates: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    if not sign.is_alone:
        around = Surroundings(state, (sign.zone, sign.who), sign.place)
        others = around.others(Family.MAINTENANCE, incident.status)
        incident, updates, changes = link(state, incident, others)
    shown = _tell(state, incident, sign, sign.reason, is_alarm=True)
    return Shown(shown.reason, (*shown.alerts, *updates), (*shown.changes, *changes))


def _fault(state: State, sign: ConditionSignal, to: IncidentState) -> Incident:
    place = sign.place
    assessment = ASSESSMENTS[sign.hazard]
    return Incident(
        incident_id=incident_id_of(sign.zone, sign.hazard, sign.who, sign.event_id),
        zone=sign.zone,
        family=assessment.family,
        hazard=sign.hazard,
        grade=grade_of(state.policy, sign.hazard),
        state=to,
        place_key=fault_name(sign.hazard, sign.who),
        place=place,
        uncertainty_m=None if place is None else state.policy.pillar_reach_m,
        verification_level=assessment.verification_level,
        score_permille=None,
        chain=sign.chain,
        onset=sign.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        devices=(sign.who,),
        sources=(_source(sign),),
        source_count=1,
        device_name=sign.name,
        feeds=(sign.feed,),
    )


def _tell(
    state: State, incident: Incident, sign: ConditionSignal, reason: Reason, *, is_alarm: bool
) -> Shown:
    occasion = AlertContext(
        action=Action.UPDATE if incident.revision else Action.RAISE,
        reason=reason,
        cause=(sign.feed, sign.who, sign.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=sign.name,
        is_alarm=is_alarm,
    )
    incident, alert = issue_alert(incident, occasion)
    return Shown(reason, (alert,), (PutIncident(incident),))


def _source(sign: ConditionSignal) -> Source:
    return Source(
        feed=sign.feed,
        device_id=sign.who,
        event_id=sign.event_id,
        occurred_at=sign.occurred_at,
        received_at=sign.received_at,
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
    """A sign that callbox has found itself, about a device."""
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
