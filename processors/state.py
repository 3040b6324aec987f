"""The fold's memory of one partition: everything that later decisions rest on, and nothing else.

Bounded by registered devices, at most 10,000 strangers, and open incidents. A snapshot is this value in MessagePack;
the indexes are made again from it, and rules choose by total orders, so that it makes no difference which of the two
a state came from.
"""

from collections.abc import Sequence
from copy import copy
from heapq import heapify
from itertools import chain
from typing import NamedTuple

import msgspec

from processors.entities import Device, DeviceKey, FeedKey, Incident, PlaceKey, Timer
from processors.memory import Memory, newest
from processors.policy import DEFAULT_VERSION, FusionPolicy, validate
from schemas.units import EpochMs

FORMAT_VERSION = 1
"""How a snapshot is written: rises when a field of the state or of what it holds comes, goes or moves."""

FOLD_VERSION = 1
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
        timers: A heap, at most one timer for each open incident and kind, and some of ended ones.
        forgotten: The latest received_at of strangers that were forgotten, or None.
        by_device: Open incidents that a device reported. Derived.
        by_place: Open incidents of a place, in the order in which they were raised. Derived.
        strangers: A heap of (received_at, zone, device id), one for each stranger, and some of former ones. Derived.
        stranger_count: How many strangers there are. Derived.
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
    by_device: dict[DeviceKey, list[str]] = {}
    by_place: dict[PlaceKey, list[str]] = {}
    strangers: list[tuple[EpochMs, str, str]] = []
    stranger_count: int = 0


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
    """Read a state.

    Raises:
        ValueError: The bytes are no state, or one of another format version. The text says which.
    """
    try:
        stored = _DECODER.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"no state of format {FORMAT_VERSION}: {error}") from error
    if stored.format_version != FORMAT_VERSION:
        raise ValueError(f"state of format {stored.format_version}, this release reads {FORMAT_VERSION}")
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
    _index(state)
    return state


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
    """The place that an incident is found by; none for a stranger's."""
    return ((incident.zone, incident.family, incident.place_key),) if incident.place_key else ()
