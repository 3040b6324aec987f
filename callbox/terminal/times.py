"""Times and time spans as people type and read them.

What has happened is told in UTC. What is planned is typed and told in local time, by a time zone of the IANA database
or, where none is named, by that of the machine: a zone that is None means the latter, as it does in `datetime`.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, EpochMs

_UNITS: Final = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_AGO: Final = re.compile(r"-(\d{1,9})([smhd])")
_AHEAD: Final = re.compile(r"\+(\d{1,9})([smhd])")
_SPAN: Final = re.compile(r"(\d{1,9})([smhd])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


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
    return EpochMs((parsed - _EPOCH) // _MILLISECOND)


def parse_zone(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database, such as `Europe/Berlin`.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # of a folder's name: OSError
        raise ValueError(
            f"{name!r} is no time zone: use a name such as Europe/Berlin or Asia/Shanghai"
        ) from error


def parse_planned_time(text: str, now: EpochMs, zone: tzinfo | None) -> EpochMs:
    """Read a time of a plan.

    Args:
        text: `now`; `+90s`, `+30m`, `+2h`, `+1d` from now; or ISO 8601, in local time where it names no zone. A date
            alone is its midnight.
        now: The time from which the second form counts.
        zone: The zone of local time.

    Returns:
        Whole seconds.

    Raises:
        ValueError: It is none of them; the text says what is allowed.
    """
    this_second = now - now % SECOND_MS
    if text == "now":
        return EpochMs(this_second)
    if (ahead := _AHEAD.fullmatch(text)) is not None:
        return EpochMs(this_second + int(ahead[1]) * _UNITS[ahead[2]])
    try:
        parsed = datetime.fromisoformat(text).replace(microsecond=0)
        return epoch_ms(parsed, zone) if parsed.tzinfo is None else EpochMs((parsed - _EPOCH) // _MILLISECOND)
    except (
        ValueError,
        OverflowError,
        OSError,
    ) as error:  # the last two: a year that the platform cannot convert
        raise ValueError(
            f"{text!r} is no time: use now, +2h, 2031-03-01T08:00 (local time), 2031-03-01T08:00+08:00"
        ) from error


def parse_last_moment(text: str, now: EpochMs, zone: tzinfo | None) -> EpochMs:
    """Read the end of a span that belongs to the span: a date alone is the whole day.

    Args:
        text: As `parse_planned_time`.
        now: As there.
        zone: As there.

    Raises:
        ValueError: As `parse_planned_time`.
    """
    try:
        next_day = date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError):  # not a date alone, or the last one of the calendar
        return parse_planned_time(text, now, zone)
    return EpochMs(parse_planned_time(next_day.isoformat(), now, zone) - 1)


def local_time(at: EpochMs, zone: tzinfo | None) -> datetime:
    """What a clock on the wall shows: a time without a zone, for reckoning in local time."""
    return (_EPOCH + at * _MILLISECOND).astimezone(zone).replace(tzinfo=None, fold=0)


def epoch_ms(wall: datetime, zone: tzinfo | None, *, fold: int = 0) -> EpochMs:
    """When a clock on the wall shows this time.

    Args:
        wall: A time without a zone; what is less than a second is dropped.
        zone: The zone of the clock.
        fold: Which of the two it is where clocks are put back and show it twice: 0 for the first, 1 for the second.
            Where clocks are put forward and never show it: 0 takes the offset from before, so that 02:30 is 03:30, as
            RFC 5545 has it.
    """
    # Of a time without a zone, timestamp() takes the machine's.
    return EpochMs(int(wall.replace(microsecond=0, tzinfo=zone, fold=fold).timestamp()) * SECOND_MS)


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


def format_local_time(at: EpochMs, zone: tzinfo | None) -> str:
    """Local time to the minute with its offset from UTC, such as `2031-03-01 08:00 +08:00`."""
    moment = (_EPOCH + at * _MILLISECOND).astimezone(zone)
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M} {offset[:3]}:{offset[3:5]}"
