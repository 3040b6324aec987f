"""Areas: one fault of many devices of a zone at the same time is one incident (docs/requirements.md, F17).

    a device gets a fault ─► few have got it within a minute ─► its own incident
                          ─► many have ─► one incident of the area; those of the devices end as inhibited
    an area is open ───────► further devices are only counted
    once a minute ─────────► nobody has it any more: over; few are left: over, and each of them is told;
                             twice or half as many as were told: told again

The cause of a mains failure or of an uplink that is lost is one, and so is the work. Presses are never inhibited.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
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
from processors.state.partition_state import State
from schemas.alert import Source
from schemas.enums import Disposition, Feed, Hazard, Reason
from schemas.units import EpochMs

AREA = "*"
"""The subject of the condition of an area."""

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
    joined = join_area(state, key, [signal.subject])
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


def join_area(state: State, key: AreaKey, devices: Iterable[str]) -> Effect:
    """Count devices that have got a fault now, and open the area's incident where they are many.

    Args:
        state: Read only.
        key: Zone and fault.
        devices: The devices, none of which has an incident of its own.

    Returns:
        An effect with a reason where the area has the incident; else one without, and the device needs its own.
    """
    area = state.areas.get(key, Area())
    names = list(devices)
    if area.is_open:
        counted = replace(area, active=area.active + len(names))
        return Effect(Reason.INHIBITED, (), (PutArea(key, counted),))
    most, since = _threshold(state, key[0]), state.now - state.policy.area_within_ms
    recent = [(at, name) for at, name in area.recent if at > since and name not in names]
    recent += [(state.now, name) for name in names]
    if _are_many(state, key, recent, most):
        return _opened(state, key, [name for _, name in recent])
    changes = [PutArea(key, replace(area, recent=tuple(recent[-most:]), judged_at=state.now))]
    return Effect(None, (), (*changes, _timer(state, key)))


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
        is_past = all(at <= state.now - state.policy.area_within_ms for at, _ in area.recent)
        put = PutArea(key, None if is_past else replace(area, judged_at=state.now))
        return Judgement(Effect(None, (), (put,)))
    members = tuple(members_of(state, key))
    if len(members) < _threshold(state, key[0]):
        return Judgement(_closed(state, key), members)
    judged = replace(area, active=len(members), judged_at=state.now)
    incident = by_name(state, key[0], fault_name(key[1], AREA))
    has_changed = len(members) >= 2 * area.told or 2 * len(members) <= area.told
    if not has_changed or incident is None or incident.state in (*QUIET, *OVER):
        return Judgement(Effect(None, (), (PutArea(key, judged),)))
    signal = _area_signal(state, key, members, len(members), f"count:{state.now}")
    told = report_condition(state, incident, signal, Reason.AREA_FAULT)
    return Judgement(told.after(PutArea(key, replace(judged, told=len(members)))))


def members_of(state: State, key: AreaKey) -> Iterator[Device]:
    """The devices of an area: those that have the fault, and no incident of their own or of their site."""
    zone, hazard = key
    for device in state.devices.values():
        has_it = device.zone == zone and device.is_registered and has_fault(device, hazard)
        is_own = has_it and _own(state, zone, hazard, device.device_id) is not None
        if has_it and not is_own and not _is_of_site(state, device, hazard):
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


def _opened(state: State, key: AreaKey, names: list[str]) -> Effect:
    """Open the incident of an area, and end those of its devices that began with it."""
    zone, hazard = key
    own = [incident for name in names for incident in _own_of(state, zone, hazard, name)]
    ended = {incident.incident_id: incident for incident in own if incident.state not in QUIET}
    covered = {name for incident in ended.values() for name in incident.devices}
    devices = {device.device_id: device for device in members_of(state, key)}
    for name in (*names, *covered):
        if (known := state.devices.get((zone, name))) is not None and has_fault(known, hazard):
            devices[name] = known
    if hazard is Hazard.COMM_FAIL:
        for name in covered:
            children = (state.devices[zone, child] for child in state.by_gateway.get((zone, name), ()))
            devices.update({child.device_id: child for child in children})
    sure = [name for name in names if name not in devices and (zone, name) in state.devices]
    devices.update({name: state.devices[zone, name] for name in sure})
    signal = _area_signal(state, key, tuple(devices.values()), len(devices), f"area:{state.now}")
    whole = on_active(state, signal)
    event_id = signal.event_id
    inhibited = [
        close_incident(state, incident, Reason.INHIBITED, event_id, Disposition.DUPLICATE)
        for incident in ended.values()
    ]
    area = Area(active=len(devices), told=len(devices), is_open=True, judged_at=state.now)
    effect = whole.then(*inhibited).after(PutArea(key, area), _timer(state, key))
    return replace(effect, reason=Reason.AREA_FAULT)


def _closed(state: State, key: AreaKey) -> Effect:
    over = on_cleared(state, _area_signal(state, key, (), 0, f"over:{state.now}"))
    return replace(over, reason=Reason.CONDITION_OVER).after(PutArea(key, None))


def _area_signal(
    state: State, key: AreaKey, devices: tuple[Device, ...], count: int, event_id: str
) -> ConditionSignal:
    zone, hazard = key
    named = ", ".join(device.device_id for device in devices[:MAX_NAMED])
    return ConditionSignal(
        hazard=hazard,
        subject=AREA,
        zone=zone,
        event_id=event_id,
        feed=Feed.INTAKE,
        occurred_at=state.now,
        received_at=state.now,
        is_sure=True,
        name=named,
        chain=next((chain_of(device.site) for device in devices), CONTROL_ROOM),
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
        count=count,
    )


def _threshold(state: State, zone: str) -> int:
    """How many devices of a zone make an area."""
    policy = state.policy
    share = -(-state.zone_sizes.get(zone, 0) * policy.area_percent // 100)
    return min(policy.area_devices, max(policy.area_at_least, share))


def _are_many(state: State, key: AreaKey, recent: list[tuple[EpochMs, str]], most: int) -> bool:
    """Whether the devices are so many that they have one cause; those behind one silent gateway are its site."""
    if len(recent) < most:
        return False
    if key[1] is not Hazard.COMM_FAIL:
        return True
    sites = Counter(_site_of(state, key[0], name) for _, name in recent)
    return len(recent) - max(sites.values()) >= max(2, most // 4)


def _site_of(state: State, zone: str, name: str) -> str:
    device = state.devices.get((zone, name))
    return name if device is None or device.gateway is None else device.gateway[1]


def _stands_alone(state: State, signal: ConditionSignal) -> bool:
    """Whether a device has an incident of its own for this fault, had one that a person closed, or is worked on."""
    name = fault_name(signal.hazard, signal.subject)
    return (
        by_name(state, signal.zone, name) is not None
        or (signal.zone, name) in state.closed_faults
        or planned_until(state, signal.zone, signal.subject) is not None
    )


def _own(state: State, zone: str, hazard: Hazard, name: str) -> Incident | None:
    return by_name(state, zone, fault_name(hazard, name))


def _own_of(state: State, zone: str, hazard: Hazard, name: str) -> Iterator[Incident]:
    """The incidents of a device that an area takes over: its own, and for silence that of its site."""
    owners = [(hazard, name)]
    if hazard is Hazard.COMM_FAIL:
        owners += [(Hazard.SITE_COMM_FAIL, name), (Hazard.SITE_COMM_FAIL, _site_of(state, zone, name))]
    for each in owners:
        incident = _own(state, zone, *each)
        if incident is not None and incident.active:
            yield incident


def _is_of_site(state: State, device: Device, hazard: Hazard) -> bool:
    """Whether the incident of a silent site speaks for a device."""
    if hazard is not Hazard.COMM_FAIL:
        return False
    site = _own(state, device.zone, Hazard.SITE_COMM_FAIL, _site_of(state, device.zone, device.device_id))
    return site is not None and site.active


def _timer(state: State, key: AreaKey) -> SetTimer:
    due = EpochMs(state.now + state.policy.area_within_ms)
    return SetTimer(Timer(due, f"{key[0]}/{key[1]}", TimerKind.AREA))
