"""The window of event ids that a source has used: bounded, and still a copy changes nothing however late it comes.

A window holds the last 64 event ids, and there are two kinds of it. Where a source writes in the order of received_at,
as a broker does (`check_event`, `add_event`), an id that falls out raises the floor, and an event from before the
floor is a copy, or cannot be distinguished from one, so it changes nothing (`beyond_memory`). Equal times are not
older: a whole batch has one time. A device's clock may be wrong, and its ids come round again, so a device's event is
a copy only if its id is known with about the same time (`has_event`, `add_in_order`); no limit of memory drops one
(docs/requirements.md, F2, F3).
"""

from bisect import bisect_right

import msgspec

from schemas.enums import Reason
from schemas.ids import fingerprint, size_of
from schemas.units import EpochMs

WINDOW_SIZE = 64
"""Event ids for each device and feed (docs/adr/0004); the bound keeps the size of a snapshot predictable."""

NAME_BYTES = 40
"""Bytes of an event's name that a window keeps, as of a UUID. Of a longer one it keeps a fingerprint."""

HASHED = "~"
"""Begins the name of an event that is hashed, and of no other: nobody can name an event like another's hash."""


def kept_name(name: str) -> str:
    """The name as a window keeps it: no source decides how much memory its ids take, in whatever script."""
    if size_of(name) <= NAME_BYTES and not name.startswith(HASHED):
        return name
    return f"{HASHED}{fingerprint(name)}"


class EventIdWindow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest events of one source.

    Attributes:
        floor: The latest received_at that has fallen out of the window, or None while nothing has.
        times: received_at of the events in the window, earliest first.
        ids: The event ids, in the same order; equal times in the order of the log.
    """

    floor: EpochMs | None = None
    times: tuple[EpochMs, ...] = ()
    ids: tuple[str, ...] = ()


def check_event(window: EventIdWindow, event_id: str, received_at: EpochMs) -> Reason | None:
    """Why an event is a duplicate, or may be one; None when it is new."""
    if event_id in window.ids:
        return Reason.DUPLICATE
    if window.floor is None or received_at > window.floor:
        return None
    # Of a batch that has one time the window may hold only a part.
    is_of_batch = received_at == window.floor and window.times[:1] == (window.floor,)
    return None if is_of_batch else Reason.BEYOND_MEMORY


def add_event(window: EventIdWindow, event_id: str, received_at: EpochMs) -> EventIdWindow:
    """The window with one more event, and without the earliest one where it was full.

    A known event is moved to its latest received_at: a resend may have another received_at than the original, and
    copies of either may follow. Returns the same object where that changes nothing.
    """
    times, ids = window.times, window.ids
    if event_id in ids:
        at = ids.index(event_id)
        if received_at <= times[at]:
            return window
        times, ids = (*times[:at], *times[at + 1 :]), (*ids[:at], *ids[at + 1 :])
    if not times or received_at >= times[-1]:
        times, ids = (*times, received_at), (*ids, event_id)
    else:
        at = bisect_right(times, received_at)
        times = (*times[:at], received_at, *times[at:])
        ids = (*ids[:at], event_id, *ids[at:])
    if len(times) <= WINDOW_SIZE:
        return EventIdWindow(window.floor, times, ids)
    return EventIdWindow(times[0], times[1:], ids[1:])


def has_event(window: EventIdWindow, event_id: str, received_at: EpochMs, within_ms: int) -> bool:
    """Whether the window remembers an event with this id that was received within so many milliseconds of this one."""
    if event_id not in window.ids:
        return False
    return any(
        known == event_id and abs(at - received_at) <= within_ms
        for known, at in zip(window.ids, window.times, strict=True)
    )


def add_in_order(window: EventIdWindow, event_id: str, received_at: EpochMs) -> EventIdWindow:
    """The window with one more event of a device, and without the one that came first where it was full.

    They stand in the order in which they came, and an id may stand there with several times: clocks are set back, and
    counters start again.
    """
    times, ids = (*window.times, received_at), (*window.ids, event_id)
    if len(times) <= WINDOW_SIZE:
        return EventIdWindow(None, times, ids)
    return EventIdWindow(None, times[1:], ids[1:])


def latest_received_at(window: EventIdWindow) -> EpochMs | None:
    """The latest received_at in the window, or its floor where the window is empty."""
    return window.times[-1] if window.times else window.floor
