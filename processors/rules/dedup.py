"""Whether a device's event is a copy. It is checked before any rule runs, for pillars and cameras alike.

An event is heard unless it is certain that it was heard before (docs/requirements.md, F2, F3):

    known id, received within the bounce window of the remembered event ─► duplicate
    a press whose id its own open incident lists, at another time ───────► duplicate: a resend; nothing goes out
    anything else ──────────────────────────────────────────────────────► new, also where an id comes round again

Ids can be foreseen, and whoever may write an event chooses its times. So presses have a window of their own, names of
real ones and of those of an exercise never meet, and a press that has only the id of one which was written ahead of
its time is a copy no longer than that one's incident goes on.
"""

import msgspec
from msgspec.structs import replace

from processors.incident.lifecycle import OVER
from processors.incident.matching import of_device
from processors.state.effect import Change, PutDevice
from processors.state.entities import Device, DeviceKey
from processors.state.event_ids import EventIdWindow, add_in_order, has_event, kept_name
from processors.state.partition_state import State, device_at
from schemas.enums import Family, Feed, Reason, Status
from schemas.fusion_log import PillarFact
from schemas.units import EpochMs

_EXERCISE, _REAL = "exercise:", "real:"
"""Begin the name of an event of an exercise, and of a real one whose own id begins like another name."""

FEW_UNREGISTERED = 500
"""Unregistered devices of a partition that remember as much as any other; a county has 630 pillars in all."""

UNREGISTERED_WINDOW = 8
"""Events of a kind that such a device remembers where they are more: what 10,000 of them remember fits a snapshot."""


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
    bounce_ms, name = state.policy.bounce_ms, kept_name(name)
    if has_event(device.press_ids, name, fact.received_at, bounce_ms):
        is_equal = has_event(device.press_ids, name, fact.received_at, 0)
        if is_equal or not _was_foreseen(state, device, fact):
            return DedupResult(device, Reason.DUPLICATE, ())
    is_resent = key in state.by_device and _is_resent(state, key, fact.event_id, status)
    if is_resent and device.site is not None and device.site.source is not None:
        # The incident may list a press of another source: only what the window knows has come from the right one.
        is_resent = name in device.press_ids.ids
    repeat = Reason.DUPLICATE if is_resent else None
    window = add_in_order(device.press_ids, name, fact.received_at)
    device = replace(device, press_ids=_remembered(state, device, window))
    return DedupResult(device, repeat, (PutDevice(device),))


def event_name(event_id: str, *, is_exercise: bool) -> str:
    """The name of an event in a window: what is real is no copy of what belongs to an exercise, whatever its id."""
    if is_exercise:
        return f"{_EXERCISE}{event_id}"
    return f"{_REAL}{event_id}" if event_id.startswith((_EXERCISE, _REAL)) else event_id


def _remembered(state: State, device: Device, window: EventIdWindow) -> EventIdWindow:
    """The window of a device; it is shorter where many have no registration, since anybody makes up any number."""
    if device.site is not None or state.unregistered_count <= FEW_UNREGISTERED:
        return window
    return EventIdWindow(None, window.times[-UNREGISTERED_WINDOW:], window.ids[-UNREGISTERED_WINDOW:])


def _was_foreseen(state: State, device: Device, fact: PillarFact) -> bool:
    """Whether the press that this one resembles was received by a clock that was ahead of time, and is over.

    It came into the log long before this one, which comes at once; yet both say that they were received together.
    """
    seen_at, bounce_ms = device.press_seen_at, state.policy.bounce_ms
    if seen_at is None or device.press_at is None or state.now - seen_at <= bounce_ms:
        return False
    is_ahead = device.press_at - seen_at > bounce_ms
    is_prompt = state.now - fact.received_at <= bounce_ms
    incident = state.incidents.get(device.press_incident or "")
    is_over = incident is None or incident.state in OVER
    return is_ahead and is_prompt and is_over


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


def check_other_source(state: State, device: Device, fact: PillarFact) -> DedupResult:
    """Compare an event with those of the device that came from a source that the registry does not bind it to.

    They have a window of their own, so that none of them makes one of the device's own a copy.
    """
    name = event_name(fact.event_id, is_exercise=fact.exercise)
    name = f"{fact.kind}:{'on' if fact.active else 'off'}:{kept_name(f'{fact.source}/{name}')}"
    known = device.other_source_ids
    if has_event(known, name, fact.received_at, state.policy.bounce_ms):
        return DedupResult(device, Reason.DUPLICATE, ())
    device = replace(device, other_source_ids=add_in_order(known, name, fact.received_at))
    return DedupResult(device, None, (PutDevice(device),))


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
    is_seen, event_id = feed is Feed.CAMERAS, kept_name(event_id)
    known = device.camera_event_ids if is_seen else device.event_ids
    if has_event(known, event_id, received_at, state.policy.bounce_ms):
        return DedupResult(device, Reason.DUPLICATE, ())
    window = _remembered(state, device, add_in_order(known, event_id, received_at))
    device = replace(device, camera_event_ids=window) if is_seen else replace(device, event_ids=window)
    return DedupResult(device, None, (PutDevice(device),))
