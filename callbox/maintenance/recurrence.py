"""A recurrence rule of iCalendar (RFC 5545, 3.3.10) as it may be given: `FREQ=WEEKLY;BYDAY=SU;COUNT=10`.

python-dateutil finds the times. What it would take in silence (a month 13, a day 45, two FREQ) is refused before.
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from itertools import islice
from typing import Final

import msgspec
from dateutil.rrule import rrulestr

from callbox.terminal.times import local_time, parse_last_moment
from schemas.units import EpochMs

_DAY: Final = "(?:MO|TU|WE|TH|FR|SA|SU)"
_NUMBER: Final = r"[+-]?\d{1,3}"
_NUMBERED_DAY: Final = rf"(?:[+-]?[1-9]\d?)?{_DAY}"

_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
}
"""The parts that list numbers: the least and the highest. 0 is allowed only where it is the least."""

_FORMS: Final[Mapping[str, str]] = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"\d{8}(?:T\d{6}Z?)?",
    "WKST": _DAY,
    "BYDAY": rf"{_NUMBERED_DAY}(?:,{_NUMBERED_DAY})*",
    **dict.fromkeys(_RANGES, rf"{_NUMBER}(?:,{_NUMBER})*"),
}
"""The form of each part's value. Work is not planned by the hour, the minute or the second: BYHOUR and BYMINUTE say
several times a day."""

_RULE_LENGTH: Final = 500  # characters; every day of the year by number would be longer, and is FREQ=DAILY

_CALENDAR_YEARS: Final = 400  # after so many the Gregorian calendar repeats, its weekdays too
_LAST_YEAR: Final = 9_990  # in which a search may begin; `datetime` ends with the year 9999


class RecurrenceRule(msgspec.Struct, frozen=True, kw_only=True):
    """A recurrence rule whose parts are possible.

    Attributes:
        text: The rule in capital letters, without UNTIL.
        until: No period begins after it, or None.
        count: How often it says, or None.
    """

    text: str
    until: EpochMs | None
    count: int | None

    @property
    def is_endless(self) -> bool:
        """Whether it goes on for ever."""
        return self.until is None and self.count is None


def parse_rule(text: str, until: str | None, now: EpochMs, zone: tzinfo | None) -> RecurrenceRule:
    """Read a rule.

    Args:
        text: The rule, with or without `RRULE:` before it.
        until: Its end, as `parse_last_moment`; None where the rule itself says it, or has none.
        now: The time from which `+30d` counts.
        zone: The zone of local time. The UNTIL of a rule is local time too, unless it ends with Z.

    Raises:
        ValueError: A part is unknown, impossible, missing or there twice; the text says which.
    """
    if len(text) > _RULE_LENGTH:
        raise ValueError(f"the rule is longer than {_RULE_LENGTH} characters")
    parts = _parts(text)
    if "FREQ" not in parts:
        raise ValueError("the rule needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    own_end = parts.pop("UNTIL", None)
    if (own_end is not None) + ("COUNT" in parts) + (until is not None) > 1:
        raise ValueError("the end of the rule is said more than once: COUNT, UNTIL or --until")
    end = until or own_end
    return RecurrenceRule(
        text=";".join(f"{name}={value}" for name, value in parts.items()),
        until=None if end is None else parse_last_moment(end, now, zone),
        count=int(parts["COUNT"]) if "COUNT" in parts else None,
    )


def rule_text(rule: RecurrenceRule | None, zone: tzinfo | None) -> str:
    """The rule with its end in local time, as people write it; empty where there is none."""
    if rule is None:
        return ""
    return (
        rule.text if rule.until is None else f"{rule.text};UNTIL={local_time(rule.until, zone):%Y%m%dT%H%M%S}"
    )


def occurrences(rule: RecurrenceRule, first: datetime, most: int) -> list[datetime]:
    """The first times of a rule, its UNTIL disregarded.

    dateutil looks for a time until its calendar ends, which takes seconds where no day fits, as for 30 February. So
    the search is made in the last years of that calendar: weekdays and leap years repeat every 400 years.

    Args:
        rule: The rule.
        first: When it begins, without a zone. It is among them only where it fits the rule.
        most: So many at most.

    Returns:
        Times without a zone, earliest first.

    Raises:
        ValueError: No month or year has such a day.
    """
    years = (_LAST_YEAR - first.year) // _CALENDAR_YEARS * _CALENDAR_YEARS
    try:
        found = list(islice(rrulestr(rule.text, dtstart=first.replace(year=first.year + years)), most))
    except (
        ValueError,
        IndexError,
    ) as error:  # IndexError: of a weekday's number, such as the 50th of a month
        raise ValueError(f"{rule.text} names no possible day") from error
    return [wall.replace(year=wall.year - years) for wall in found]


def _parts(text: str) -> dict[str, str]:
    """The parts of a rule, each checked."""
    parts: dict[str, str] = {}
    for piece in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, _, value = piece.partition("=")
        if (form := _FORMS.get(name)) is None:
            raise ValueError(f"{piece!r}: allowed are {', '.join(_FORMS)}, with ';' between them")
        if name in parts:
            raise ValueError(f"{name} is there twice")
        if not re.fullmatch(form, value, re.ASCII) or not _is_in_range(name, value):
            raise ValueError(f"{piece!r}: {_allowed(name)}")
        parts[name] = value
    return parts


def _is_in_range(name: str, value: str) -> bool:
    if name not in _RANGES:
        return True
    least, highest = _RANGES[name]
    return all(least <= number <= highest and (number or not least) for number in map(int, value.split(",")))


def _allowed(name: str) -> str:
    match name:
        case "FREQ":
            return "allowed are DAILY, WEEKLY, MONTHLY and YEARLY; for several times a day use BYHOUR"
        case "BYDAY":
            return "allowed are MO to SU with ',' between them, with a number before them as in 1SU or -1FR"
        case "UNTIL":
            return "allowed is 20310301, 20310301T080000 or 20310301T080000Z"
        case "WKST":
            return "allowed is one of MO to SU"
        case "INTERVAL" | "COUNT":
            return "allowed are whole numbers from 1"
    least, highest = _RANGES[name]
    return f"allowed are numbers from {least} to {highest}{'' if least >= 0 else ' without 0'}"
