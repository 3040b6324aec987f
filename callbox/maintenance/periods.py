"""When work is done: one period, or those of a recurrence rule (RFC 5545) in local time.

    first period, rule ─► the rule's times on the wall clock ─► periods ─► overlapping ones are one

A rule without an end goes as far as the horizon. A plan that says more than the limits allow is refused.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final

from callbox.maintenance.recurrence import RecurrenceRule, occurrences
from callbox.terminal.times import epoch_ms, format_span, local_time
from schemas.fusion_log import Period
from schemas.units import DAY_MS, EpochMs

PERIODS: Final = 1_000
"""At most so many in one window, as schemas/fusion_log.py says."""

HORIZON_MS: Final = 366 * DAY_MS
"""No period begins later than this from now: a year, a leap day included."""

LONGEST_MS: Final = 30 * DAY_MS
"""No period is longer: a device that is worked on for more than a month is out of service."""


def plan_periods(
    first: Period, rule: RecurrenceRule | None, zone: tzinfo | None, now: EpochMs
) -> tuple[Period, ...]:
    """The periods of a plan, earliest first.

    Args:
        first: The first one. It belongs to the plan also where the rule does not name its day.
        rule: When it is repeated, or None. Each period begins and ends at the same local time as the first, also when
            clocks are put forward or back.
        zone: The zone of local time; None for the machine's.
        now: The time from which the limits count.

    Returns:
        At least one; none overlaps or touches another.

    Raises:
        ValueError: A limit is exceeded; the text says which.
    """
    if first.ends_at <= first.begins_at:
        raise ValueError("--to must be after --from")
    if first.ends_at <= now:
        raise ValueError("--to is in the past")
    if first.begins_at > now + HORIZON_MS:
        raise ValueError(f"--from is more than {format_span(HORIZON_MS)} ahead")
    if first.ends_at - first.begins_at > LONGEST_MS:
        raise ValueError(f"from --from to --to it is more than {format_span(LONGEST_MS)}")
    periods = merged([first, *(() if rule is None else _repeated(first, rule, zone, now))])
    if len(periods) > PERIODS:
        raise _too_many()
    if any(period.ends_at - period.begins_at > LONGEST_MS for period in periods):
        raise ValueError(
            f"the rule's periods overlap, and together are longer than {format_span(LONGEST_MS)}"
        )
    return periods


def merged(periods: Iterable[Period]) -> tuple[Period, ...]:
    """Sort periods, and make one of those that overlap or touch."""
    found: list[Period] = []
    for period in sorted(periods, key=lambda each: (each.begins_at, each.ends_at)):
        if found and period.begins_at <= found[-1].ends_at:
            ends_at = max(period.ends_at, found[-1].ends_at)
            found[-1] = Period(begins_at=found[-1].begins_at, ends_at=ends_at)
        else:
            found.append(period)
    return tuple(found)


def _repeated(first: Period, rule: RecurrenceRule, zone: tzinfo | None, now: EpochMs) -> list[Period]:
    """The periods that the rule gives."""
    horizon = now + HORIZON_MS
    if rule.until is not None and rule.until > horizon:
        raise _too_far()
    last = horizon if rule.until is None else rule.until
    begins = local_time(first.begins_at, zone)
    found: list[Period] = []
    for wall in occurrences(rule, begins, PERIODS + 1):
        period = _at(wall, first, zone)
        if period.begins_at > last:
            if rule.count is not None:
                raise _too_far()
            break
        found.append(period)
    if len(found) > PERIODS:
        raise _too_many()
    if not found:
        raise ValueError(f"{rule.text} names no time until then")
    return found


def _at(wall: datetime, first: Period, zone: tzinfo | None) -> Period:
    """The period that begins at a time on the wall clock, and ends at the same time as the first, on its day."""
    exact = timedelta(milliseconds=first.ends_at - first.begins_at)
    shown = local_time(first.ends_at, zone) - local_time(first.begins_at, zone)
    ends = wall + (
        shown if shown > timedelta() else exact
    )  # clocks may have been put back within the first one
    begins_at = epoch_ms(wall, zone)
    # A time that the clock shows twice is over when it has shown it for the second time.
    ends_at = max(epoch_ms(ends, zone), epoch_ms(ends, zone, fold=1))
    if ends_at <= begins_at:  # the clock leaps over all of it
        ends_at = EpochMs(begins_at + first.ends_at - first.begins_at)
    return Period(begins_at=begins_at, ends_at=ends_at)


def _too_many() -> ValueError:
    return ValueError(f"more than {PERIODS:,} periods: end the rule sooner (--until), or let it name fewer")


def _too_far() -> ValueError:
    return ValueError(
        f"the rule goes on for more than {format_span(HORIZON_MS)} from now: plan the rest then"
    )
