"""Flapping: a condition that alternates is reported once, then not again until it is stable (requirement 14, F19).

It alternates fast (three times in a minute) or slowly (it comes back more than five times in an hour). A red incident
never counts as flapping. Precedents: swinger shutdown of alarm panels, chatter of ISA-18.2.
"""

from msgspec.structs import replace

from processors.state.entities import Incident
from processors.state.policy import FusionPolicy
from schemas.enums import Grade
from schemas.units import EpochMs


def record_clearance(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """Record one more cycle: the condition has cleared. The stable time of a flapping incident starts again here."""
    cycles = _recent((*incident.cycles, at), at, policy.flap_within_ms, most=policy.flap_cycles)
    is_flapping = incident.flapping or (len(cycles) >= policy.flap_cycles and incident.grade is not Grade.RED)
    return _flapping(replace(incident, active=False, cycles=cycles), at, policy, now_flapping=is_flapping)


def record_return(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """Record that the condition is active again."""
    most = policy.slow_returns + 1
    returns = _recent((*incident.returns, at), at, policy.slow_within_ms, most=most)
    is_slow = len(returns) >= most and incident.grade is not Grade.RED
    returned = replace(incident, active=True, returns=returns, cleared_by_person=False)
    return _flapping(returned, at, policy, now_flapping=incident.flapping or is_slow)


def record_grade_change(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """Record a change of the grade. Too many changes count as flapping as well, but never once the grade is red."""
    most = policy.grade_changes + 1
    changes = _recent((*incident.grade_changes, at), at, policy.grade_changes_within_ms, most=most)
    changed = replace(incident, grade_changes=changes)
    if incident.grade is Grade.RED:
        return replace(changed, flapping=False, calm_at=None)
    return _flapping(changed, at, policy, now_flapping=incident.flapping or len(changes) >= most)


def end_flapping(incident: Incident) -> Incident:
    """End flapping: the condition has been stable for long enough."""
    return replace(incident, flapping=False, cycles=(), grade_changes=(), returns=(), calm_at=None)


def _flapping(incident: Incident, at: EpochMs, policy: FusionPolicy, *, now_flapping: bool) -> Incident:
    is_slow = len(incident.returns) > policy.slow_returns
    stable_ms = policy.slow_within_ms // policy.slow_returns if is_slow else policy.flap_within_ms
    calm_at = EpochMs(at + max(stable_ms, policy.flap_within_ms)) if now_flapping else None
    return replace(incident, flapping=now_flapping, calm_at=calm_at)


def _recent(times: tuple[EpochMs, ...], at: EpochMs, within_ms: int, *, most: int) -> tuple[EpochMs, ...]:
    return tuple(time for time in times if at - time <= within_ms)[-most:]
