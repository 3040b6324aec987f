"""Times and time spans as people type and read them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, EpochMs

_UNITS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_AGO: Final = re.compile(r"-(\d{1,9})([smhd])")
_SPAN: Final = re.compile(r"(\d{1,9})([smhd])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str, now: EpochMs) -> EpochMs:
    """Read a time.

    Args:
        text: `2031-03-01T08:00:00Z`, `2031-03-01T16:00:00+08:00`, or `-90s`, `-5m`, `-2h`, `-1d`.
        now: The time from which the latter count back.

    Raises:
        ValueError: It is neither, or has no time zone; the text says what is allowed.
    """
    if (ago := _AGO.fullmatch(text)) is not None:
        return EpochMs(max(0, now - int(ago[1]) * _UNITS[ago[2]]))
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ValueError(
            f"{text!r} is no time: use RFC 3339 with a zone (2031-03-01T08:00:00Z) or -90s, -5m, -2h, -1d"
        )
    return EpochMs((parsed - _EPOCH) // timedelta(milliseconds=1))


def parse_span(text: str) -> int:
    """Read a time span: `90s`, `30m`, `2h`, `1d`.

    Returns:
        Seconds, above 0.

    Raises:
        ValueError: It is not a time span; the text says what is allowed.
    """
    found = _SPAN.fullmatch(text)
    seconds = 0 if found is None else int(found[1]) * _UNITS[found[2]] // SECOND_MS
    if not seconds:
        raise ValueError(f"{text!r} is no length of time: use 90s, 30m, 2h or 1d")
    return seconds


def format_span(ms: int) -> str:
    """A time span in at most two units: `12s`, `5m`, `2h 5m`, `3d 4h`; a negative one is `0s`."""
    for unit, below, name, below_name in ((DAY_MS, HOUR_MS, "d", "h"), (HOUR_MS, MINUTE_MS, "h", "m")):
        if ms >= unit:
            rest = ms % unit // below
            return f"{ms // unit}{name} {rest}{below_name}" if rest else f"{ms // unit}{name}"
    return f"{ms // MINUTE_MS}m" if ms >= MINUTE_MS else f"{max(ms, 0) // SECOND_MS}s"


def format_time(at: EpochMs) -> str:
    """RFC 3339 in UTC with milliseconds; just the number if it is outside the calendar."""
    try:
        moment = _EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        return str(at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
