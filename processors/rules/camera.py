"""What cameras tell: a fire at its place, then silence while it burns, until somebody can see it; and that they live.

A camera alone makes what the policy says, which is yellow (domain.md 13: its own faults are maintenance). A fire that
a press joins is one red emergency that two feeds tell of.
"""

from msgspec.structs import replace

from processors.incident.merge import Report, apply_report
from processors.rules.dedup import check_duplicate
from processors.state.effect import Effect, PutDevice, RecordHeartbeat, RecordReport
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Feed, Hazard, Reason
from schemas.fusion_log import CameraAlive, FusionInput, Observation


def observation(state: State, envelope: FusionInput, seen: Observation) -> Effect:
    """Decide about what a detector saw."""
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
    return replace(effect, changes=(PutDevice(device), *effect.changes, RecordReport(key)))


def camera_alive(state: State, envelope: FusionInput, alive: CameraAlive) -> Effect:
    """A camera delivers frames; only the latest word counts."""
    key = (envelope.zone, alive.device_id)
    device = state.devices.get(key)
    if device is None or not device.is_registered:
        return Effect(Reason.UNKNOWN_DEVICE)
    if alive.received_at <= max(device.since, state.heartbeats.get(key, device.since)):
        return Effect(Reason.DUPLICATE)
    return Effect(Reason.CAMERA_ALIVE, (), (RecordHeartbeat(key, alive.received_at),))


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
        first=Reason.FIRST_FACT,
        again=Reason.STILL_BURNING,
        reach_m=state.policy.camera_reach_m,
        score_permille=max(0, min(1000, seen.score_permille)),
        media=seen.media,
        late=seen.received_at - seen.occurred_at > state.policy.late_after_ms,
    )
