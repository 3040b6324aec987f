"""What is planned: the newest record of each window on `site.maintenance.v1`, and its row in a list.

The topic is for people at a terminal. Text that another program may have written goes through `printable`.
"""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from callbox.maintenance.windows import WindowState, next_period, window_state
from callbox.terminal.printable import printable
from callbox.terminal.times import format_local_time
from schemas.codec import decode
from schemas.errors import DecodeError, InputMissing
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.topics import MAINTENANCE_WINDOWS
from schemas.units import EpochMs
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import latest_by_key
from streams.kafka.record import LogRecord

WINDOW_HEADINGS: Final = ("id", "state", "zone", "covers", "period", "more", "reason", "by", "note")

_SHORTEST: Final = 4  # characters of an id that are enough to name a window
_SHOWN: Final = 3  # devices in a row at most

_ORDER: Final = (WindowState.RUNNING, WindowState.PLANNED, WindowState.OVER, WindowState.ENDED)


class PlannedWork(NamedTuple):
    """The content of the topic.

    Attributes:
        windows: By id.
        unreadable: How many records this release cannot decode.
    """

    windows: dict[str, MaintenanceWindow]
    unreadable: int


class WindowRow(NamedTuple):
    """A window in a list, in the order of `WINDOW_HEADINGS`."""

    window_id: str
    state: str
    zone: str
    covers: str
    period: str
    more: str
    reason: str
    by: str
    note: str


def read_planned_work(kafka: KafkaConfig) -> PlannedWork:
    """Read the topic as it is now.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
    """
    return planned_work(latest_by_key(kafka, MAINTENANCE_WINDOWS).values())


def planned_work(records: Iterable[LogRecord]) -> PlannedWork:
    """The windows of these records.

    Args:
        records: The newest of each key, without tombstones.
    """
    windows: dict[str, MaintenanceWindow] = {}
    unreadable = 0
    for record in records:
        try:
            window = decode(record.value, MaintenanceWindow)
        except DecodeError:
            unreadable += 1
        else:
            windows[window.window_id] = window
    return PlannedWork(windows, unreadable)


def by_next_period(windows: Iterable[MaintenanceWindow], now: EpochMs) -> list[MaintenanceWindow]:
    """Sort windows: those that run, those to come, those that are over; each by its next or its last period."""

    def key(window: MaintenanceWindow) -> tuple[int, int, str]:
        period = _shown_period(window, now)
        state = window_state(window, now)
        return _ORDER.index(state), 0 if period is None else period.begins_at, window.window_id

    return sorted(windows, key=key)


def find_window(windows: dict[str, MaintenanceWindow], wanted: str) -> MaintenanceWindow:
    """Find a window by its id, or by the beginning or the end of its id.

    Raises:
        InputMissing: No window matches, or several do; the text names them.
    """
    if wanted in windows:
        return windows[wanted]
    found = [name for name in sorted(windows) if name.startswith(wanted) or name.endswith(wanted)]
    if len(wanted) < _SHORTEST or not found:
        raise InputMissing(f"no window {wanted!r}: callbox maintenance list --all")
    if len(found) > 1:
        named = ", ".join(printable(name) for name in found)
        raise InputMissing(f"{len(found)} windows begin or end with {wanted!r}, give more of it: {named}")
    return windows[found[0]]


def window_row(window: MaintenanceWindow, now: EpochMs, zone: tzinfo | None) -> WindowRow:
    """One line for one window.

    Args:
        window: The window.
        now: By which it runs or not.
        zone: The zone of local time; None for the machine's.
    """
    period = _shown_period(window, now)
    left = sum(each.ends_at > now for each in window.periods) - 1
    cells = WindowRow(
        window.window_id,
        str(window_state(window, now)),
        window.zone,
        covers(window),
        "" if period is None else period_text(period, zone),
        f"{left} ({window.rule})" if left > 0 and not window.ended else "",
        str(window.reason),
        f"{window.actor.name}, {window.actor.organisation}",
        window.note or "",
    )
    return WindowRow(*map(printable, cells))


def window_json(window: MaintenanceWindow, now: EpochMs) -> dict[str, Any]:
    """The record with its `state` and its `next_period`, which is null where all are over."""
    period = None if window.ended else next_period(window, now)
    fields: dict[str, Any] = msgspec.to_builtins(window)
    return fields | {"state": window_state(window, now), "next_period": msgspec.to_builtins(period)}


def covers(window: MaintenanceWindow) -> str:
    """What it covers, in words."""
    if window.gateway is not None:
        return f"site {window.gateway}"
    if not window.devices:
        return "everything"
    shown = ", ".join(window.devices[:_SHOWN])
    rest = len(window.devices) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def period_text(period: Period, zone: tzinfo | None) -> str:
    """From when to when, in local time; the day and the offset from UTC once, where both times have the same."""
    begins = format_local_time(period.begins_at, zone).split()
    ends = format_local_time(period.ends_at, zone).split()
    if (begins[0], begins[2]) == (ends[0], ends[2]):
        return f"{begins[0]} {begins[1]} to {ends[1]} {ends[2]}"
    return f"{' '.join(begins)} to {' '.join(ends)}"


def _shown_period(window: MaintenanceWindow, now: EpochMs) -> Period | None:
    """The period that is worth a look: the next one, or the last where all are over."""
    return next_period(window, now) or (window.periods[-1] if window.periods else None)
