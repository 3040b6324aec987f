"""The fold's state of one partition: everything that later decisions rest on, and nothing else.

Bounded by registered devices, at most 10,000 unregistered ones, and open incidents. A snapshot is this value in
MessagePack (processors/fold/snapshot_codec.py). The indexes are made again from it, and rules choose by total orders,
so that it makes no difference which of the two a state came from.
"""

import msgspec

from processors.state.entities import (
    Device,
    DeviceKey,
    Ended,
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
"""How a snapshot is written: rises when a field of the state or of what it holds comes, goes or moves."""

FOLD_VERSION = 2
"""The rules: rises when the same log may give other alerts."""


LATEST_MS = EpochMs(253_402_300_799_999)
"""The last millisecond of the year 9999: a later append time is nonsense and does not move fold time."""


class State(msgspec.Struct, kw_only=True):
    """The state of one partition. The fold changes it in place; what it holds is replaced, never changed.

    Attributes:
        partition: Which one.
        partitions: How many the log has.
        offset: The next offset.
        now: Fold time: the running maximum of append times.
        tick: The highest tick number.
        last_hash: Of the last entry, hexadecimal; empty at the start.
        policy: What is in force.
        policy_version: Its version.
        policy_revision: Its revision; 0 until the log brings one.
        devices: Registered ones, removed ones and strangers.
        heartbeats: received_at of the latest heartbeat, of registered devices.
        feeds: The dead letters that each feed told of.
        incidents: The open ones, in the order in which they were raised.
        timers: A heap of what to look at when: at least one for each thing that is due, and some that are nothing.
        forgotten: The latest received_at of strangers that were forgotten, or None.
        heard: Fold time of the last word of each registered device.
        watermarks: How far each partition of a feed has told everything.
        ended: The incidents that ended last, at most 1,000, oldest first.
        ended_floor: The latest received_at of acknowledgements of ended incidents that were forgotten, or None.
        strays: Acknowledgements that found no open incident.
        by_device: Open incidents that a device reported. Derived.
        by_place: Open incidents of a place, in the order in which they were raised. Derived.
        strangers: A heap of (received_at, zone, device id), one for each stranger, and some of former ones. Derived.
        stranger_count: How many strangers there are. Derived.
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
    forgotten: EpochMs | None = None
    last_reports: dict[DeviceKey, EpochMs] = {}
    watermarks: dict[WatermarkKey, Watermark] = {}
    ended: dict[str, Ended] = {}
    ended_floor: EpochMs | None = None
    stray_acks: EventIdWindow = EventIdWindow()
    by_device: dict[DeviceKey, list[str]] = {}
    by_place: dict[PlaceKey, list[str]] = {}
    unregistered: list[tuple[EpochMs, str, str]] = []
    unregistered_count: int = 0
    by_gateway: dict[DeviceKey, list[str]] = {}


def new_state(partition: int, partitions: int) -> State:
    """The state before the first record of a partition."""
    return State(partition=partition, partitions=partitions)


def age_of(device: Device) -> EpochMs:
    """When a stranger was last heard of."""
    return max(
        latest_received_at(device.event_ids) or EpochMs(0),
        latest_received_at(device.camera_event_ids) or EpochMs(0),
    )


def device_at(state: State, key: DeviceKey) -> Device:
    """The device of a zone, or a stranger that is heard of for the first time.

    It may also be one that was forgotten: what it said until then counts as known.
    """
    known = state.devices.get(key)
    if known is not None:
        return known
    empty = EventIdWindow(floor=state.forgotten)
    return Device(zone=key[0], device_id=key[1], event_ids=empty, camera_event_ids=empty)


def places_of(incident: Incident) -> tuple[PlaceKey, ...]:
    """What an incident is found by; nothing for a stranger's. A fault is found by its name, and in its cell."""
    zone, family, key = incident.zone, incident.family, incident.place_key
    if not key:
        return ()
    if family is Family.MAINTENANCE and incident.place is not None:
        return (zone, family, key), (zone, family, incident.place.cell)
    return ((zone, family, key),)
