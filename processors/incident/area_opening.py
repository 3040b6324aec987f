"""Opening the incident of an area, which takes over what its devices had (docs/requirements.md, F17).

    many devices of a zone ────────────────► one incident of the zone; those of the devices end as inhibited
    another zone has an area of the fault ─► one incident of all of them, which the control room answers

An area is held for half a minute, so that its first alert knows how many devices there are, but no longer than what it
takes over: a fault that has been told, or is about to be, never waits for its area (F9).
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from processors.incident.area_count import (
    AREA,
    SEVERAL_ZONES,
    WIDE,
    begun_with_it,
    members_and,
    name_of,
    zone_of,
)
from processors.incident.device_condition import (
    ConditionSignal,
    close_incident,
    on_active,
)
from processors.incident.grading import CONTROL_ROOM, chain_of
from processors.incident.issue import MAX_SOURCES
from processors.incident.lifecycle import QUIET
from processors.incident.matching import by_name, fault_name
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


def open_area(state: State, key: AreaKey, names: Sequence[str]) -> Effect:
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
    effect = told.then(ended).after(PutArea(key, area), area_timer(state, key))
    return replace(effect, reason=Reason.AREA_FAULT)


def open_wide_area(
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
        effects.append(Effect(None, (), (PutArea(zone_key, area), area_timer(state, zone_key))))
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
    return told.then(*closed).after(PutArea(key, wide), *puts, area_timer(state, key))


def _told_sooner(state: State, key: AreaKey, hold_ms: int) -> tuple[Change, ...]:
    """Shorten the hold of an area's candidate that takes over further incidents."""
    incident = by_name(state, zone_of(state, key), name_of(key))
    until = EpochMs(state.now + hold_ms)
    if incident is None or incident.hold_until is None or incident.hold_until <= until:
        return ()
    return (PutIncident(replace(incident, hold_until=until)),)


def _told(state: State, key: AreaKey, members: tuple[Device, ...], event_id: str, hold_ms: int) -> Effect:
    return on_active(state, replace(area_signal(state, key, members, event_id), hold_ms=hold_ms))


def area_signal(state: State, key: AreaKey, devices: tuple[Device, ...], event_id: str) -> ConditionSignal:
    """What is said of an area.

    Args:
        state: Read only.
        key: Zone, or several zones, and fault.
        devices: Those that have the fault; some of them are named.
        event_id: Names the cause.
    """
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


def area_timer(state: State, key: AreaKey) -> SetTimer:
    """The timer by which an area is judged anew."""
    due = EpochMs(state.now + state.policy.area_within_ms)
    return SetTimer(Timer(due, f"{key[0]}/{key[1]}", TimerKind.AREA))
