"""Exact matching of a plate read against the vehicle hotlist.

A hit needs the exact normalised text and the same jurisdiction. There is no fuzzy matching: allowing one substitution
finds 4 % more of the true matches and 88 times as many chance matches (docs/privacy.md), and wrongful stops come from
one wrong character.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.enums import PlateClass, PlateColour, Purpose, ReviewReason
from schemas.hotlist import HotlistEntry
from schemas.units import DAY_MS, HOUR_MS, EpochMs

MAX_LIFETIME_MS: Mapping[Purpose, int] = {  # our own proposal: short where a stale entry does much harm
    Purpose.STOLEN_VEHICLE: 365 * DAY_MS,
    Purpose.MISSING_CHILD_ALERT: 7 * DAY_MS,
    Purpose.UNPERMITTED_HAZMAT: 2 * DAY_MS,
}

STALE_AFTER_MS = 4 * HOUR_MS
"""A list that has not been renewed for longer suppresses its hits (requirement 19)."""

Index = Mapping[str, tuple[HotlistEntry, ...]]


class VehicleRead(NamedTuple):
    """The read of one vehicle that passed.

    Attributes:
        plate_text: The text, normalised.
        jurisdiction: ISO 3166-1 or -2, or None.
        plate_class: The plate's series; UNKNOWN where the reader does not report it.
        plate_colour: The plate's background; UNKNOWN where the reader does not report it.
        is_certain: Our own reading is certain, or the checkpoint reader's confidence is high enough.
    """

    plate_text: str
    jurisdiction: str | None
    plate_class: PlateClass
    plate_colour: PlateColour
    is_certain: bool


class Match(NamedTuple):
    """One entry that a read matches, and what the person should check first."""

    entry: HotlistEntry
    review_reasons: tuple[ReviewReason, ...]


def problems(entry: HotlistEntry, at: EpochMs) -> list[str]:
    """The problems of an entry that is not allowed to match; empty when it is valid.

    Args:
        entry: The entry as read.
        at: When it was entered; its lifetime is counted from this time.
    """
    found = [
        f"{name} is empty"
        for name in ("entry_id", "plate_text", "jurisdiction", "authority", "case_ref", "entered_by")
        if not getattr(entry, name).strip()
    ]
    cap = MAX_LIFETIME_MS.get(entry.purpose)
    if cap is None:
        allowed = ", ".join(MAX_LIFETIME_MS)
        found.append(f"purpose {entry.purpose.value} is not one of: {allowed}")
    elif entry.expires_at > at + cap:
        found.append(
            f"expires_at is more than {cap // DAY_MS} days ahead, the most for {entry.purpose.value}"
        )
    return found


def index(entries: Iterable[HotlistEntry]) -> Index:
    """Index a list by plate text; entries with the same text are in the order of their ids."""
    by_text: dict[str, list[HotlistEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.entry_id):
        by_text.setdefault(entry.plate_text, []).append(entry)
    return {text: tuple(found) for text, found in by_text.items()}


def match(read: VehicleRead, entries: Index, at: EpochMs) -> tuple[Match, ...]:
    """The entries that a read matches.

    Args:
        read: The read of the vehicle.
        entries: The index of the list.
        at: When the vehicle passed.

    Returns:
        One match for each entry with the same text that has not expired and whose jurisdiction is the same or, on
        the read, unknown; empty for nearly every vehicle.
    """
    return tuple(
        Match(entry, _review_reasons(read, entry))
        for entry in entries.get(read.plate_text, ())
        if entry.expires_at > at and read.jurisdiction in (None, entry.jurisdiction)
    )


def is_stale(newest_entry_at: EpochMs, at: EpochMs) -> bool:
    """Whether the list is too old to be matched against."""
    return at - newest_entry_at > STALE_AFTER_MS


def _review_reasons(read: VehicleRead, entry: HotlistEntry) -> tuple[ReviewReason, ...]:
    checks = {
        ReviewReason.JURISDICTION_UNKNOWN: read.jurisdiction is None,
        ReviewReason.CLASS_DIFFERS: _differ(read.plate_class, entry.plate_class),
        ReviewReason.COLOUR_DIFFERS: _differ(read.plate_colour, entry.plate_colour),
        ReviewReason.READ_UNCERTAIN: not read.is_certain,
    }
    return tuple(reason for reason, holds in checks.items() if holds)


def _differ(seen: PlateClass | PlateColour, listed: PlateClass | PlateColour) -> bool:
    """Whether both are known and contradict each other."""
    return "UNKNOWN" not in (seen.value, listed.value) and seen != listed
