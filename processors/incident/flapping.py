"""Flapping: a condition that alternates is reported once, then not again until it is stable (requirement 14).

A red incident never counts as flapping. Precedents: swinger shutdown of alarm panels, chatter of ISA-18.2.
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
    return _flapping(replace(incident, active=True), at, policy, now_flapping=incident.flapping)


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
    return replace(incident, flapping=False, cycles=(), grade_changes=(), calm_at=None)


def _flapping(incident: Incident, at: EpochMs, policy: FusionPolicy, *, now_flapping: bool) -> Incident:
    calm_at = EpochMs(at + policy.flap_within_ms) if now_flapping else None
    return replace(incident, flapping=now_flapping, calm_at=calm_at)


def _recent(times: tuple[EpochMs, ...], at: EpochMs, within_ms: int, *, most: int) -> tuple[EpochMs, ...]:
    return tuple(time for time in times if at - time <= within_ms)[-most:]
