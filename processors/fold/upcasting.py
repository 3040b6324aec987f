"""Converts snapshots of earlier formats to the present one.

Each step turns the raw lists of one format into those of the next, by position, since entities are written as arrays.
Fields that were added at the end of an entity have defaults and need no step. `arm` starts the timers that the earlier
format did not have. A sample of each earlier format is kept in tests/samples.

    format 1   before acknowledgements: no supervision, no escalation, calls and fires apart
    format 2   before 0.5.0: one window for all reports of a device, heartbeats apart from reports, partitions of feeds
               apart, no second clock
    format 3   before 0.6.0: no incident knew of records that were never read
    format 4   before 0.7.0: only fields that have defaults are new since then
"""

from collections.abc import Callable, Mapping
from heapq import heapify
from typing import Any

import msgspec
from msgspec.structs import replace

from processors.incident.grading import nearest_help_mm
from processors.incident.lifecycle import DUE, restarted
from processors.state.entities import Device, DeviceKey, Incident, Timer, TimerKind, device_subject
from processors.state.event_ids import EventIdWindow
from processors.state.policy import FusionPolicy
from schemas.enums import Family, Feed, Hazard, IncidentState
from schemas.units import EpochMs

FORMAT_1 = 1

_DEVICES_1 = 13
"""Index of the devices in format 1, after `forgotten_until`."""

_FAMILY = 2
"""Index of the family in an incident."""

_NOW_2 = 4
"""Index of stream time in formats 1 and 2."""

_EVENT_IDS = 2
"""Index of the window of event ids in a device."""

_DEFAULTS_2 = (0, None, None, False, None, None)
"""The last six of the 14 fields of a device in format 2, which format 1 may lack; `press_ids` comes next."""

_DEVICE_FIELDS_2 = 14


def upcast(payload: bytes, version: int) -> bytes:
    """Convert a state of an earlier format to the present one.

    Args:
        payload: The state of a snapshot, MessagePack.
        version: Its format, earlier than the present one.

    Returns:
        The state in the present format, MessagePack.
    """
    raw = msgspec.msgpack.decode(payload)
    for step in range(version, max(_STEPS) + 1):
        raw = _STEPS[step](raw)
    return msgspec.msgpack.encode(raw)


def _from_1(raw: list[Any]) -> list[Any]:
    devices, incidents, timers = raw[_DEVICES_1:]
    for part in incidents:
        for incident in part:
            if incident[_FAMILY] in {"call", "fire"}:
                incident[_FAMILY] = Family.EMERGENCY.value
    no_reports, no_watermarks, none_ended, no_floor = {}, {}, {}, None  # type: ignore[var-annotated]
    no_unmatched = msgspec.to_builtins(EventIdWindow())
    added = [no_reports, no_watermarks, none_ended, no_floor, no_unmatched]
    return [2, *raw[1:_DEVICES_1], *added, devices, incidents, timers]


def _from_2(raw: list[Any]) -> list[Any]:
    (head, (_beats, feeds, _forgotten, reports, marks, ended, _floor, unmatched)) = raw[1:10], raw[10:18]
    devices, incidents, timers = raw[18:]
    now = raw[_NOW_2]
    merged = {key: [at, at] for key, at in reports.items()}
    for part in devices:
        for device in part:
            # Their kinds are not known: every remembered event may have been a press, and none is taken for another.
            presses = device[_EVENT_IDS]
            device[_EVENT_IDS] = [None, [], []]
            lacking = _DEVICE_FIELDS_2 - len(device)
            device += [*_DEFAULTS_2[len(_DEFAULTS_2) - lacking :], presses]
    marks = {key: [*mark, 0] for key, mark in marks.items()}
    unmatched_acks = dict(zip(unmatched[2], unmatched[1], strict=True))
    added = [now, now, 0, {}, 0, {}, {}, {}, {}, {}]
    return [
        3,
        *head,
        feeds,
        merged,
        marks,
        ended,
        unmatched_acks,
        *added,
        devices,
        incidents,
        timers,
    ]


def _from_3(raw: list[Any]) -> list[Any]:
    return [4, *raw[1:]]


_STEPS: Mapping[int, Callable[[list[Any]], list[Any]]] = {FORMAT_1: _from_1, 2: _from_2, 3: _from_3}


def arm(
    devices: dict[DeviceKey, Device],
    incidents: dict[str, Incident],
    timers: list[Timer],
    policy: FusionPolicy,
    now: EpochMs,
) -> None:
    """Start the timers that format 1 did not have: supervision, escalation and reminders begin at the snapshot's time.

    Args:
        devices: Changed in place.
        incidents: Changed in place.
        timers: The heap; changed in place.
        policy: The policy in force.
        now: Stream time of the snapshot.
    """
    for key, device in devices.items():
        site = device.site
        if site is not None and not site.removed:
            devices[key] = replace(device, since=now, help_mm=nearest_help_mm(site, device.place))
            if site.heartbeat_s:
                timers.append(Timer(now, device_subject(key), TimerKind.SILENCE))
    for incident_id, incident in incidents.items():
        feeds = tuple(dict.fromkeys(Feed(source.feed) for source in incident.sources))
        first = devices.get((incident.zone, next(iter(incident.devices), "")))
        raised = replace(
            incident,
            feeds=feeds,
            raised_at=incident.first_at,
            device_name="" if first is None else first.name,
            active=incident.hazard is not Hazard.FEED_FAULT,  # an occurrence does not persist
        )
        if incident.state is IncidentState.RAISED:
            raised = restarted(raised, now, policy)
        incidents[incident_id] = raised
        for kind, due_of in DUE.items():
            due = due_of(raised)
            if due is not None and kind is not TimerKind.EXPIRE:  # format 1 had the expiry timer
                timers.append(Timer(due, incident_id, kind))
    heapify(timers)
