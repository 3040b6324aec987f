"""Whether a device's event is a copy. It is checked before any rule runs, for pillars and cameras alike.

An event is heard unless it is certain that it was heard before (docs/requirements.md, F2, F3):

    known id, received within the bounce window of the remembered event ─► duplicate
    a press whose id its own open incident lists, at another time ───────► duplicate: a resend; nothing goes out
    anything else ──────────────────────────────────────────────────────► new, also where an id comes round again
"""

import msgspec
from msgspec.structs import replace

from processors.incident.lifecycle import OVER
from processors.incident.matching import of_device
from processors.state.effect import Change, PutDevice
from processors.state.entities import Device, DeviceKey
from processors.state.event_ids import add_in_order, has_event
from processors.state.partition_state import State, device_at
from schemas.enums import Family, Feed, Reason, Status
from schemas.fusion_log import PillarFact
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


def check_press(state: State, key: DeviceKey, fact: PillarFact, name: str, status: Status) -> DedupResult:
    """Compare a press with those that the device's window and its open incidents remember.

    Args:
        state: Read only.
        key: The device.
        fact: The press.
        name: Its name in the window (event_name).
        status: Whether it counts as real or as part of an exercise.
    """
    device = device_at(state, key)
    if has_event(device.press_ids, name, fact.received_at, state.policy.bounce_ms):
        return DedupResult(device, Reason.DUPLICATE, ())
    is_resent = key in state.by_device and _is_resent(state, key, fact.event_id, status)
    repeat = Reason.DUPLICATE if is_resent else None
    device = replace(device, press_ids=add_in_order(device.press_ids, name, fact.received_at))
    return DedupResult(device, repeat, (PutDevice(device),))


def event_name(event_id: str, *, is_exercise: bool) -> str:
    """The name of an event in a window: what is real is no copy of what belongs to an exercise (F1)."""
    return f"exercise:{event_id}" if is_exercise else event_id


def _is_resent(state: State, key: DeviceKey, event_id: str, status: Status) -> bool:
    """Whether an incident that goes on lists the press already, and its device has not asked to cancel it since."""
    return any(
        incident.status is status
        and incident.family is Family.EMERGENCY
        and incident.state not in OVER
        and key[1] not in incident.cancel_requested
        and any(
            source.event_id == event_id and source.device_id == key[1] and source.feed is Feed.PILLARS
            for source in incident.sources
        )
        for incident in of_device(state, key)
    )


def check_duplicate(
    state: State, key: DeviceKey, feed: Feed, event_id: str, received_at: EpochMs
) -> DedupResult:
    """Compare an event that is no press with the device's window for that feed.

    Args:
        state: Read only.
        key: The device.
        feed: Pillars or cameras.
        event_id: Its id; that of a pillar's event with its kind, since a source may number each kind by itself.
        received_at: When its gateway received it.
    """
    device = device_at(state, key)
    is_seen = feed is Feed.CAMERAS
    known = device.camera_event_ids if is_seen else device.event_ids
    if has_event(known, event_id, received_at, state.policy.bounce_ms):
        return DedupResult(device, Reason.DUPLICATE, ())
    window = add_in_order(known, event_id, received_at)
    device = replace(device, camera_event_ids=window) if is_seen else replace(device, event_ids=window)
    return DedupResult(device, None, (PutDevice(device),))
