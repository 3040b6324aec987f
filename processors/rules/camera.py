"""Inputs of cameras: a fire, of which only the first report and the first picture issue an alert, and proof of life.

The policy says which grade a fire has that one camera alone reports; the default is yellow. A camera's own faults are
maintenance (requirement 13). A fire that a press joins is one red emergency which two feeds report.
"""

from msgspec.structs import replace

from processors.incident.merge import Report, apply_report
from processors.incident.sign_of_life import heartbeat, heartbeat_ms, sign_of_life
from processors.rules.dedup import check_duplicate
from processors.state.effect import Effect, PutDevice, RecordReport
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Feed, Hazard, Reason
from schemas.fusion_log import CameraAlive, FusionInput, Observation


def observation(state: State, envelope: FusionInput, seen: Observation) -> Effect:
    """Decide about an observation of a detector; anything but a fire is not supported."""
    if seen.hazard is not Hazard.FIRE:
        return Effect(Reason.NOT_SUPPORTED)
    key = (envelope.zone, seen.device_id)
    known = check_duplicate(state, key, Feed.CAMERAS, seen.observation_id, seen.received_at)
    if known.repeat is not None:
        return Effect(known.repeat, (), known.changes)
    device = known.device
    if not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE, (), known.changes)
    _, effect = apply_report(state, device, _fire(state, seen))
    report = sign_of_life(state, key, seen.received_at, heartbeat_ms(device))
    return replace(effect, changes=(PutDevice(device), *effect.changes, RecordReport(key, report)))


def camera_alive(state: State, envelope: FusionInput, alive: CameraAlive) -> Effect:
    """Record that a camera delivers frames, unless the record is a copy."""
    key = (envelope.zone, alive.device_id)
    device = state.devices.get(key)
    if device is None or not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE)
    report = heartbeat(state, key, envelope.event_id, alive.received_at, heartbeat_ms(device))
    if report is None:
        return Effect(Reason.DUPLICATE)
    return Effect(Reason.CAMERA_ALIVE, (), (RecordReport(key, report),))


def _fire(state: State, seen: Observation) -> Report:
    return Report(
        hazard=Hazard.FIRE,
        source=Source(
            feed=Feed.CAMERAS,
            device_id=seen.device_id,
            event_id=seen.observation_id,
            occurred_at=seen.occurred_at,
            received_at=seen.received_at,
        ),
        first_reason=Reason.FIRST_FACT,
        repeat_reason=Reason.STILL_BURNING,
        reach_m=state.policy.camera_reach_m,
        score_permille=max(0, min(1000, seen.score_permille)),
        media=seen.media,
        late=state.now - seen.occurred_at > state.policy.late_after_ms,
    )
