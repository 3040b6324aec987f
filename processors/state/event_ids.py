"""What a source has already said: bounded, and still a copy changes nothing however late it comes.

A memory holds the last 64 event ids by received_at. What falls out raises the floor: an event received at or before
the floor is either a copy or cannot be told from one, so it changes nothing (`beyond_memory`).
"""

from bisect import bisect_right

import msgspec

from schemas.enums import Reason
from schemas.units import EpochMs

WINDOW_SIZE = 64
"""architecture.md, decision 4."""


class EventIdWindow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest events of one source.

    Attributes:
        floor: The latest received_at that was forgotten, or None while nothing was.
        times: received_at of what is remembered, earliest first.
        ids: The event ids, in the same order; equal times in the order of the log.
    """

    floor: EpochMs | None = None
    times: tuple[EpochMs, ...] = ()
    ids: tuple[str, ...] = ()


def check_event(memory: EventIdWindow, event_id: str, received_at: EpochMs) -> Reason | None:
    """Why an event is nothing new, or None when it is new."""
    if event_id in memory.ids:
        return Reason.DUPLICATE
    if memory.floor is not None and received_at <= memory.floor:
        return Reason.BEYOND_MEMORY
    return None


def add_event(memory: EventIdWindow, event_id: str, received_at: EpochMs) -> EventIdWindow:
    """The memory with one event more, and without the earliest where it was full.

    A known one counts from its latest received_at: a resend may have another than the original, and copies of either
    may follow. The same memory where that changes nothing.
    """
    times, ids = memory.times, memory.ids
    if event_id in ids:
        at = ids.index(event_id)
        if received_at <= times[at]:
            return memory
        times, ids = (*times[:at], *times[at + 1 :]), (*ids[:at], *ids[at + 1 :])
    if not times or received_at >= times[-1]:
        times, ids = (*times, received_at), (*ids, event_id)
    else:
        at = bisect_right(times, received_at)
        times = (*times[:at], received_at, *times[at:])
        ids = (*ids[:at], event_id, *ids[at:])
    if len(times) <= WINDOW_SIZE:
        return EventIdWindow(memory.floor, times, ids)
    return EventIdWindow(times[0], times[1:], ids[1:])


def latest_received_at(memory: EventIdWindow) -> EpochMs | None:
    """The latest received_at that the memory knows of."""
    return memory.times[-1] if memory.times else memory.floor
