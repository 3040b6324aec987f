"""Whether a device's event is a duplicate. It is checked before any rule runs, for pillars and cameras alike."""

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
    """The result of the check.

    Attributes:
        device: The device, with the event in its window.
        repeat: Why the event is a duplicate or may be one, or None when it is new.
        changes: What the fold changes for a duplicate: often nothing, sometimes the event's place in the window.
    """

    device: Device
    repeat: Reason | None
    changes: tuple[Change, ...]


def check_duplicate(
    state: State, key: DeviceKey, feed: Feed, event_id: str, received_at: EpochMs
) -> DedupResult:
    """Compare an event with the device's window for that feed, and with the sources of the device's open incidents."""
    device = state.devices.get(key) or device_at(state, key)
    is_seen = feed is Feed.CAMERAS
    known = device.camera_event_ids if is_seen else device.event_ids
    repeat = check_event(known, event_id, received_at)
    if repeat is Reason.BEYOND_MEMORY:
        return DedupResult(device, repeat, ())
    if repeat is None and key in state.by_device and is_source(state, key, feed, event_id):
        repeat = Reason.DUPLICATE
    window = add_event(known, event_id, received_at)
    if window is known:
        return DedupResult(device, Reason.DUPLICATE, ())
    device = replace(device, camera_event_ids=window) if is_seen else replace(device, event_ids=window)
    return DedupResult(device, repeat, (PutDevice(device),))
