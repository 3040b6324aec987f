"""Presses of devices that no registry names: each is a red of its own, but many together are one (F17).

    a device is pressed ─► few others were within a minute ─► its own incident, as for any press
                        ─► many were, or many are open ─────► the group: opened and told at once
    a further press of the group ─► counted; told when TOLD_EVERY_MS have passed since the group was told last

Whoever may write the pillar topic can make up any number of ids, and a person in need may be behind one of them. So
nothing is dropped and nothing is merged that stands alone: the first ones keep their incidents, and all others share
one that is told, escalated and reminded of as any red. The group belongs to the zone `unassigned`. A device that the
registry names meanwhile presses in its own zone, at its own place, and is never part of the group.
"""

from msgspec.structs import replace

from processors.incident.area_count import AREA, MAX_GROUPS, recent_groups
from processors.incident.area_opening import area_timer
from processors.incident.issue import AlertContext, incident_id_of, issue_alert, with_source
from processors.incident.lifecycle import (
    ATTENDED,
    OVER,
    QUIET,
    Transition,
    advance,
    ask_again,
    opened,
    told_by,
)
from processors.incident.matching import MAX_RELATED, fault_name, of_device
from processors.incident.merge import Report, new_emergency
from processors.incident.raising import raise_incident
from processors.state.effect import Effect, PutArea, PutIncident
from processors.state.entities import Area, AreaKey, Device, Incident
from processors.state.partition_state import State, unassigned_zone
from schemas.enums import Action, Family, Hazard, IncidentState, Reason, Status
from schemas.units import SECOND_MS, EpochMs

TOLD_EVERY_MS = 10 * SECOND_MS
"""How often further presses of the group are told: a sixth of a red's reminder, so that a call among made-up ones is
named while somebody still reads the first alert, and a flood of any size is six alerts a minute."""

MAX_ALONE = 50
"""Incidents of single unregistered devices that are open at a time, as many as an incident lists devices: whoever
sends few a minute for hours would else cause as many reminders as one who sends all at once."""


def report_unregistered(state: State, device: Device, report: Report) -> tuple[Incident, Effect] | Effect:
    """Decide whether the press of an unregistered device belongs to the group.

    Args:
        state: Read only.
        device: A device that no registry names.
        report: Its press, neither a copy nor a bounce.

    Returns:
        The group's incident as it is now, and the effect; or, where the device has its own incident, what the fold is
        to remember besides.
    """
    key = _key_of(state, report.status)
    known = state.areas.get(key)
    recent = recent_groups(state, known or Area(), {_name_in_group(state, device): 1})
    put = PutArea(key, Area(recent=recent, judged_at=state.now))
    noted = (put,) if known is not None else (put, area_timer(state, key))
    own = (each for each in of_device(state, device.key) if each.family is Family.EMERGENCY)
    has_own = any(each.status is report.status for each in own)
    if has_own or not (_are_many(state, recent) or _are_open(state, report.status)):
        return Effect(None, (), noted)
    group = _group_of(state, report.status)
    incident, effect = (
        _opened(state, device, report, recent) if group is None else _joined(state, group, report)
    )
    return incident, effect.after(*noted)


def tell_group(state: State, group: Incident, context: AlertContext | None = None) -> tuple[Incident, Effect]:
    """Tell how many presses the group has now, and ask for an answer to those that nobody has answered.

    Args:
        state: Read only.
        group: The group's incident, with presses that have not been told.
        context: Why; None: a timer.
    """
    now, policy = state.now, state.policy
    was = group.state
    if was in ATTENDED:
        group = ask_again(group, now, policy)
    else:
        is_back = was in (*OVER, *QUIET) or was is IncidentState.REJECTED
        group = advance(group, Transition.REALARM if is_back else Transition.FACT, now, policy, restart=False)
        group = replace(group, notify_at=EpochMs(now + policy.notify_ms.of(group.grade)))
    if context is None:
        context = AlertContext(
            action=Action.UPDATE,
            reason=Reason.UNREGISTERED_GROUP,
            cause=("more", str(group.source_count)),
            at=now,
            policy_version=state.policy_version,
        )
    context = replace(context, is_alarm=True, is_join=True, is_call=was in ATTENDED)
    group, alert = issue_alert(group, context)
    return group, Effect(Reason.UNREGISTERED_GROUP, (alert,), (PutIncident(group),))


def _home(state: State) -> str:
    """The zone of the group."""
    return unassigned_zone(state.partition, state.partitions)


def _key_of(state: State, status: Status) -> AreaKey:
    """What is counted together: no zone of a registry has such a name as that of an exercise."""
    zone = _home(state) if status is Status.ACTUAL else f"{_home(state)}:{status}"
    return zone, Hazard.EMERGENCY_CALL


def _name_in_group(state: State, device: Device) -> str:
    """The device's id; with its zone, where a press names another one than the group's."""
    return device.device_id if device.zone == _home(state) else f"{device.zone}/{device.device_id}"


def _incidents_of(state: State, name: str) -> list[str]:
    """The open incidents of the device that has a name in the group."""
    zone, _, device_id = name.partition("/")
    return state.by_device.get((_home(state), name)) or state.by_device.get((zone, device_id), [])


def _name_of(status: Status) -> str:
    return fault_name(Hazard.EMERGENCY_CALL, AREA if status is Status.ACTUAL else f"{AREA}:{status}")


def _are_many(state: State, recent: tuple[tuple[EpochMs, str, int], ...]) -> bool:
    """Whether more than the policy's `area_devices` have been pressed within the last minute."""
    return len(recent) > min(state.policy.area_devices, MAX_GROUPS - 1)


def _are_open(state: State, status: Status) -> bool:
    """Whether so many single devices wait already that a further one would only add to their reminders."""
    alone = (
        incident.family is Family.EMERGENCY
        and incident.status is status
        and incident.place is None
        and incident.state not in OVER
        for incident in state.incidents.values()
    )
    return sum(alone) >= MAX_ALONE


def _group_of(state: State, status: Status) -> Incident | None:
    listed = state.by_place.get((_home(state), Family.EMERGENCY, _name_of(status)))
    return state.incidents[listed[-1]] if listed else None


def _opened(
    state: State, device: Device, report: Report, recent: tuple[tuple[EpochMs, str, int], ...]
) -> tuple[Incident, Effect]:
    source = report.source
    single = new_emergency(state, device, report)
    incident_id = incident_id_of(
        state, _home(state), report.hazard, AREA, source.event_id, source.received_at
    )
    group = replace(
        single,
        incident_id=incident_id,
        zone=_home(state),
        place_key=_name_of(report.status),
        devices=(),  # the group speaks for each of them, so none of them leads to it
        related=_of_single_devices(state, recent),
    )
    group = opened(group, Transition.FACT, state.now, state.policy)
    context = replace(_context(state, report, Action.RAISE), is_alarm=True)
    return raise_incident(state, group, context, None)


def _of_single_devices(state: State, recent: tuple[tuple[EpochMs, str, int], ...]) -> tuple[str, ...]:
    """The latest incidents of the devices that were pressed before they were many, latest first."""
    listed = (_incidents_of(state, name) for _, name, _ in reversed(recent))
    return tuple(name for names in listed for name in names)[:MAX_RELATED]


def _joined(state: State, group: Incident, report: Report) -> tuple[Incident, Effect]:
    """One more press of the group, told now or within TOLD_EVERY_MS.

    Who judges the group must have seen it: until it is told, no revision that is out is enough for that (F4).
    """
    now = state.now
    joined = replace(
        group,
        last_at=now,
        expires_at=EpochMs(now + state.policy.expire_after_ms),
        press_count=group.press_count + 1,
        sources=with_source(group.sources, report.source),
        source_count=group.source_count + 1,
        cleared_by_person=False,
    )
    due = EpochMs((group.told_at or group.first_at) + TOLD_EVERY_MS)
    if due <= now or group.state in (*OVER, *QUIET):
        return tell_group(state, joined, _context(state, report, Action.UPDATE))
    held = replace(told_by(joined, due, now), joined_revision=group.revision + 1)
    return held, Effect(Reason.HELD, (), (PutIncident(held),))


def _context(state: State, report: Report, action: Action) -> AlertContext:
    source = report.source
    return AlertContext(
        action=action,
        reason=Reason.UNREGISTERED_GROUP,
        cause=(source.feed, source.device_id, source.event_id),
        at=state.now,
        policy_version=state.policy_version,
        late=report.late,
        clock_suspect=report.clock_suspect,
    )
