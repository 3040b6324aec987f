"""Areas: one fault of many devices of a zone at the same time is one incident (docs/requirements.md, F17).

    a device gets a fault ─► few have got it within a minute ─► its own incident
                          ─► many have ─► one incident of the area; those of the devices end as inhibited
    an area is open ───────► further devices are only counted
    several zones ─────────► one incident of all of them, which the control room answers
    once a minute ─────────► nobody has it any more: over; few are left: over, and each of them is told;
                             twice or half as many as were told: told again

The cause of a mains failure or of an uplink that is lost is one, and so is the work. An area is held for half a
minute, so that its first alert knows how many devices there are. Presses are never inhibited.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.device_condition import (
    ConditionSignal,
    close_incident,
    on_active,
    on_cleared,
    report_condition,
)
from processors.incident.grading import CONTROL_ROOM, chain_of
from processors.incident.issue import MAX_SOURCES
from processors.incident.lifecycle import OVER, QUIET
from processors.incident.matching import by_name, fault_name
from processors.incident.planned import planned_until
from processors.state.effect import Effect, PutArea, SetTimer
from processors.state.entities import Area, AreaKey, Device, Incident, Timer, TimerKind
from processors.state.partition_state import State, unassigned_zone
from schemas.alert import Source
from schemas.enums import Disposition, Feed, Hazard, IncidentState, Reason
from schemas.units import SECOND_MS, EpochMs

AREA = "*"
"""The subject of the condition of an area."""

WIDE = "**"
"""The subject of the condition of areas in several zones."""

SEVERAL_ZONES = ""
"""Stands for the zone in the key of an area of several zones."""

HOLD_MS = 30 * SECOND_MS
"""The hold of an area, as long as that of any blue (docs/requirements.md, default times)."""

MAX_GROUPS = 50
"""Sites and devices of the last minute that are counted one by one; more are an area long before."""

MAX_NAMED = 5
"""Devices that the text of an area names."""


def on_device_fault(state: State, signal: ConditionSignal, *, was_active: bool) -> Effect:
    """Decide about a fault of a device that is active: it has its own incident, or that of its area."""
    key = (signal.zone, signal.hazard)
    area = state.areas.get(key, Area())
    if _stands_alone(state, signal) or (was_active and not area.is_open):
        return on_active(state, signal)
    if was_active:
        return Effect(Reason.INHIBITED)
    joined = join_area(state, key, signal.subject, [signal.subject])
    if joined.reason is not None:
        return joined
    return on_active(state, signal).after(*joined.changes)


def on_device_fault_over(state: State, signal: ConditionSignal, *, was_active: bool) -> Effect:
    """Decide about a fault of a device that has cleared."""
    if was_active and not _stands_alone(state, signal):
        left = leave_area(state, (signal.zone, signal.hazard))
        if left.reason is not None:
            return left
    return on_cleared(state, signal)


def join_area(state: State, key: AreaKey, group: str, names: Sequence[str]) -> Effect:
    """Count devices that have got a fault now, and open the area's incident where they are many.

    Args:
        state: Read only.
        key: Zone and fault.
        group: What they have in common by themselves: the gateway of a silent site, or the device itself.
        names: The devices, none of which has an incident of its own.

    Returns:
        An effect with a reason where the area has the incident; else one without, and the device needs its own.
    """
    area = state.areas.get(key, Area())
    if area.is_open:
        counted = replace(area, active=area.active + len(names))
        return Effect(Reason.INHIBITED, (), (PutArea(key, counted),))
    since = state.now - state.policy.area_within_ms
    before = next((count for at, name, count in area.recent if name == group and at > since), 0)
    count = max(len(names), before if group in names else before + len(names))
    recent = tuple(entry for entry in area.recent if entry[0] > since and entry[1] != group)
    recent = (*recent, (state.now, group, count))[-MAX_GROUPS:]
    if _are_many(state, key, recent):
        return _opened(state, key, names)
    put = PutArea(key, replace(area, recent=recent, judged_at=state.now))
    return Effect(None, (), (put, _timer(state, key)))


def leave_area(state: State, key: AreaKey) -> Effect:
    """Count a device of an area that has no longer the fault; the area is over with the last one.

    Returns:
        An effect with a reason where the area has the incident; else one without.
    """
    area = state.areas.get(key)
    if area is None or not area.is_open:
        return Effect(None)
    if area.active > 1:
        return Effect(Reason.CONDITION_OVER, (), (PutArea(key, replace(area, active=area.active - 1)),))
    return _closed(state, key)


def area_due(state: State, key: AreaKey) -> EpochMs | None:
    """When an area is judged anew, or None where there is none."""
    area = state.areas.get(key)
    return None if area is None else EpochMs(area.judged_at + state.policy.area_within_ms)


class Judgement(NamedTuple):
    """What became of an area.

    Attributes:
        effect: What is told of it, and what changes.
        left: Devices that still have the fault although the area is over: each of them needs its own incident.
    """

    effect: Effect
    left: tuple[Device, ...] = ()


def judge_area(state: State, key: AreaKey) -> Judgement:
    """Judge an area anew."""
    area = state.areas[key]
    if not area.is_open:
        is_past = all(at <= state.now - state.policy.area_within_ms for at, _, _ in area.recent)
        put = PutArea(key, None if is_past else replace(area, judged_at=state.now))
        return Judgement(Effect(None, (), (put,)))
    if key[0] == SEVERAL_ZONES:
        return Judgement(_judged(state, key, area, _of_all_zones(state, key[1])))
    members = tuple(members_of(state, key))
    if len(members) < _threshold(state, key[0]):
        return Judgement(_closed(state, key), members)
    if area.is_wide:
        put = PutArea(key, replace(area, active=len(members), judged_at=state.now))
        return Judgement(Effect(None, (), (put,)))
    return Judgement(_judged(state, key, replace(area, active=len(members)), members))


def _judged(state: State, key: AreaKey, area: Area, members: tuple[Device, ...]) -> Effect:
    """Tell another count of devices, if it is twice or half of what was told last."""
    area = replace(area, judged_at=state.now)
    incident = by_name(state, _zone_of(state, key), _name_of(key))
    has_changed = len(members) >= 2 * area.told or 2 * len(members) <= area.told
    is_told = incident is not None and incident.revision and incident.state not in (*QUIET, *OVER)
    if not has_changed or incident is None or not is_told:
        return Effect(None, (), (PutArea(key, area),))
    told = report_condition(
        state, incident, _area_signal(state, key, members, f"count:{state.now}"), Reason.AREA_FAULT
    )
    return told.after(PutArea(key, replace(area, told=len(members))))


def counted(state: State, incident: Incident) -> tuple[Incident, Effect]:
    """The incident of an area when its hold is over, with the devices that it is about now.

    An incident of anything else is returned as it is.
    """
    key = (SEVERAL_ZONES if incident.place_key.endswith(f":{WIDE}") else incident.zone, incident.hazard)
    area = state.areas.get(key)
    if area is None or incident.place_key != _name_of(key):
        return incident, Effect(None)
    members = _of_all_zones(state, key[1]) if key[0] == SEVERAL_ZONES else tuple(members_of(state, key))
    signal = _area_signal(state, key, members, f"area:{incident.first_at}")
    named = replace(
        incident,
        sources=signal.examples or incident.sources,
        source_count=len(members),
        device_name=signal.name,
    )
    return named, Effect(None, (), (PutArea(key, replace(area, told=len(members))),))


def members_of(state: State, key: AreaKey, ended: Container[str] = ()) -> Iterator[Device]:
    """The devices of an area: those that have the fault, and no incident of their own or of their site.

    Args:
        state: Read only.
        key: Zone and fault.
        ended: Ids of incidents that do not count any more.
    """
    zone, hazard = key
    for device in state.devices.values():
        if device.zone != zone or not device.is_registered or not has_fault(device, hazard):
            continue
        owners = [(hazard, device.device_id)]
        if hazard is Hazard.COMM_FAIL:
            owners.append((Hazard.SITE_COMM_FAIL, device.gateway[1] if device.gateway else device.device_id))
        own = (by_name(state, zone, fault_name(*owner)) for owner in owners)
        if not any(each is not None and each.active and each.incident_id not in ended for each in own):
            yield device


def has_fault(device: Device, hazard: Hazard) -> bool:
    """Whether a device has a fault now, by its own latest report or because it is silent."""
    if hazard is Hazard.COMM_FAIL:
        return device.silent_since is not None
    return any(report.hazard is hazard and report.active for report in device.faults)


def tell_each(state: State, hazard: Hazard, devices: Iterable[Device]) -> Effect:
    """Raise an incident for each of the devices that still have a fault which they reported after its area is over."""
    event_id = f"after-area:{state.now}"
    return Effect(None).then(
        *(
            on_active(
                state,
                ConditionSignal(
                    hazard=hazard,
                    subject=device.device_id,
                    zone=device.zone,
                    event_id=event_id,
                    feed=Feed.PILLARS,
                    occurred_at=state.now,
                    received_at=state.now,
                    is_sure=True,
                    name=device.name,
                    place=device.place,
                    chain=chain_of(device.site),
                    reason=Reason.STILL_AFTER_AREA,
                    is_alone=True,
                ),
            )
            for device in devices
        )
    )


def _opened(state: State, key: AreaKey, names: Sequence[str]) -> Effect:
    """Open the incident of an area, and end those of its devices that began with it."""
    zone, hazard = key
    own = _begun_with_it(state, key)
    members = {
        device.device_id: device for device in members_of(state, key, {each.incident_id for each in own})
    }
    for name in names:  # their fault is not in the state yet
        if (device := state.devices.get((zone, name))) is not None:
            members[name] = device
    event_id = f"area:{state.now}"
    ended = Effect(None).then(*(_inhibited(state, incident, event_id) for incident in own))
    area = Area(active=len(members), told=len(members), is_open=True, judged_at=state.now)
    others = [
        other
        for other, known in state.areas.items()
        if other[1] is hazard and other[0] not in {zone, SEVERAL_ZONES} and known.is_open
    ]
    if others:
        told = _widened(state, hazard, others, event_id)
        area = replace(area, is_wide=True)
    else:
        told = _told(state, key, tuple(members.values()), event_id, HOLD_MS)
    effect = told.then(ended).after(PutArea(key, area), _timer(state, key))
    return replace(effect, reason=Reason.AREA_FAULT)


def _begun_with_it(state: State, key: AreaKey) -> list[Incident]:
    """The incidents of single devices and sites that began with an area, and that no person has put away."""
    zone, hazard = key
    since = state.now - state.policy.area_within_ms
    hazards = {hazard, Hazard.SITE_COMM_FAIL} if hazard is Hazard.COMM_FAIL else {hazard}
    return [
        incident
        for incident in state.incidents.values()
        if incident.zone == zone
        and incident.hazard in hazards
        and incident.active
        and not incident.is_planned
        and incident.state not in QUIET
        and (incident.first_at > since or incident.state is IncidentState.CANDIDATE)
        and incident.place_key != _name_of(key)
    ]


def _inhibited(state: State, incident: Incident, event_id: str) -> Effect:
    return close_incident(state, incident, Reason.INHIBITED, event_id, Disposition.DUPLICATE)


def _widened(state: State, hazard: Hazard, others: list[AreaKey], event_id: str) -> Effect:
    """Make one incident of the areas of several zones; a candidate keeps the end of its hold."""
    key = (SEVERAL_ZONES, hazard)
    narrow = [other for other in others if not state.areas[other].is_wide]
    known = state.areas.get(key)
    if known is not None and known.is_open:
        return Effect(Reason.INHIBITED, (), (PutArea(key, replace(known, active=known.active + 1)),))
    incidents = [by_name(state, zone, fault_name(hazard, AREA)) for zone, _ in narrow]
    ended = [each for each in incidents if each is not None and each.state not in QUIET]
    held = [each.hold_until - state.now for each in ended if each.hold_until is not None]
    wide = Area(active=len(narrow) + 1, is_open=True, judged_at=state.now)
    puts = [PutArea(other, replace(state.areas[other], is_wide=True)) for other in narrow]
    told = _told(state, key, (), event_id, max(0, min(held, default=HOLD_MS)))
    closed = (_inhibited(state, each, event_id) for each in ended)
    return told.then(*closed).after(PutArea(key, wide), *puts, _timer(state, key))


def _told(state: State, key: AreaKey, members: tuple[Device, ...], event_id: str, hold_ms: int) -> Effect:
    return on_active(state, replace(_area_signal(state, key, members, event_id), hold_ms=hold_ms))


def _closed(state: State, key: AreaKey) -> Effect:
    """The devices of an area are well again, or few are left."""
    area = state.areas[key]
    gone = PutArea(key, None)
    if not area.is_wide:
        over = on_cleared(state, _area_signal(state, key, (), f"over:{state.now}"))
        return replace(over, reason=Reason.CONDITION_OVER).after(gone)
    whole_key = (SEVERAL_ZONES, key[1])
    whole = state.areas.get(whole_key)
    if whole is None:
        return Effect(Reason.CONDITION_OVER, (), (gone,))
    if whole.active > 1:
        rest = PutArea(whole_key, replace(whole, active=whole.active - 1))
        return Effect(Reason.CONDITION_OVER, (), (gone, rest))
    over = on_cleared(state, _area_signal(state, whole_key, (), f"over:{state.now}"))
    return replace(over, reason=Reason.CONDITION_OVER).after(gone, PutArea(whole_key, None))


def _of_all_zones(state: State, hazard: Hazard) -> tuple[Device, ...]:
    """The devices of all areas of a fault that have one incident in common."""
    zones = [zone for (zone, other), area in state.areas.items() if other is hazard and area.is_wide]
    return tuple(device for zone in zones for device in members_of(state, (zone, hazard)))


def _zone_of(state: State, key: AreaKey) -> str:
    """The zone of an area's incident."""
    return key[0] if key[0] != SEVERAL_ZONES else unassigned_zone(state.partition, state.partitions)


def _name_of(key: AreaKey) -> str:
    """The name under which an area's incident is indexed."""
    return fault_name(key[1], WIDE if key[0] == SEVERAL_ZONES else AREA)


def _area_signal(state: State, key: AreaKey, devices: tuple[Device, ...], event_id: str) -> ConditionSignal:
    is_wide = key[0] == SEVERAL_ZONES
    return ConditionSignal(
        hazard=key[1],
        subject=WIDE if is_wide else AREA,
        zone=_zone_of(state, key),
        event_id=event_id,
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=", ".join(device.device_id for device in devices[:MAX_NAMED]),
        chain=CONTROL_ROOM if is_wide or not devices else chain_of(devices[0].site),
        reason=Reason.AREA_FAULT,
        is_alone=True,
        examples=tuple(
            Source(
                feed=Feed.INTAKE,
                device_id=device.device_id,
                event_id=event_id,
                occurred_at=state.now,
                received_at=state.now,
            )
            for device in devices[:MAX_SOURCES]
        ),
        count=len(devices),
    )


def _threshold(state: State, zone: str) -> int:
    """How many devices of a zone make an area."""
    policy = state.policy
    share = -(-state.zone_sizes.get(zone, 0) * policy.area_percent // 100)
    return min(policy.area_devices, max(policy.area_at_least, share))


def _are_many(state: State, key: AreaKey, recent: Sequence[tuple[EpochMs, str, int]]) -> bool:
    """Whether the devices are so many that they have one cause; those of one silent gateway are its site."""
    most = _threshold(state, key[0])
    counts = [count for _, _, count in recent]
    if sum(counts) < most:
        return False
    return key[1] is not Hazard.COMM_FAIL or sum(counts) - max(counts) >= max(2, most // 4)


def _stands_alone(state: State, signal: ConditionSignal) -> bool:
    """Whether a device has an incident of its own for this fault, had one that a person closed, or is worked on."""
    name = fault_name(signal.hazard, signal.subject)
    return (
        by_name(state, signal.zone, name) is not None
        or (signal.zone, name) in state.closed_faults
        or planned_until(state, signal.zone, signal.subject) is not None
    )


def _timer(state: State, key: AreaKey) -> SetTimer:
    due = EpochMs(state.now + state.policy.area_within_ms)
    return SetTimer(Timer(due, f"{key[0]}/{key[1]}", TimerKind.AREA))
