"""The fold's door: what every record of the log is held to, whoever has written it.

    record ─► ids: at most 128 printable characters, others renamed ──────────────┐
              texts: cut, and what is not printable replaced                      │
              lists: cut; numbers: into their range; times: near stream time      ├─► the record as the rules see it
              a revision that nobody can have given ─► the record has no effect ◄─┘

Rules reckon with times, keep ids, and put both into alerts. Behind this door their sums fit 64 bits, a state fits its
snapshot and an alert its topic, so no record stops a partition or makes it forget how to save itself. What is changed
is named in the decision, and a report whose time was changed is marked as `clock_suspect`.
"""

import typing
from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from processors.rules.planned_work import MAX_PERIODS
from processors.state.partition_state import State
from processors.state.times import AHEAD_MS, LATEST_MS
from schemas.ack import NOTE_LENGTH, AckFact
from schemas.fusion_log import (
    CameraAlive,
    DeadLetterNotice,
    FeedBrokenNotice,
    FusionInput,
    LogBrokenNotice,
    Observation,
    PillarFact,
    Tick,
)
from schemas.ids import ID_LENGTH, bounded_id, bounded_text
from schemas.units import DAY_MS, SECOND_MS, DegE7, EpochMs

MAX_ENTRIES: Final = 1_000
"""Entries of a list in a record: periods of a maintenance window, its devices, partitions of a feed."""

MAX_CHAIN: Final = 8
"""Units that may be asked, one after the other; there are four tiers. Each stands in every alert."""

MAX_HELP_POINTS: Final = 100
"""Response points of a device; only the nearest one counts."""

MAX_COUNT: Final = 1 << 53
"""Offsets, counts and everything else without a range of its own: twice as much still fits 64 bits, and JSON readers
that know only doubles read it exactly."""

MAX_TICKS: Final = 31 * DAY_MS // SECOND_MS
"""How far one tick may move the number of ticks on: as many as come in a month, longer than a log keeps records. One
tick of the highest number would else be the last one that counts."""

MAX_ANGLE: Final = 1 << 31
"""1e-7 degrees, more than a turn: a position that is none stays none, and what is reckoned with it fits 64 bits."""

REVISION_AHEAD_MS: Final = DAY_MS
"""Revisions are milliseconds of the operator's machine. One that is further ahead would make every later change of a
policy or a device look old; a clock that is a day ahead has been told long before (docs/requirements.md, F12)."""

BEHIND_MS: Final = 31 * DAY_MS
"""How long before stream time a report may have been made: longer than any feed or log keeps its records."""

LONGEST_S: Final = 366 * DAY_MS // SECOND_MS
"""The longest interval of heartbeats and tests, seconds: a year."""

TEXT_LENGTH: Final = 4_000
"""Characters of a text of an alert; the longest that the fold makes has a few hundred."""

RULE_LENGTH: Final = 1_000
"""Characters of a recurrence rule, which is kept for people only."""

TEXTS: Final = {
    "note": NOTE_LENGTH + 1,
    "name": ID_LENGTH,
    "organisation": ID_LENGTH,
    "reason": NOTE_LENGTH,
    "rule": RULE_LENGTH,
    **dict.fromkeys(("headline", "description", "instruction"), TEXT_LENGTH),
}
"""Texts for people, and their longest form. A note is rejected by its length, so it may be seen to be too long."""

LENGTHS: Final = {"chain": MAX_CHAIN, "response_points": MAX_HELP_POINTS, "periods": MAX_PERIODS + 1}
"""Lists with a length of their own. A window with too many periods is refused, so they may be seen to be too many."""

RANGES: Final = {
    "heartbeat_s": (0, LONGEST_S),
    "test_every_s": (1, LONGEST_S),
    "heading_deg": (0, 359),
    "score_permille": (0, 1_000),
    "lon_e7": (-MAX_ANGLE, MAX_ANGLE),
    "lat_e7": (-MAX_ANGLE, MAX_ANGLE),
    "apart_ms": (-LATEST_MS, LATEST_MS),
}
"""The lowest and the highest value of numbers that have a range of their own, both inclusive."""

REPORTS: Final = (
    PillarFact,
    Observation,
    CameraAlive,
    AckFact,
    DeadLetterNotice,
    LogBrokenNotice,
    FeedBrokenNotice,
)
"""Records whose times say when something was reported, so that they lie near stream time. The times of the others are
compared with stream time by their rules, or are to come."""

Check = Callable[[Any], Any]
"""Gives the value itself where it is within its bounds, so that a comparison by identity tells whether it was."""


class Bounded(typing.NamedTuple):
    """A record as the rules see it.

    Attributes:
        envelope: The envelope, with its id bounded.
        record: The record.
        changed: The fields that were changed, as `Record.field`; of a record inside it the field that holds it.
        refused: Why the record must have no effect; empty where it may have one.
    """

    envelope: FusionInput
    record: Any
    changed: tuple[str, ...] = ()
    refused: str = ""


def within_bounds(state: State, entry: LogEntry, envelope: FusionInput, record: Any) -> Bounded:
    """Hold a record to its bounds.

    Args:
        state: Read only. Stream time has been moved by this entry already.
        entry: The entry.
        envelope: Its envelope.
        record: The record that it carries, or None.
    """
    changes = _changes(record)
    if isinstance(record, REPORTS):
        changes |= _near(state.now, entry.append_ms, record, changes)
    elif type(record) is Tick and record.number > state.tick + MAX_TICKS:
        changes["number"] = state.tick + MAX_TICKS
    event_id = bounded_id(envelope.event_id)
    if event_id is not envelope.event_id:
        envelope = replace(envelope, event_id=event_id)
    refused = _refusal(state, entry, record)
    if not changes:
        return Bounded(envelope, record, (), refused)
    changed = tuple(f"{type(record).__name__}.{name}" for name in changes)
    if type(record) is PillarFact and not changes.keys().isdisjoint(("occurred_at", "received_at")):
        changes["clock_suspect"] = True
    return Bounded(envelope, replace(record, **changes), changed, refused)


def is_zone(zone: str) -> bool:
    """Whether a zone may be one of a registry: bounded like an id, and without the slash that names of timers hold."""
    return bounded_id(zone) is zone and "/" not in zone


def _near(now: EpochMs, append: EpochMs, record: Any, changes: dict[str, Any]) -> dict[str, EpochMs]:
    """The times of a report that are near neither stream time nor the append time, moved to one that is.

    Stream time is behind the append time of a record that no second clock confirms (processors/fold/stream_time.py).
    """
    earliest, latest = min(now, append) - BEHIND_MS, max(now, append) + AHEAD_MS
    moved = {}
    for name in _times(record.__class__):
        at = changes.get(name, getattr(record, name))
        if at is not None and not earliest <= at <= latest:
            moved[name] = EpochMs(max(0, min(max(at, earliest), now)))
    return moved


def _refusal(state: State, entry: LogEntry, record: Any) -> str:
    """Why a record can have no effect: its revision is from a time that is to come."""
    if type(record) is AckFact:  # it names the revision of an incident, which its rule compares
        return ""
    revision = getattr(record, "revision", None)
    if revision is None or revision <= max(state.now, entry.append_ms) + REVISION_AHEAD_MS:
        return ""
    return f"{type(record).__name__}.revision is more than a day ahead"


@cache
def _times(record: Any) -> tuple[str, ...]:
    """The fields of a record that are times."""
    hints = typing.get_type_hints(record)
    return tuple(name for name, kind in hints.items() if EpochMs in (kind, *typing.get_args(kind)))


@cache
def _checks(record: Any) -> tuple[tuple[str, Check], ...]:
    """The fields of a record that have bounds, each with its check."""
    if not issubclass(record, msgspec.Struct):
        return ()
    hints = typing.get_type_hints(record)
    found = ((name, _check_of(name, kind)) for name, kind in hints.items())
    return tuple((name, check) for name, check in found if check is not None)


def _check_of(name: str, kind: Any) -> Check | None:
    """The check of a field by its name and type; None for what is bounded elsewhere.

    That are symbols and booleans by their schemas, and the content of a policy, which is read with limits of its own.
    """
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in {typing.Union, UnionType}:
        (inner,) = (each for each in arguments if each is not NoneType)
        check = _check_of(name, inner)
        return None if check is None else lambda value: value if value is None else check(value)
    if typing.get_origin(kind) is tuple:
        return _list_check(LENGTHS.get(name, MAX_ENTRIES), _check_of(name, arguments[0]))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return held
    if kind is str:
        return _text_check(TEXTS[name]) if name in TEXTS else bounded_id
    if kind is EpochMs:
        return _number_check(0, LATEST_MS)
    return _number_check(*RANGES.get(name, (-1, MAX_COUNT))) if kind in {int, DegE7} else None


def held(record: Any) -> Any:
    """A record with every field within its bounds; the record itself where all of them are."""
    changes = _changes(record)
    return replace(record, **changes) if changes else record


def _changes(record: Any) -> dict[str, Any]:
    """The fields that are not within their bounds, as they are when they are held to them."""
    changes = {}
    for name, check in _checks(record.__class__):
        value = getattr(record, name)
        kept = check(value)
        if kept is not value:
            changes[name] = kept
    return changes


def _list_check(most: int, check: Check | None) -> Check:
    def cut(values: tuple[Any, ...]) -> tuple[Any, ...]:
        kept = values if len(values) <= most else values[:most]
        if check is None:
            return kept
        checked = tuple(map(check, kept))
        return kept if all(a is b for a, b in zip(checked, kept, strict=True)) else checked

    return cut


def _text_check(length: int) -> Check:
    return lambda value: bounded_text(value, length)


def _number_check(lowest: int, highest: int) -> Check:
    return lambda value: value if lowest <= value <= highest else max(lowest, min(value, highest))
