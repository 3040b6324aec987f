"""Whether a device's event is a repeat: asked before any rule, for pillars and cameras alike."""

import msgspec
from msgspec.structs import replace

from processors.incident.matching import is_source
from processors.state.effect import Change, PutDevice
from processors.state.entities import Device, DeviceKey
from processors.state.event_ids import add_event, check_event
from processors.state.partition_state import State, device_at
from schemas.enums import Feed, Reason
from schemas.units import EpochMs


class DedupResult(msgspec.Struct, frozen=True):
    """What a device's memory makes of an event.

    Attributes:
        device: With the event in its memory.
        repeat: Why the event is nothing new, or None when it is new.
        changes: What a repeat changes: often nothing, sometimes how long it is remembered.
    """

    device: Device
    repeat: Reason | None
    changes: tuple[Change, ...]


def check_duplicate(
    state: State, key: DeviceKey, feed: Feed, event_id: str, received_at: EpochMs
) -> DedupResult:
    """Hold an event against what its device said before on that feed, and against what open incidents rest on."""
    device = device_at(state, key)
    is_seen = feed is Feed.CAMERAS
    known = device.camera_event_ids if is_seen else device.event_ids
    repeat = check_event(known, event_id, received_at)
    if repeat is Reason.BEYOND_MEMORY:
        return DedupResult(device, repeat, ())
    if repeat is None and is_source(state, key, feed, event_id):
        repeat = Reason.DUPLICATE
    window = add_event(known, event_id, received_at)
    if window is known:
        return DedupResult(device, Reason.DUPLICATE, ())
    device = replace(device, camera_event_ids=window) if is_seen else replace(device, event_ids=window)
    return DedupResult(device, repeat, (PutDevice(device),))
