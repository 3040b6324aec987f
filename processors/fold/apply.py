"""Applies the changes that a rule has asked for: plain assignments to dicts, lists and heaps."""

from bisect import insort
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

from processors.incident.lifecycle import DUE
from processors.state.effect import (
    Change,
    CountTick,
    EndIncident,
    ExpectFeeds,
    PutArea,
    PutClock,
    PutClosedFault,
    PutDevice,
    PutEnded,
    PutExercise,
    PutFeed,
    PutIncident,
    PutPolicy,
    PutUnmatchedAck,
    PutWatermarks,
    PutWindow,
    RecordReport,
    SetTimer,
)
from processors.state.entities import (
    Device,
    EndedIncident,
    Incident,
    Timer,
)
from processors.state.partition_state import State, age_of, count_open, heard_of, id_bytes, places_of

MAX_UNREGISTERED = 10_000
"""Unregistered devices that one partition keeps. A county has 630 pillars; more is a flood of made-up ids."""

MAX_UNREGISTERED_BYTES = 4 << 20
"""Bytes of ids of unregistered devices that one partition keeps: 10,000 of them with ids of any usual length
that have sent a few events each. Whoever makes up ids chooses their length and script, and a snapshot has room for
8 MiB. The one whose last event is the oldest is forgotten first, and its next press is heard like a first one."""

MAX_STALE_TIMERS = 1_000
"""Obsolete timers are dropped when they are due, or when the heap is longer than this and four timers for each entity
together."""

MAX_ENDED = 1_000
"""Ended incidents that a partition keeps, so that an acknowledgement of one is answered with INCIDENT_OVER."""

MAX_UNMATCHED = 4_096
"""Acknowledgements of no open incident that a partition keeps, so that a copy of one is not answered twice."""


def apply(state: State, changes: tuple[Change, ...]) -> None:
    """Apply the changes in order."""
    for change in changes:
        _APPLIERS[type(change)](state, change)


def _put_device(state: State, change: PutDevice) -> None:
    device = change.device
    key = device.zone, device.device_id
    known = state.devices.get(key)
    state.devices[key] = device
    if (known is None or known.site is None) and known is not device:
        _count_unregistered(state, known, device)
    was_registered = known is not None and known.is_registered
    if device.is_registered is not was_registered:
        state.zone_sizes[device.zone] = state.zone_sizes.get(device.zone, 0) + (
            1 if device.is_registered else -1
        )
    was_silent = known is not None and known.silent_since is not None
    if was_silent or device.silent_since is not None:
        _list_silent(state, known, device)
    if device.site is not None and device.site.removed:
        state.last_reports.pop(key, None)


def _count_unregistered(state: State, known: Device | None, device: Device) -> None:
    """Count a device that no registry names, or no longer; where they are too many, forget others."""
    if known is not None:
        state.unregistered_count -= 1
        state.unregistered_bytes -= id_bytes(known)
    if device.site is not None:
        return
    state.unregistered_count += 1
    state.unregistered_bytes += id_bytes(device)
    # A gateway's clock may be set back; a heap that is rebuilt from a snapshot has the earlier age too.
    if known is None or age_of(device) < age_of(known):
        heappush(state.unregistered, (age_of(device), *device.key))
    if len(state.unregistered) > 4 * state.unregistered_count + MAX_STALE_TIMERS:
        state.unregistered = [
            (age_of(each), *each.key) for each in state.devices.values() if each.site is None
        ]
        heapify(state.unregistered)
    while state.unregistered_count > MAX_UNREGISTERED or state.unregistered_bytes > MAX_UNREGISTERED_BYTES:
        _forget_unregistered(state)


def _list_silent(state: State, known: Device | None, device: Device) -> None:
    if known is not None and known.silent_since is not None and known.gateway is not None:
        _unlist(state.by_gateway, known.gateway, known.device_id)
    if device.silent_since is not None and device.gateway is not None:
        insort(state.by_gateway.setdefault(device.gateway, []), device.device_id)


def _forget_unregistered(state: State) -> None:
    """Drop the unregistered device whose last event is the oldest.

    The heap may hold outdated times for a device, but one that is not later than its last event. So the least entry
    that is still correct belongs to the device to drop.
    """
    age, *key = heappop(state.unregistered)
    zone, device_id = key
    device = state.devices.get((zone, device_id))
    if device is None or device.site is not None:
        return
    if age_of(device) != age:
        heappush(state.unregistered, (age_of(device), zone, device_id))
        return
    del state.devices[zone, device_id]
    state.unregistered_count -= 1
    state.unregistered_bytes -= id_bytes(device)


def _record_report(state: State, change: RecordReport) -> None:
    state.last_reports[change.key] = change.report


def _put_incident(state: State, change: PutIncident) -> None:
    incident = change.incident
    known = state.incidents.get(incident.incident_id)
    state.incidents[incident.incident_id] = incident
    count_open(state, known, -1)
    count_open(state, incident, 1)
    if known is None or known.place != incident.place or known.place_key != incident.place_key:
        _index_places(state, known, incident)
    for kind, due_of in DUE.items():
        due = due_of(incident)
        before = due if due is None or known is None else due_of(known)
        if due is not None and (known is None or before is None or due < before):
            heappush(state.timers, Timer(due, incident.incident_id, kind))
    for device_id in incident.devices[len(known.devices) if known else 0 :]:
        state.by_device.setdefault((incident.zone, device_id), []).append(incident.incident_id)


def _index_places(state: State, known: Incident | None, incident: Incident) -> None:
    """List an incident at its places, and no longer at those that it has left.

    A place lists its incidents in the order in which they were opened, so one that has moved is put in its order.
    """
    if known is not None:
        for place in places_of(known):
            _unlist(state.by_place, place, incident.incident_id)
    for place in places_of(incident):
        listed = state.by_place.setdefault(place, [])
        listed.append(incident.incident_id)
        if known is not None and len(listed) > 1:
            opened = {name: number for number, name in enumerate(state.incidents)}
            listed.sort(key=opened.__getitem__)


def _end_incident(state: State, change: EndIncident) -> None:
    incident = state.incidents.pop(change.incident.incident_id, None)
    if incident is None:
        return
    count_open(state, incident, -1)
    if incident.revision or change.incident.revision:  # nobody can acknowledge one without an alert
        _remember_end(state, change.incident)
    for place in places_of(incident):
        _unlist(state.by_place, place, incident.incident_id)
    for device_id in incident.devices:
        _unlist(state.by_device, (incident.zone, device_id), incident.incident_id)


def _remember_end(state: State, incident: Incident) -> None:
    state.ended.pop(incident.incident_id, None)  # so that the order is that in which they ended
    state.ended[incident.incident_id] = EndedIncident(
        incident.state, incident.acks, incident.organisation_acks
    )
    while len(state.ended) > MAX_ENDED:
        del state.ended[next(iter(state.ended))]


def _unlist(index: dict[Any, list[str]], key: Any, incident_id: str) -> None:
    listed = index.get(key, [])
    if incident_id in listed:
        listed.remove(incident_id)
    if not listed:
        index.pop(key, None)


def _put_ended(state: State, change: PutEnded) -> None:
    if change.incident_id in state.ended:  # keeps its position, so the order in which they ended stays
        state.ended[change.incident_id] = change.ended


def _put_unmatched_ack(state: State, change: PutUnmatchedAck) -> None:
    state.unmatched_acks.pop(change.name, None)
    state.unmatched_acks[change.name] = change.received_at
    while len(state.unmatched_acks) > MAX_UNMATCHED:
        del state.unmatched_acks[next(iter(state.unmatched_acks))]


def _set_timer(state: State, change: SetTimer) -> None:
    heappush(state.timers, change.timer)


def prune_timers(state: State) -> None:
    """Drop obsolete timers when there are many: those of ended incidents, and all but the first of a kind."""
    entities = len(state.incidents) + len(state.devices) + len(state.watermarks) + len(state.closed_faults)
    if len(state.timers) <= 4 * entities + MAX_STALE_TIMERS:
        return
    first: dict[tuple[str, str], Timer] = {}
    for timer in sorted(state.timers):
        if timer.kind not in DUE or timer.subject in state.incidents:
            first.setdefault((timer.subject, timer.kind), timer)
    state.timers[:] = first.values()
    heapify(state.timers)


def _put_feed(state: State, change: PutFeed) -> None:
    state.feeds[change.key] = change.event_ids


def _put_watermarks(state: State, change: PutWatermarks) -> None:
    for partition, mark in change.marks:
        _put(state.watermarks, (change.topic, partition), mark)
    _put(state.heard, change.topic, heard_of(state, change.topic))


def _put_area(state: State, change: PutArea) -> None:
    _put(state.areas, change.key, change.area)


def _put_closed_fault(state: State, change: PutClosedFault) -> None:
    _put(state.closed_faults, change.key, change.closed)


def _put_window(state: State, change: PutWindow) -> None:
    _put(state.windows, change.window_id, change.window)


def _put_exercise(state: State, change: PutExercise) -> None:
    _put(state.exercises, change.key, change.exercise)


def _put_clock(state: State, change: PutClock) -> None:
    _put(state.clocks, change.writer, change.reading)


def _put(table: dict[Any, Any], key: object, value: object | None) -> None:
    """Store a value, or forget it."""
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _expect_feeds(state: State, change: ExpectFeeds) -> None:
    state.expected_revision = change.revision
    state.expected = {topic: state.expected.get(topic, state.now) for topic in change.topics}


def _put_policy(state: State, change: PutPolicy) -> None:
    state.policy, state.policy_version = change.policy, change.version
    state.policy_revision = change.revision


def _count_tick(state: State, change: CountTick) -> None:
    state.tick, state.tick_append, state.ticked_at = change.number, change.append_ms, state.now


_APPLIERS: Mapping[type[Any], Callable[[State, Any], None]] = {
    PutDevice: _put_device,
    RecordReport: _record_report,
    PutIncident: _put_incident,
    EndIncident: _end_incident,
    PutEnded: _put_ended,
    PutUnmatchedAck: _put_unmatched_ack,
    SetTimer: _set_timer,
    PutFeed: _put_feed,
    PutWatermarks: _put_watermarks,
    PutArea: _put_area,
    PutClosedFault: _put_closed_fault,
    PutWindow: _put_window,
    PutExercise: _put_exercise,
    PutClock: _put_clock,
    ExpectFeeds: _expect_feeds,
    PutPolicy: _put_policy,
    CountTick: _count_tick,
}
