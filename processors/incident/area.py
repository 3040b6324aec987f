"""Areas: one fault of many devices of a zone at the same time is one incident (docs/requirements.md, F17).

    a device gets a fault ─► few have got it within a minute ─► its own incident
                          ─► many have ─► one incident of the area; those of the devices end as inhibited
    an area is open ───────► further devices are only counted
    several zones ─────────► one incident of all of them, which the control room answers
    once a minute ─────────► nobody has it any more: over; few are left: over, and each of them is told;
                             twice or half as many as were told: told again

The cause of a mains failure or of an uplink that is lost is one, and so is the work. An area is held for half a
minute, so that its first alert knows how many devices there are, but no longer than what it takes over: a fault that
has been told, or is about to be, never waits for its area (F9). Presses are never inhibited.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.area_count import (
    AREA,
    SEVERAL_ZONES,
    WIDE,
    are_many,
    begun_with_it,
    members_and,
    members_of,
    name_of,
    of_all_zones,
    recent_groups,
    threshold,
    zone_of,
)
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
from processors.state.effect import Change, Effect, PutArea, PutIncident, SetTimer
from processors.state.entities import Area, AreaKey, Device, Incident, Timer, TimerKind
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Disposition, Feed, Hazard, Reason
from schemas.units import SECOND_MS, EpochMs

HOLD_MS = 30 * SECOND_MS
"""The hold of an area, as long as that of any blue (docs/requirements.md, default times)."""


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
    joined = join_area(state, key, {signal.subject: 1}, [signal.subject])
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


def join_area(state: State, key: AreaKey, groups: Mapping[str, int], names: Sequence[str]) -> Effect:
    """Count devices that have got a fault now, and open the area's incident where they are many.

    Args:
        state: Read only.
        key: Zone and fault.
        groups: How many devices have got the fault, by what they have in common by themselves: the gateway of a silent
            site, or the device.
        names: Those of them whose fault is not in the state yet; none has an incident of its own.

    Returns:
        An effect with a reason where the area has the incident; else one without, and the device needs its own.
    """
    area = state.areas.get(key, Area())
    if area.is_open:
        counted = replace(area, active=area.active + len(names))
        return Effect(Reason.INHIBITED, (), (PutArea(key, counted),))
    whole_key = (SEVERAL_ZONES, key[1])
    whole = state.areas.get(whole_key, Area())
    recent = recent_groups(state, area, groups)
    of_all = recent_groups(state, whole, {f"{key[0]}/{group}": count for group, count in groups.items()})
    if are_many(recent, threshold(state, key[0]), key[1]):
        return _opened(state, key, names)
    if whole.is_open or are_many(of_all, threshold(state, None), key[1]):
        return _opened_wide(state, key, of_all, names)
    puts = [PutArea(key, replace(area, recent=recent, judged_at=state.now))]
    puts.append(PutArea(whole_key, replace(whole, recent=of_all, judged_at=state.now)))
    return Effect(None, (), (*puts, _timer(state, key), _timer(state, whole_key)))


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
        return Judgement(_judged(state, key, area, of_all_zones(state, key[1])))
    members = tuple(members_of(state, key))
    count = len(of_all_zones(state, key[1])) if area.is_wide else len(members)
    fewest = state.policy.area_at_least if area.is_wide else threshold(state, key[0])
    if not members or count < fewest:
        return Judgement(_closed(state, key), members)
    if area.is_wide:
        put = PutArea(key, replace(area, active=len(members), judged_at=state.now))
        return Judgement(Effect(None, (), (put,)))
    return Judgement(_judged(state, key, replace(area, active=len(members)), members))


def _judged(state: State, key: AreaKey, area: Area, members: tuple[Device, ...]) -> Effect:
    """Tell another count of devices, if it is twice or half of what was told last."""
    area = replace(area, judged_at=state.now)
    incident = by_name(state, zone_of(state, key), name_of(key))
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
    if area is None or incident.place_key != name_of(key):
        return incident, Effect(None)
    members = of_all_zones(state, key[1]) if key[0] == SEVERAL_ZONES else tuple(members_of(state, key))
    signal = _area_signal(state, key, members, f"area:{incident.first_at}")
    named = replace(
        incident,
        sources=signal.examples or incident.sources,
        source_count=len(members),
        device_name=signal.name,
    )
    return named, Effect(None, (), (PutArea(key, replace(area, told=len(members))),))


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
    own = begun_with_it(state, key)
    members = members_and(state, key, own, names)
    event_id = f"area:{state.now}"
    ended = Effect(None).then(*(_inhibited(state, incident, event_id) for incident in own))
    area = Area(active=len(members), told=len(members), is_open=True, judged_at=state.now)
    others = [
        other
        for other, known in state.areas.items()
        if other[1] is hazard and other[0] not in {zone, SEVERAL_ZONES} and known.is_open
    ]
    if others:
        told = _widened(state, hazard, others, event_id, own)
        area = replace(area, is_wide=True)
    else:
        told = _told(state, key, members, event_id, _hold_ms(state, own))
    effect = told.then(ended).after(PutArea(key, area), _timer(state, key))
    return replace(effect, reason=Reason.AREA_FAULT)


def _opened_wide(
    state: State, key: AreaKey, recent: Sequence[tuple[EpochMs, str, int]], names: Sequence[str]
) -> Effect:
    """Open one incident for several zones, of which none is an area by itself."""
    hazard, event_id = key[1], f"area:{state.now}"
    zones = dict.fromkeys((key[0], *(group.partition("/")[0] for _, group, _ in recent)))
    effects: list[Effect] = []
    opened: list[AreaKey] = []
    taken_over: list[Incident] = []
    for zone in zones:
        zone_key = (zone, hazard)
        known = state.areas.get(zone_key)
        if known is not None and known.is_open:
            continue
        own = begun_with_it(state, zone_key)
        members = members_and(state, zone_key, own, names if zone == key[0] else ())
        if not members:
            continue
        opened.append(zone_key)
        area = Area(active=len(members), is_open=True, is_wide=True, judged_at=state.now)
        taken_over += own
        effects += [_inhibited(state, incident, event_id) for incident in own]
        effects.append(Effect(None, (), (PutArea(zone_key, area), _timer(state, zone_key))))
    others = [
        other
        for other, known in state.areas.items()
        if other[1] is hazard and other[0] != SEVERAL_ZONES and known.is_open
    ]
    told = _widened(state, hazard, others, event_id, taken_over, count=len(opened))
    return replace(told.then(*effects), reason=Reason.AREA_FAULT)


def _inhibited(state: State, incident: Incident, event_id: str) -> Effect:
    return close_incident(state, incident, Reason.INHIBITED, event_id, Disposition.DUPLICATE)


def _hold_ms(state: State, taken_over: Iterable[Incident]) -> int:
    """How long an area is held that takes over some incidents: none of them would have been told later by itself.

    Where one of them has been told, the area is told with the next tick, which counts its devices.
    """
    left = (0 if each.hold_until is None else each.hold_until - state.now for each in taken_over)
    return max(1, min((HOLD_MS, *left)))


def _widened(
    state: State,
    hazard: Hazard,
    others: list[AreaKey],
    event_id: str,
    taken_over: Sequence[Incident],
    *,
    count: int = 1,
) -> Effect:
    """Make one incident of the areas of several zones; a candidate keeps the end of its hold.

    Args:
        state: Read only.
        hazard: The fault.
        others: Areas that are open already.
        event_id: Names the cause.
        taken_over: Incidents of single devices that end as inhibited.
        count: How many areas are added to them.
    """
    key = (SEVERAL_ZONES, hazard)
    narrow = [other for other in others if not state.areas[other].is_wide]
    known = state.areas.get(key)
    if known is not None and known.is_open:
        sooner = _told_sooner(state, key, _hold_ms(state, taken_over))
        counted_in = PutArea(key, replace(known, active=known.active + count))
        return Effect(Reason.INHIBITED, (), (counted_in, *sooner))
    incidents = [by_name(state, zone, fault_name(hazard, AREA)) for zone, _ in narrow]
    ended = [each for each in incidents if each is not None and each.state not in QUIET]
    wide = Area(active=len(narrow) + count, is_open=True, judged_at=state.now)
    puts = [PutArea(other, replace(state.areas[other], is_wide=True)) for other in narrow]
    told = _told(state, key, (), event_id, _hold_ms(state, (*ended, *taken_over)))
    closed = (_inhibited(state, each, event_id) for each in ended)
    return told.then(*closed).after(PutArea(key, wide), *puts, _timer(state, key))


def _told_sooner(state: State, key: AreaKey, hold_ms: int) -> tuple[Change, ...]:
    """Shorten the hold of an area's candidate that takes over further incidents."""
    incident = by_name(state, zone_of(state, key), name_of(key))
    until = EpochMs(state.now + hold_ms)
    if incident is None or incident.hold_until is None or incident.hold_until <= until:
        return ()
    return (PutIncident(replace(incident, hold_until=until)),)


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


def _area_signal(state: State, key: AreaKey, devices: tuple[Device, ...], event_id: str) -> ConditionSignal:
    is_wide = key[0] == SEVERAL_ZONES
    return ConditionSignal(
        hazard=key[1],
        subject=WIDE if is_wide else AREA,
        zone=zone_of(state, key),
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
