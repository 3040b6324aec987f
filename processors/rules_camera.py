"""An observation of a camera: a yellow fire at its place, then silence while it burns, until somebody can see it.

A camera alone never makes a red (domain.md 13); its fire and a press close by are two incidents, one of each family.
"""

from msgspec.structs import replace

from processors.alerts import Occasion, announce, incident_id_of, with_source
from processors.changes import Change, Outcome, PutDevice, PutIncident
from processors.decisions import Decision
from processors.entities import Device, Incident
from processors.grading import ASSESSMENTS, chain_of
from processors.lifecycle import Step, after
from processors.matching import by_place
from processors.repeats import hear
from processors.state import State
from schemas.alerts import Source
from schemas.enums import Action, Feed, Hazard, Reason
from schemas.log import FusionInput, Observation
from schemas.units import EpochMs

_FIRE = ASSESSMENTS[Hazard.FIRE]


def observation(state: State, envelope: FusionInput, seen: Observation) -> Outcome:
    """Decide about what a detector saw."""
    if seen.hazard is not Hazard.FIRE:
        return _silent(seen, Reason.NOT_SUPPORTED)
    key = (envelope.zone, seen.device_id)
    hearing = hear(state, key, Feed.CAMERAS, seen.observation_id, seen.received_at)
    if hearing.repeat is not None:
        return _silent(seen, hearing.repeat, *hearing.changes)
    if not hearing.device.is_registered:
        return _silent(seen, Reason.UNKNOWN_DEVICE, *hearing.changes)
    return _fire(state, hearing.device, seen)


def _fire(state: State, device: Device, seen: Observation) -> Outcome:
    joined = by_place(state, device.key, _FIRE.family, device.place)
    if joined is None:
        incident, action, reason = _fire_at(state, device, seen), Action.RAISE, Reason.FIRST_FACT
    else:
        incident, action, reason = _still(state, joined, seen), Action.UPDATE, _news(joined, seen)
    if reason is Reason.STILL_BURNING:
        return _silent(seen, reason, PutDevice(device), PutIncident(incident))
    incident, alert = announce(incident, _occasion(state, device, seen, action, reason))
    decision = Decision(
        reason=reason, alerts=(alert,), event_id=seen.observation_id, received_at=seen.received_at
    )
    return decision, (PutDevice(device), PutIncident(incident))


def _news(joined: Incident, seen: Observation) -> Reason:
    """What a further observation adds: another camera, the first picture, or nothing to tell."""
    if seen.device_id not in joined.devices:
        return Reason.ANOTHER_SOURCE
    if seen.media is not None and not joined.media:
        return Reason.PICTURE_ADDED
    return Reason.STILL_BURNING


def _still(state: State, incident: Incident, seen: Observation) -> Incident:
    devices = incident.devices
    media = (seen.media,) if seen.media is not None and not incident.media else incident.media
    return replace(
        incident,
        state=after(incident.state, Step.FACT),
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        score_permille=max(incident.score_permille or 0, _score(seen)),
        devices=devices if seen.device_id in devices else (*devices, seen.device_id),
        media=media,
        sources=with_source(incident.sources, _source(seen)),
        source_count=incident.source_count + 1,
    )


def _fire_at(state: State, device: Device, seen: Observation) -> Incident:
    place = device.place
    return Incident(
        incident_id=incident_id_of(device.zone, _FIRE.family, seen.device_id, seen.observation_id),
        zone=device.zone,
        family=_FIRE.family,
        hazard=Hazard.FIRE,
        grade=_FIRE.grade,
        state=after(None, Step.FACT),
        place_key="" if place is None else place.cell,
        place=place,
        uncertainty_m=None if place is None else state.policy.camera_reach_m,
        verification_level=_FIRE.verification_level,
        score_permille=_score(seen),
        chain=chain_of(device.site),
        onset=seen.occurred_at,
        first_at=state.now,
        last_at=state.now,
        expires_at=EpochMs(state.now + state.policy.expire_after_ms),
        devices=(seen.device_id,),
        sources=(_source(seen),),
        source_count=1,
        media=() if seen.media is None else (seen.media,),
    )


def _occasion(state: State, device: Device, seen: Observation, action: Action, reason: Reason) -> Occasion:
    return Occasion(
        action=action,
        reason=reason,
        cause=(Feed.CAMERAS, seen.device_id, seen.observation_id),
        at=state.now,
        policy_version=state.policy_version,
        device_name=device.name,
        late=seen.received_at - seen.occurred_at > state.policy.late_after_ms,
    )


def _source(seen: Observation) -> Source:
    return Source(
        feed=Feed.CAMERAS,
        device_id=seen.device_id,
        event_id=seen.observation_id,
        occurred_at=seen.occurred_at,
        received_at=seen.received_at,
    )


def _score(seen: Observation) -> int:
    return max(0, min(1000, seen.score_permille))


def _silent(seen: Observation, reason: Reason, *changes: Change) -> Outcome:
    return Decision(reason=reason, event_id=seen.observation_id, received_at=seen.received_at), changes
