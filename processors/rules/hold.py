"""The end of a hold: a candidate is raised, dropped, or held for longer.

its condition has cleared ──────────────────► never raised
work on its device is still going on ───────► held until that should be over
a silence that nobody could have heard ─────► held until it is proven
its silent site speaks for it ──────────────► dropped
work is over, and many others have it too ──► an area
anything else ──────────────────────────────► raised
"""

from msgspec.structs import replace

from processors.incident.area import counted, join_area
from processors.incident.area_count import AREA
from processors.incident.issue import AlertContext
from processors.incident.lifecycle import Transition, advance
from processors.incident.matching import Surroundings, by_name, fault_name
from processors.incident.planned import planned_until
from processors.incident.raising import raise_incident
from processors.incident.site import held_for, inhibit_children, on_site_silent
from processors.state.effect import Effect, EndIncident, PutIncident
from processors.state.entities import Incident
from processors.state.partition_state import State
from schemas.enums import Action, Family, Hazard, IncidentState, Reason
from schemas.units import EpochMs

AREA_HAZARDS = frozenset({Hazard.COMM_FAIL, Hazard.TAMPER, Hazard.BATTERY, Hazard.MAINS, Hazard.COMMS})
"""Faults that many devices may have at once."""


def on_hold_over(state: State, incident: Incident) -> Effect:
    """Decide about a candidate whose hold is over."""
    if not incident.active:
        return _dropped(incident, Reason.NEVER_RAISED)
    until = _held_for(state, incident)
    if until is not None:
        # Work that began while it was held is work that it is held for: where it ends early, this is judged then.
        is_planned = incident.is_planned or _planned_for(state, incident) is not None
        return Effect(None, (), (PutIncident(replace(incident, hold_until=until, is_planned=is_planned)),))
    if _is_of_site(state, incident):
        return _dropped(incident, Reason.INHIBITED)
    if incident.hazard in AREA_HAZARDS and not _is_area(incident) and _may_be_after_work(state, incident):
        together = _together(state, incident)
        if together is not None:
            return together
    return _raised(state, incident)


def _dropped(incident: Incident, reason: Reason) -> Effect:
    return Effect(reason, (), (EndIncident(replace(incident, state=IncidentState.CLOSED)),))


def _planned_for(state: State, incident: Incident) -> EpochMs | None:
    """Until when work on a candidate's device is planned; None where none is."""
    if incident.family is not Family.MAINTENANCE or not incident.devices:
        return None
    return planned_until(state, incident.zone, incident.devices[0])


def _held_for(state: State, incident: Incident) -> EpochMs | None:
    """Until when a candidate is held for longer; None where it is not."""
    planned = _planned_for(state, incident)
    if planned is not None or incident.family is not Family.MAINTENANCE or not incident.devices:
        return planned
    return held_for(state, incident)


def _is_of_site(state: State, incident: Incident) -> bool:
    """Whether the silent site of a silent device speaks for it."""
    device = state.devices.get((incident.zone, incident.devices[0] if incident.devices else ""))
    if incident.hazard is not Hazard.COMM_FAIL or device is None or device.gateway is None:
        return False
    site = by_name(state, incident.zone, fault_name(Hazard.SITE_COMM_FAIL, device.gateway[1]))
    return site is not None and site.active


def _is_area(incident: Incident) -> bool:
    return incident.place_key.endswith(AREA)


def _may_be_after_work(state: State, incident: Incident) -> bool:
    """Whether work was planned here: without any, all candidates need not be looked at for each of them."""
    return incident.is_planned or any(window.zone == incident.zone for window in state.windows.values())


def _together(state: State, incident: Incident) -> Effect | None:
    """The area that candidates make which no planned work covers any more; None where they are few.

    Devices of planned work are no part of an area. What they have reported goes on when it ends, and what was reported
    before it began is still held then.
    """
    due = [
        other
        for other in state.incidents.values()
        if other.zone == incident.zone
        and other.hazard is incident.hazard
        and other.active
        and other.state is IncidentState.CANDIDATE
        and not _is_area(other)
        and _held_for(state, other) is None
        and not _is_of_site(state, other)
    ]
    names = [other.devices[0] for other in due]
    site = _site_of(state, incident, names)
    if site is not None:
        return site.then(
            *(_dropped(other, Reason.INHIBITED) for other in due if _is_behind(state, incident, other))
        )
    joined = join_area(state, (incident.zone, incident.hazard), dict.fromkeys(names, 1), names)
    if joined.reason is None:
        return None
    ended = (EndIncident(replace(other, state=IncidentState.CLOSED)) for other in due)
    return joined.after(*ended)


def _is_behind(state: State, incident: Incident, other: Incident) -> bool:
    """Whether the devices of two incidents report through the same gateway."""
    devices = [state.devices.get((each.zone, each.devices[0])) for each in (incident, other)]
    return len({None if device is None else device.gateway for device in devices}) == 1


def _site_of(state: State, incident: Incident, names: list[str]) -> Effect | None:
    """The silent site that the devices of planned work make which is over now; None where they make none."""
    device = state.devices.get((incident.zone, incident.devices[0]))
    owner = None if device is None or device.gateway is None else state.devices.get(device.gateway)
    if incident.hazard is not Hazard.COMM_FAIL or owner is None or not owner.is_registered:
        return None
    behind = [state.devices[incident.zone, name] for name in names if (incident.zone, name) in state.devices]
    count = sum(1 for each in behind if each.gateway == owner.key)
    if count < state.policy.site_misses:
        return None
    return on_site_silent(state, owner, f"after-work:{state.now}", 0)


def _raised(state: State, incident: Incident) -> Effect:
    incident, area = counted(state, incident)
    held = advance(replace(incident, is_planned=False), Transition.HOLD_OVER, state.now, state.policy)
    first = held.sources[0]
    is_emergency = held.family is Family.EMERGENCY
    context = AlertContext(
        action=Action.RAISE,
        reason=_reason(incident),
        cause=("timer", "hold", "1"),
        at=state.now,
        policy_version=state.policy_version,
        late=is_emergency and held.first_at - first.occurred_at > state.policy.late_after_ms,
        is_alarm=True,
    )
    device_key = (held.zone, held.devices[0] if held.devices else "")
    if held.hazard is not Hazard.SITE_COMM_FAIL:
        around = None if _is_area(held) else Surroundings(state, device_key, held.place)
        return raise_incident(state, held, context, around)[1].then(area)
    site = raise_incident(state, held, context, None)[1]
    return site.then(inhibit_children(state, device_key, f"site:{state.now}", only_held=False))


def _reason(incident: Incident) -> Reason:
    """The reason of the first alert of an incident that was held."""
    if incident.family is Family.EMERGENCY:
        return Reason.FIRST_FACT
    if incident.is_planned:
        return Reason.STILL_AFTER_WORK
    if _is_area(incident):
        return Reason.AREA_FAULT
    return Reason.SITE_SILENT if incident.hazard is Hazard.SITE_COMM_FAIL else Reason.CONDITION_ACTIVE
