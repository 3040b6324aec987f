"""What comes and goes: told once, then silence until it is calm (domain.md 14). A red is exempt.

Precedents: swinger shutdown of alarm panels, chatter of ISA-18.2.
"""

from msgspec.structs import replace

from processors.state.entities import Incident
from processors.state.policy import FusionPolicy
from schemas.enums import Grade
from schemas.units import EpochMs


def record_clearance(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """One more cycle: what was wrong is over, for now. Flapping or not, calm is counted from here."""
    cycles = _recent((*incident.cycles, at), at, policy.flap_within_ms, most=policy.flap_cycles)
    is_flapping = incident.flapping or (len(cycles) >= policy.flap_cycles and incident.grade is not Grade.RED)
    return _flapping(replace(incident, active=False, cycles=cycles), at, policy, now_flapping=is_flapping)


def record_return(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """It is wrong again."""
    return _flapping(replace(incident, active=True), at, policy, now_flapping=incident.flapping)


def record_grade_change(incident: Incident, at: EpochMs, policy: FusionPolicy) -> Incident:
    """Its grade is another now; too many changes are flapping as well, but never of what is red."""
    most = policy.grade_changes + 1
    changes = _recent((*incident.grade_changes, at), at, policy.grade_changes_within_ms, most=most)
    changed = replace(incident, grade_changes=changes)
    if incident.grade is Grade.RED:
        return replace(changed, flapping=False, calm_at=None)
    return _flapping(changed, at, policy, now_flapping=incident.flapping or len(changes) >= most)


def end_flapping(incident: Incident) -> Incident:
    """Nothing has happened for long enough."""
    return replace(incident, flapping=False, cycles=(), grade_changes=(), calm_at=None)


def _flapping(incident: Incident, at: EpochMs, policy: FusionPolicy, *, now_flapping: bool) -> Incident:
    calm_at = EpochMs(at + policy.flap_within_ms) if now_flapping else None
    return replace(incident, flapping=now_flapping, calm_at=calm_at)


def _recent(times: tuple[EpochMs, ...], at: EpochMs, within_ms: int, *, most: int) -> tuple[EpochMs, ...]:
    return tuple(time for time in times if at - time <= within_ms)[-most:]
