"""A press: raises without a hold, joins an incident, or is the same press bouncing (domain.md 1, 7, 8a, 9).

Nothing a press meets here keeps it silent but a bounce of an incident that is open. Whether it is known already was
asked before (processors/rules_pillar.py).
"""

from msgspec.structs import replace

from processors.alerts import Occasion, announce, incident_id_of, with_source
from processors.changes import Outcome, PutDevice, PutIncident
from processors.decisions import Decision
from processors.entities import Device, Incident
from processors.grading import ASSESSMENTS, chain_of
from processors.lifecycle import Step, after
from processors.matching import by_place
from processors.state import State
from schemas.alerts import Source
from schemas.enums import Action, Feed, Hazard, Reason
from schemas.log import PillarFact
from schemas.units import EpochMs

_CALL = ASSESSMENTS[Hazard.EMERGENCY_CALL]


def press(state: State, device: Device, fact: PillarFact) -> Outcome:
    """Decide about a press that is new.

    Args:
        state: Read only.
        device: Who was pressed; it remembers this event already.
        fact: The press.
    """
    if _is_bounce(state, device, fact):
        decision = Decision(reason=Reason.BOUNCE, event_id=fact.event_id, received_at=fact.received_at)
        return decision, (PutDevice(device),)
    joined = by_place(state, device.key, _CALL.family, device.place)
    if joined is None:
        incident, action = call_at(state, device, fact, Step.FACT), Action.RAISE
        reason = Reason.FIRST_FACT if device.is_registered else Reason.UNREGISTERED_DEVICE
    else:
        incident, action = _pressed_again(state, joined, fact), Action.UPDATE
        reason = Reason.PRESSED_AGAIN if fact.device_id in joined.devices else Reason.ANOTHER_SOURCE
    incident, alert = announce(incident, occasion_of(state, device, fact, action, reason))
    decision = Decision(reason=reason, alerts=(alert,), event_id=fact.event_id, received_at=fact.received_at)
    pressed = replace(device, press_at=fact.received_at, press_incident=incident.incident_id)
    return decision, (PutDevice(pressed), PutIncident(incident))


def _is_bounce(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether this is the last press once more; a train of bounces counts from its first press.

    A press after a cancel is none: the caller has changed their mind. Nor is one whose incident is over.
    """
    if device.press_at is None or device.press_incident is None:
        return False
    incident = state.incidents.get(device.press_incident)
    return (
        abs(fact.received_at - device.press_at) <= state.policy.bounce_ms
        and incident is not None
        and device.device_id not in incident.cancel_requested
    )


def _pressed_again(state: State, incident: Incident, fact: PillarFact) -> Incident:
    devices = incident.devices
    return replace(
        incident,
        state=after(incident.state, Step.FACT),
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        press_count=incident.press_count + 1,
        devices=devices if fact.device_id in devices else (*devices, fact.device_id),
        cancel_requested=tuple(name for name in incident.cancel_requested if name != fact.device_id),
        sources=with_source(incident.sources, source_of(fact)),
        source_count=incident.source_count + 1,
    )


def call_at(state: State, device: Device, fact: PillarFact, step: Step) -> Incident:
    """A new emergency call at a device, after its first step."""
    place = device.place
    return Incident(
        incident_id=incident_id_of(device.zone, _CALL.family, fact.device_id, fact.event_id),
        zone=device.zone,
        family=_CALL.family,
        hazard=Hazard.EMERGENCY_CALL,
        grade=_CALL.grade,
        state=after(None, step),
        place_key="" if place is None else place.cell,
        place=place,
        uncertainty_m=None if place is None else state.policy.pillar_reach_m,
        verification_level=_CALL.verification_level,
        score_permille=None,
        chain=chain_of(device.site),
        onset=fact.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        press_count=1,
        devices=(fact.device_id,),
        sources=(source_of(fact),),
        source_count=1,
    )


def occasion_of(state: State, device: Device, fact: PillarFact, action: Action, reason: Reason) -> Occasion:
    """Why an alert about a pillar's fact goes out."""
    return Occasion(
        action=action,
        reason=reason,
        cause=(Feed.PILLARS, fact.device_id, fact.event_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=device.name,
        late=fact.received_at - fact.occurred_at > state.policy.late_after_ms,
        clock_suspect=fact.clock_suspect,
    )


def source_of(fact: PillarFact) -> Source:
    """The fact, as an alert names it."""
    return Source(
        feed=Feed.PILLARS,
        device_id=fact.device_id,
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        received_at=fact.received_at,
    )
