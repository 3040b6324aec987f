"""The fold's state of one partition: everything that later decisions rest on, and nothing else.

Its size is bounded by the registered devices, at most 10,000 unregistered ones and 4 MiB of their ids, and the open
incidents. A snapshot is this value in MessagePack (processors/fold/snapshot_codec.py). The indexes are rebuilt from
it, and rules choose by total orders, so a state that was restored from a snapshot decides like one that was folded
from the log.
"""

from functools import lru_cache
from itertools import count

import msgspec

from processors.state.entities import (
    Area,
    AreaKey,
    ClockReading,
    ClosedFault,
    Device,
    DeviceKey,
    EndedIncident,
    Exercise,
    FaultKey,
    FeedKey,
    Incident,
    LastReport,
    PlaceKey,
    Timer,
    Watermark,
    WatermarkKey,
)
from processors.state.event_ids import EventIdWindow, latest_received_at
from processors.state.policy import DEFAULT_VERSION, FusionPolicy
from schemas.enums import Family, Grade
from schemas.fusion_log import MaintenanceWindow
from schemas.ids import size_of
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import EpochMs

FORMAT_VERSION = 5
"""The format of snapshots. It rises when a field of the state, or of an entity in it, is added, removed or moved."""

FOLD_VERSION = 5
"""The version of the rules. It rises when the same log may give other alerts."""


class State(msgspec.Struct, kw_only=True):
    """The state of one partition. The fold changes it in place; the entities in it are replaced, never changed.

    Attributes:
        partition: The number of the partition.
        partitions: How many partitions the log has.
        offset: The next offset.
        now: Stream time (processors/fold/stream_time.py).
        tick: The highest tick number.
        last_hash: Hash of the last entry, hexadecimal; empty at the start.
        policy: The policy in force.
        policy_version: Its version.
        policy_revision: Its revision; 0 until the log brings one.
        devices: Registered, removed and unregistered devices.
        feeds: The window of occurrences (dead letters, list ages, broken logs) that each feed has reported.
        incidents: The open incidents, in the order in which they were raised.
        timers: A heap of checks to make: at least one for each due time, and some that have become obsolete.
        last_reports: The last report of each registered device.
        watermarks: The watermark of each partition of each feed.
        ended: The incidents that ended last, at most 1,000, oldest first.
        unmatched_acks: received_at of the latest acknowledgements that matched no open incident, by incident and ack
            id, oldest first.
        tick_append: Append time of the latest tick.
        ticked_at: Stream time of the latest tick.
        heard_since: Stream time since which ticks have come without a hole.
        expected: The feeds that should be read, and the stream time from which they are expected.
        expected_revision: The revision of the registry that expects them.
        areas: Faults of many devices at once, by zone and hazard.
        closed_faults: Faults that go on although a person has closed their incidents, by zone and fault.
        windows: Planned work that is not over, by its id.
        exercises: Exercises, by zone, or by zone and site.
        clocks: The clocks of the writers of the log that have differed from the broker's.
        by_device: Open incidents that a device reported. Derived.
        by_place: Open incidents of a place, in the order in which they were raised. Derived.
        unregistered: A heap of (received_at, zone, device id), one for each unregistered device, and some of devices
            that no longer are. Derived.
        unregistered_count: How many unregistered devices there are. Derived.
        unregistered_bytes: The bytes of their ids and of those that they remember. Derived.
        by_gateway: The silent devices behind each gateway, in the order of their ids. Derived.
        zone_sizes: How many registered devices each zone has. Derived.
        open_by_grade: How many open incidents an alert has gone out of, by grade. Derived.
        heard: Of each feed that is read: since when without a hole in any partition, and until when in all. Derived.
    """

    partition: int
    partitions: int
    offset: int = 0
    now: EpochMs = EpochMs(0)
    tick: int = 0
    last_hash: str = ""
    policy: FusionPolicy = FusionPolicy()
    policy_version: str = DEFAULT_VERSION
    policy_revision: int = 0
    devices: dict[DeviceKey, Device] = {}
    feeds: dict[FeedKey, EventIdWindow] = {}
    incidents: dict[str, Incident] = {}
    timers: list[Timer] = []
    last_reports: dict[DeviceKey, LastReport] = {}
    watermarks: dict[WatermarkKey, Watermark] = {}
    ended: dict[str, EndedIncident] = {}
    unmatched_acks: dict[str, EpochMs] = {}
    tick_append: EpochMs = EpochMs(0)
    ticked_at: EpochMs = EpochMs(0)
    heard_since: EpochMs = EpochMs(0)
    expected: dict[str, EpochMs] = {}
    expected_revision: int = 0
    areas: dict[AreaKey, Area] = {}
    closed_faults: dict[FaultKey, ClosedFault] = {}
    windows: dict[str, MaintenanceWindow] = {}
    exercises: dict[str, Exercise] = {}
    clocks: dict[str, ClockReading] = {}
    by_device: dict[DeviceKey, list[str]] = {}
    by_place: dict[PlaceKey, list[str]] = {}
    unregistered: list[tuple[EpochMs, str, str]] = []
    unregistered_count: int = 0
    unregistered_bytes: int = 0
    by_gateway: dict[DeviceKey, list[str]] = {}
    zone_sizes: dict[str, int] = {}
    open_by_grade: dict[Grade, int] = {}
    heard: dict[str, tuple[EpochMs, EpochMs]] = {}


def new_state(partition: int, partitions: int) -> State:
    """The state before the first record of a partition."""
    return State(partition=partition, partitions=partitions)


def age_of(device: Device) -> EpochMs:
    """When the last event of an unregistered device was received, or 0 where there is none."""
    windows = (device.event_ids, device.camera_event_ids, device.press_ids)
    return max(latest_received_at(window) or EpochMs(0) for window in windows)


def id_bytes(device: Device) -> int:
    """The bytes of an unregistered device's ids and of those that it remembers."""
    windows = (device.event_ids, device.camera_event_ids, device.press_ids)
    remembered = sum(size_of(name) for window in windows for name in window.ids)
    return size_of(device.zone) + size_of(device.device_id) + remembered


def device_at(state: State, key: DeviceKey) -> Device:
    """The device of a zone, or a new unregistered device where the state has none."""
    return state.devices.get(key) or Device(zone=key[0], device_id=key[1])


def count_open(state: State, incident: Incident | None, by: int) -> None:
    """Count an open incident (1), or count it no longer (-1); one of which no alert has gone out is not counted."""
    if incident is not None and incident.revision:
        state.open_by_grade[incident.grade] = state.open_by_grade.get(incident.grade, 0) + by


def heard_of(state: State, topic: str) -> tuple[EpochMs, EpochMs] | None:
    """Since when a feed has been read without a hole in any partition, and until when in all; None where it is not."""
    marks = [mark for (name, _), mark in state.watermarks.items() if name == topic]
    if not marks:
        return None
    return max(mark.since for mark in marks), min(mark.reported_at for mark in marks)


@lru_cache(maxsize=64)
def unassigned_zone(partition: int, partitions: int) -> str:
    """A zone of a partition for what belongs to none of its zones: `unassigned`, or that and a number.

    Acknowledgements find an incident by its zone, so it must be one whose key leads to the partition.
    """
    names = (UNASSIGNED_ZONE if not number else f"{UNASSIGNED_ZONE}-{number}" for number in count())
    return next(name for name in names if partition_of(name, partitions) == partition)


def places_of(incident: Incident) -> tuple[PlaceKey, ...]:
    """The keys under which an incident is indexed: none without a place, and both name and cell for a fault."""
    zone, family, key = incident.zone, incident.family, incident.place_key
    if not key:
        return ()
    if family is Family.MAINTENANCE and incident.place is not None:
        return (zone, family, key), (zone, family, incident.place.cell)
    return ((zone, family, key),)
