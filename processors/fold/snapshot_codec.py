"""The format of snapshots: a state as bytes, and back."""

from bisect import insort
from collections.abc import Callable, Sequence
from copy import copy
from heapq import heapify
from itertools import chain, islice
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from processors.fold.upcasting import FORMAT_1, arm, upcast
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
    Timer,
    Watermark,
    WatermarkKey,
)
from processors.state.event_ids import EventIdWindow
from processors.state.partition_state import (
    FORMAT_VERSION,
    State,
    age_of,
    count_open,
    heard_of,
    id_bytes,
    places_of,
)
from processors.state.policy import FusionPolicy, validate
from schemas.fusion_log import MaintenanceWindow
from schemas.units import EpochMs


class _Head(msgspec.Struct, array_like=True):
    """The first field of a snapshot of any format."""

    format_version: int


ValueT = TypeVar("ValueT")

SLICE = 256
"""How many devices, incidents or timers stand in one list of a snapshot: part of the format."""

_SliceOf = Annotated[list[ValueT], msgspec.Meta(min_length=1, max_length=SLICE)]
"""Never empty: an empty list takes one byte of a snapshot and 64 of memory."""


class _Snapshot(msgspec.Struct, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """The fields that are written, in this order."""

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
    feeds: dict[FeedKey, EventIdWindow]
    last_reports: dict[DeviceKey, LastReport]
    watermarks: dict[WatermarkKey, Watermark]
    ended: dict[str, EndedIncident]
    unmatched_acks: dict[str, EpochMs]
    tick_append: EpochMs
    ticked_at: EpochMs
    heard_since: EpochMs
    expected: dict[str, EpochMs]
    expected_revision: int
    areas: dict[AreaKey, Area]
    closed_faults: dict[FaultKey, ClosedFault]
    windows: dict[str, MaintenanceWindow]
    exercises: dict[str, Exercise]
    clocks: dict[str, ClockReading]
    devices: list[_SliceOf[Device]]
    incidents: list[_SliceOf[Incident]]
    timers: list[_SliceOf[Timer]]


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
    "feeds",
    "last_reports",
    "watermarks",
    "ended",
    "unmatched_acks",
    "tick_append",
    "ticked_at",
    "heard_since",
    "expected",
    "expected_revision",
    "areas",
    "closed_faults",
    "windows",
    "exercises",
    "clocks",
)
"""Fields that are written as the state holds them."""

PIECE = 64
"""How many of them, or of the entries of a map, are encoded at once: 0.1 to 0.4 ms, in which nothing else of the
process can run. Putting them together at the end copies all bytes at once."""

ARRAY_16, MAP_16, MAP_32 = 0xDC, 0xDE, 0xDF
"""The first byte of a MessagePack array or map by the size of its length; of up to 15 entries the length is in it."""

MAX_IN_BYTE = 16
FIXED_ARRAY = 0x90


class Frozen(NamedTuple):
    """A copy of a state that later folding does not change. It shares the entities, which never change.

    Attributes:
        scalars: The scalar fields, in the order of a snapshot.
        devices: The devices of the state.
        incidents: The incidents of the state.
        timers: The timers of the state.
    """

    scalars: tuple[object, ...]
    devices: list[Device]
    incidents: list[Incident]
    timers: list[Timer]


_ENCODER = msgspec.msgpack.Encoder()

_DECODER = msgspec.msgpack.Decoder(_Snapshot)

_HEAD = msgspec.msgpack.Decoder(_Head)


def freeze(state: State) -> Frozen:
    """Copy a state in a fraction of a millisecond, so that the fold can continue while the copy is encoded."""
    return Frozen(
        scalars=tuple(copy(getattr(state, name)) for name in _SCALARS),
        devices=list(state.devices.values()),
        incidents=list(state.incidents.values()),
        timers=list(state.timers),
    )


def pack(frozen: Frozen, take_break: Callable[[], None] = lambda: None) -> bytes:
    """Encode a copy. Equal states give equal bytes, since every container keeps the order of the log.

    Args:
        frozen: The copy.
        take_break: Called between two pieces, so that other threads can run.
    """
    scalars = [
        _map_in_pieces(value, take_break) if isinstance(value, dict) and len(value) > PIECE else value
        for value in frozen.scalars
    ]
    lists = [_lists(values, take_break) for values in (frozen.devices, frozen.incidents, frozen.timers)]
    return _ENCODER.encode((FORMAT_VERSION, *scalars, *lists))


def dump(state: State) -> bytes:
    """Encode a state as a snapshot."""
    return pack(freeze(state))


def _lists(values: Sequence[Device | Incident | Timer], take_break: Callable[[], None]) -> list[msgspec.Raw]:
    """The values in lists of `SLICE`, in the bytes that encoding each list at once would give."""
    made = []
    for start in range(0, len(values), SLICE):
        listed = values[start : start + SLICE]
        pieces = []
        for at in range(0, len(listed), PIECE):
            encoded = _ENCODER.encode(listed[at : at + PIECE])
            pieces.append(encoded[3 if encoded[0] == ARRAY_16 else 1 :])
            take_break()
        size = len(listed)
        head = (
            bytes((FIXED_ARRAY | size,))
            if size < MAX_IN_BYTE
            else bytes((ARRAY_16,)) + size.to_bytes(2, "big")
        )
        made.append(msgspec.Raw(head + b"".join(pieces)))
    return made


def _map_in_pieces(values: dict[Any, Any], take_break: Callable[[], None]) -> msgspec.Raw:
    """A map of more than `PIECE` entries, in the bytes that encoding it at once would give."""
    size = len(values)
    head = (MAP_16, 2) if size < 1 << 16 else (MAP_32, 4)
    pieces = [bytes((head[0],)) + size.to_bytes(head[1], "big")]
    entries = iter(values.items())
    while piece := dict(islice(entries, PIECE)):
        encoded = _ENCODER.encode(piece)
        pieces.append(encoded[3 if encoded[0] == MAP_16 else 1 :])
        take_break()
    return msgspec.Raw(b"".join(pieces))


def load(payload: bytes) -> State:
    """Decode a state of the present or an earlier format.

    Raises:
        ValueError: The bytes are not a state, or are one of a later format. The message says which.
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
    """Rebuild the derived fields of a state."""
    for incident in state.incidents.values():
        count_open(state, incident, 1)
        for key in places_of(incident):
            state.by_place.setdefault(key, []).append(incident.incident_id)
        for device_id in incident.devices:
            state.by_device.setdefault((incident.zone, device_id), []).append(incident.incident_id)
    for topic in {name for name, _ in state.watermarks}:
        if (heard := heard_of(state, topic)) is not None:
            state.heard[topic] = heard
    state.unregistered = [
        (age_of(device), *device.key) for device in state.devices.values() if device.site is None
    ]
    state.unregistered_count = len(state.unregistered)
    state.unregistered_bytes = sum(id_bytes(each) for each in state.devices.values() if each.site is None)
    heapify(state.unregistered)
    for device in state.devices.values():
        if device.site is not None:
            before = state.zone_sizes.get(device.zone, 0)
            state.zone_sizes[device.zone] = before + device.is_registered
        if device.silent_since is not None and device.gateway is not None:
            insort(state.by_gateway.setdefault(device.gateway, []), device.device_id)
