"""The fold's memory of one partition: everything that later decisions rest on, and nothing else.

Bounded by registered devices, at most 10,000 strangers, and open incidents. A snapshot is this value in MessagePack;
the indexes are made again from it, and rules choose by total orders, so that it makes no difference which of the two
a state came from.
"""

from bisect import insort
from collections.abc import Sequence
from copy import copy
from heapq import heapify
from itertools import chain
from typing import NamedTuple

import msgspec

from processors.entities import (
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
from processors.memory import Memory, newest
from processors.policy import DEFAULT_VERSION, FusionPolicy, validate
from processors.upcasting import FORMAT_1, arm, upcast
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
    feeds: dict[FeedKey, Memory] = {}
    incidents: dict[str, Incident] = {}
    timers: list[Timer] = []
    forgotten: EpochMs | None = None
    heard: dict[DeviceKey, EpochMs] = {}
    watermarks: dict[WatermarkKey, Watermark] = {}
    ended: dict[str, Ended] = {}
    ended_floor: EpochMs | None = None
    strays: Memory = Memory()
    by_device: dict[DeviceKey, list[str]] = {}
    by_place: dict[PlaceKey, list[str]] = {}
    strangers: list[tuple[EpochMs, str, str]] = []
    stranger_count: int = 0
    by_gateway: dict[DeviceKey, list[str]] = {}


class _Head(msgspec.Struct, array_like=True):
    """The first field, whatever follows."""

    format_version: int


class _Snapshot(msgspec.Struct, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What is written, in this order."""

    format_version: int
    partition: int
    partitions: int
    offset: int
    now: EpochMs
    tick: int
    last_hash: str
    policy: FusionPolicy
    policy_version: str
    policy_revision: int
    heartbeats: dict[DeviceKey, EpochMs]
    feeds: dict[FeedKey, Memory]
    forgotten: EpochMs | None
    heard: dict[DeviceKey, EpochMs]
    watermarks: dict[WatermarkKey, Watermark]
    ended: dict[str, Ended]
    ended_floor: EpochMs | None
    strays: Memory
    devices: list[list[Device]]
    incidents: list[list[Incident]]
    timers: list[list[Timer]]


_SCALARS = (
    "partition",
    "partitions",
    "offset",
    "now",
    "tick",
    "last_hash",
    "policy",
    "policy_version",
    "policy_revision",
    "heartbeats",
    "feeds",
    "forgotten",
    "heard",
    "watermarks",
    "ended",
    "ended_floor",
    "strays",
)
"""Fields that are written as they are."""

SLICE = 256
"""How many devices, incidents or timers are written at once: about half a millisecond."""


class Frozen(NamedTuple):
    """A copy of a state that the fold does not touch any more. Its values are shared: they never change.

    Attributes:
        scalars: In the order of a snapshot.
        devices: As in the state.
        incidents: As in the state.
        timers: As in the state.
    """

    scalars: tuple[object, ...]
    devices: list[Device]
    incidents: list[Incident]
    timers: list[Timer]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Snapshot)
_HEAD = msgspec.msgpack.Decoder(_Head)


def new_state(partition: int, partitions: int) -> State:
    """The state before the first record of a partition."""
    return State(partition=partition, partitions=partitions)


def freeze(state: State) -> Frozen:
    """Copy a state, in a fraction of a millisecond; the fold may go on while the copy is written."""
    return Frozen(
        scalars=tuple(copy(getattr(state, name)) for name in _SCALARS),
        devices=list(state.devices.values()),
        incidents=list(state.incidents.values()),
        timers=list(state.timers),
    )


def pack(frozen: Frozen) -> bytes:
    """Write a copy: equal states give equal bytes, since every container keeps the order of the log.

    It is written in slices, so that a thread that does this lets others run in between.
    """
    sliced = [_slices(values) for values in (frozen.devices, frozen.incidents, frozen.timers)]
    return _ENCODER.encode((FORMAT_VERSION, *frozen.scalars, *sliced))


def dump(state: State) -> bytes:
    """Write a state."""
    return pack(freeze(state))


def _slices(values: Sequence[Device | Incident | Timer]) -> list[msgspec.Raw]:
    return [msgspec.Raw(_ENCODER.encode(values[at : at + SLICE])) for at in range(0, len(values), SLICE)]


def load(payload: bytes) -> State:
    """Read a state, also one of an earlier format.

    Raises:
        ValueError: The bytes are no state, or one of a later format. The text says which.
    """
    version = _format_of(payload)
    try:
        stored = _DECODER.decode(payload if version == FORMAT_VERSION else upcast(payload, version))
    except (msgspec.DecodeError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no state of format {version}: {error}") from error
    if not 0 <= stored.partition < stored.partitions or stored.offset < 0:
        raise ValueError(
            f"partition {stored.partition} of {stored.partitions}, offset {stored.offset}: no state"
        )
    if problems := validate(stored.policy):
        raise ValueError(f"its policy contradicts itself: {problems[0]}")
    state = State(
        devices={device.key: device for device in chain.from_iterable(stored.devices)},
        incidents={incident.incident_id: incident for incident in chain.from_iterable(stored.incidents)},
        timers=list(chain.from_iterable(stored.timers)),
        **{name: getattr(stored, name) for name in _SCALARS},
    )
    if version == FORMAT_1:
        arm(state.devices, state.incidents, state.timers, state.policy, state.now)
    _index(state)
    return state


def _format_of(payload: bytes) -> int:
    try:
        version = _HEAD.decode(payload).format_version
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"no state of any format: {error}") from error
    if not 1 <= version <= FORMAT_VERSION:
        raise ValueError(f"state of format {version}, this release reads 1 to {FORMAT_VERSION}")
    return version


def _index(state: State) -> None:
    """Make what is derived."""
    for incident in state.incidents.values():
        for key in places_of(incident):
            state.by_place.setdefault(key, []).append(incident.incident_id)
        for device_id in incident.devices:
            state.by_device.setdefault((incident.zone, device_id), []).append(incident.incident_id)
    state.strangers = [
        (age_of(device), *device.key) for device in state.devices.values() if device.site is None
    ]
    state.stranger_count = len(state.strangers)
    heapify(state.strangers)
    for device in state.devices.values():
        if device.silent_since is not None and device.gateway is not None:
            insort(state.by_gateway.setdefault(device.gateway, []), device.device_id)


def age_of(device: Device) -> EpochMs:
    """When a stranger was last heard of."""
    return max(newest(device.memory) or EpochMs(0), newest(device.sightings) or EpochMs(0))


def device_at(state: State, key: DeviceKey) -> Device:
    """The device of a zone, or a stranger that is heard of for the first time.

    It may also be one that was forgotten: what it said until then counts as known.
    """
    known = state.devices.get(key)
    if known is not None:
        return known
    empty = Memory(floor=state.forgotten)
    return Device(zone=key[0], device_id=key[1], memory=empty, sightings=empty)


def places_of(incident: Incident) -> tuple[PlaceKey, ...]:
    """What an incident is found by; nothing for a stranger's. A fault is found by its name, and in its cell."""
    zone, family, key = incident.zone, incident.family, incident.place_key
    if not key:
        return ()
    if family is Family.MAINTENANCE and incident.place is not None:
        return (zone, family, key), (zone, family, incident.place.cell)
    return ((zone, family, key),)
