"""Areas: one fault of many devices of a zone at the same time is one incident (docs/requirements.md, F17).

    a device gets a fault ─► few have got it within a minute ─► its own incident
                          ─► many have ─► one incident of the area; those of the devices end as inhibited
    an area is open ───────► further devices are only counted
    several zones ─────────► one incident of all of them, which the control room answers
    once a minute ─────────► nobody has it any more: over; few are left: over, and each of them is told;
                             twice or half as many as were told: told again

The cause of a mains failure or of an uplink that is lost is one, and so is the work. Presses are never inhibited. How
the incident of an area is opened: processors/incident/area_opening.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from processors.incident.area_count import (
    SEVERAL_ZONES,
    WIDE,
    are_many,
    members_of,
    name_of,
    of_all_zones,
    recent_groups,
    still_active,
    threshold,
    zone_of,
)
from processors.incident.area_opening import area_signal, area_timer, open_area, open_wide_area
from processors.incident.device_condition import (
    ConditionSignal,
    on_active,
    on_cleared,
    report_condition,
)
from processors.incident.grading import chain_of
from processors.incident.lifecycle import OVER, QUIET
from processors.incident.matching import by_name, fault_name
from processors.incident.planned import planned_until
from processors.state.effect import Effect, PutArea
from processors.state.entities import Area, AreaKey, Device, Incident
from processors.state.partition_state import State
from schemas.enums import Feed, Hazard, Reason
from schemas.units import EpochMs


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
    joining = {f"{key[0]}/{group}": count for group, count in groups.items()}
    of_all = recent_groups(state, whole, joining)
    of_zone = tuple((at, f"{key[0]}/{group}", count) for at, group, count in recent)
    if are_many(still_active(state, key[1], of_zone, joining), threshold(state, key[0]), key[1]):
        return open_area(state, key, names)
    many = still_active(state, key[1], of_all, joining)
    if whole.is_open or are_many(many, threshold(state, None), key[1]):
        return open_wide_area(state, key, of_all, names)
    puts = [PutArea(key, replace(area, recent=recent, judged_at=state.now))]
    puts.append(PutArea(whole_key, replace(whole, recent=of_all, judged_at=state.now)))
    return Effect(None, (), (*puts, area_timer(state, key), area_timer(state, whole_key)))


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
        state, incident, area_signal(state, key, members, f"count:{state.now}"), Reason.AREA_FAULT
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
    signal = area_signal(state, key, members, f"area:{incident.first_at}")
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


def _closed(state: State, key: AreaKey) -> Effect:
    """The devices of an area are well again, or few are left."""
    area = state.areas[key]
    gone = PutArea(key, None)
    if not area.is_wide:
        over = on_cleared(state, area_signal(state, key, (), f"over:{state.now}"))
        return replace(over, reason=Reason.CONDITION_OVER).after(gone)
    whole_key = (SEVERAL_ZONES, key[1])
    whole = state.areas.get(whole_key)
    if whole is None:
        return Effect(Reason.CONDITION_OVER, (), (gone,))
    if whole.active > 1:
        rest = PutArea(whole_key, replace(whole, active=whole.active - 1))
        return Effect(Reason.CONDITION_OVER, (), (gone, rest))
    over = on_cleared(state, area_signal(state, whole_key, (), f"over:{state.now}"))
    return replace(over, reason=Reason.CONDITION_OVER).after(gone, PutArea(whole_key, None))


def _stands_alone(state: State, signal: ConditionSignal) -> bool:
    """Whether a device has an incident of its own for this fault, had one that a person closed, or is worked on."""
    name = fault_name(signal.hazard, signal.subject)
    return (
        by_name(state, signal.zone, name) is not None
        or (signal.zone, name) in state.closed_faults
        or planned_until(state, signal.zone, signal.subject) is not None
    )
