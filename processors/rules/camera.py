"""What cameras tell: a fire at its place, then silence while it burns, until somebody can see it; and that they live.

A camera alone makes what the policy says, which is yellow (domain.md 13: its own faults are maintenance). A fire that
a press joins is one red emergency that two feeds tell of.
"""

from processors.incident.merge import Report, apply_report
from processors.rules.dedup import check_duplicate
from processors.state.effect import Change, Decision, Outcome, PutDevice, RecordHeartbeat, RecordReport
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Feed, Hazard, Reason
from schemas.fusion_log import CameraAlive, FusionInput, Observation


def observation(state: State, envelope: FusionInput, seen: Observation) -> Outcome:
    """Decide about what a detector saw."""
    if seen.hazard is not Hazard.FIRE:
        return _silent(seen, Reason.NOT_SUPPORTED)
    key = (envelope.zone, seen.device_id)
    hearing = check_duplicate(state, key, Feed.CAMERAS, seen.observation_id, seen.received_at)
    if hearing.repeat is not None:
        return _silent(seen, hearing.repeat, *hearing.changes)
    device = hearing.device
    if not device.is_registered:
        return _silent(seen, Reason.UNKNOWN_DEVICE, *hearing.changes)
    taken = apply_report(state, device, _fire(state, seen))
    decision = Decision(
        reason=taken.reason, alerts=taken.alerts, event_id=seen.observation_id, received_at=seen.received_at
    )
    return decision, (PutDevice(device), *taken.changes, RecordReport(key))


def camera_alive(state: State, envelope: FusionInput, alive: CameraAlive) -> Outcome:
    """A camera delivers frames; only the latest word counts."""
    key = (envelope.zone, alive.device_id)
    device = state.devices.get(key)
    reason = Reason.CAMERA_ALIVE
    changes: tuple[Change, ...] = (RecordHeartbeat(key, alive.received_at),)
    if device is None or not device.is_registered:
        reason, changes = Reason.UNKNOWN_DEVICE, ()
    elif alive.received_at <= max(device.since, state.heartbeats.get(key, device.since)):
        reason, changes = Reason.DUPLICATE, ()
    return Decision(reason=reason, event_id=envelope.event_id, received_at=alive.received_at), changes


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


def _silent(seen: Observation, reason: Reason, *changes: Change) -> Outcome:
    return Decision(reason=reason, event_id=seen.observation_id, received_at=seen.received_at), changes
