"""The fold's state of one partition: everything that later decisions rest on, and nothing else.

Its size is bounded by the registered devices, at most 10,000 unregistered ones, and the open incidents. A snapshot is
this value in MessagePack (processors/fold/snapshot_codec.py). The indexes are rebuilt from it, and rules choose by
total orders, so a state that was restored from a snapshot decides like one that was folded from the log.
"""

import msgspec

from processors.state.entities import (
    Device,
    DeviceKey,
    EndedIncident,
    FeedKey,
    Incident,
    PlaceKey,
    Timer,
    Watermark,
    WatermarkKey,
)
from processors.state.event_ids import EventIdWindow, latest_received_at
from processors.state.policy import DEFAULT_VERSION, FusionPolicy
from schemas.enums import Family
from schemas.units import EpochMs

FORMAT_VERSION = 2
"""The format of snapshots. It rises when a field of the state, or of an entity in it, is added, removed or moved."""

FOLD_VERSION = 2
"""The version of the rules. It rises when the same log may give other alerts."""

LATEST_MS = EpochMs(253_402_300_799_999)
"""The last millisecond of the year 9999. A later append time is an error and does not move stream time."""


class State(msgspec.Struct, kw_only=True):
    """The state of one partition. The fold changes it in place; the entities in it are replaced, never changed.

    Attributes:
        partition: The number of the partition.
        partitions: How many partitions the log has.
        offset: The next offset.
        now: Stream time: the running maximum of append times.
        tick: The highest tick number.
        last_hash: Hash of the last entry, hexadecimal; empty at the start.
        policy: The policy in force.
        policy_version: Its version.
        policy_revision: Its revision; 0 until the log brings one.
        devices: Registered, removed and unregistered devices.
        heartbeats: received_at of the latest heartbeat of each registered device.
        feeds: The window of occurrences (dead letters, list ages, broken logs) that each feed has reported.
        incidents: The open incidents, in the order in which they were raised.
        timers: A heap of checks to make: at least one for each due time, and some that have become obsolete.
        forgotten_until: The latest received_at of unregistered devices that were dropped, or None.
        last_reports: Stream time of the last report of each registered device.
        watermarks: The watermark of each partition of each feed.
        ended: The incidents that ended last, at most 1,000, oldest first.
        ended_floor: The latest received_at of acknowledgements of ended incidents that were dropped, or None.
        unmatched_acks: The window of acknowledgements that matched no open incident.
        by_device: Open incidents that a device reported. Derived.
        by_place: Open incidents of a place, in the order in which they were raised. Derived.
        unregistered: A heap of (received_at, zone, device id), one for each unregistered device, and some of devices
            that no longer are. Derived.
        unregistered_count: How many unregistered devices there are. Derived.
        by_gateway: The silent devices behind each gateway, in the order of their ids. Derived.
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
    heartbeats: dict[DeviceKey, EpochMs] = {}
    feeds: dict[FeedKey, EventIdWindow] = {}
    incidents: dict[str, Incident] = {}
    timers: list[Timer] = []
    forgotten_until: EpochMs | None = None
    last_reports: dict[DeviceKey, EpochMs] = {}
    watermarks: dict[WatermarkKey, Watermark] = {}
    ended: dict[str, EndedIncident] = {}
    ended_floor: EpochMs | None = None
    unmatched_acks: EventIdWindow = EventIdWindow()
    by_device: dict[DeviceKey, list[str]] = {}
    by_place: dict[PlaceKey, list[str]] = {}
    unregistered: list[tuple[EpochMs, str, str]] = []
    unregistered_count: int = 0
    by_gateway: dict[DeviceKey, list[str]] = {}


def new_state(partition: int, partitions: int) -> State:
    """The state before the first record of a partition."""
    return State(partition=partition, partitions=partitions)


def age_of(device: Device) -> EpochMs:
    """When the last event of an unregistered device was received, or 0 where there is none."""
    return max(
        latest_received_at(device.event_ids) or EpochMs(0),
        latest_received_at(device.camera_event_ids) or EpochMs(0),
    )


def device_at(state: State, key: DeviceKey) -> Device:
    """The device of a zone, or a new unregistered device where the state has none.

    The device may have been known and dropped since: its windows begin at the time until which devices were dropped,
    so that a copy of an event from before counts as known.
    """
    known = state.devices.get(key)
    if known is not None:
        return known
    empty = EventIdWindow(floor=state.forgotten_until)
    return Device(zone=key[0], device_id=key[1], event_ids=empty, camera_event_ids=empty)


def places_of(incident: Incident) -> tuple[PlaceKey, ...]:
    """The keys under which an incident is indexed: none without a place, and both name and cell for a fault."""
    zone, family, key = incident.zone, incident.family, incident.place_key
    if not key:
        return ()
    if family is Family.MAINTENANCE and incident.place is not None:
        return (zone, family, key), (zone, family, incident.place.cell)
    return ((zone, family, key),)
