"""Which record of an incident counts in `dispatch.incident.v1`, and when nothing of it is needed any more.

record of a higher revision ─► counts
record of the same ─────────► a repeat: counts, where it lies now
record of a lower ──────────► a worker that was stopped came back: the one that counts is written again
the one that counts closed or cancelled the incident, 7 days ago ─► tombstone
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.alert import Alert
from schemas.enums import Action
from schemas.units import DAY_MS, EpochMs

KEPT_MS = 7 * DAY_MS
"""For so long after its end an incident is there for consumers that join late."""

ENDS = frozenset({Action.CLOSE, Action.CANCEL})


class LatestRecord(NamedTuple):
    """The record of an incident that counts.

    Attributes:
        revision: Its revision.
        ended_at: When it ended the incident, or None.
        partition: Where it lies.
        offset: Where it lies.
        is_overtaken: A record of a lower revision lies behind it, so that a consumer takes that one for the latest.
    """

    revision: int
    ended_at: EpochMs | None
    partition: int
    offset: int
    is_overtaken: bool = False


def apply_record(known: LatestRecord | None, alert: Alert, partition: int, offset: int) -> LatestRecord:
    """Take in one more record of an incident, in the order of its partition."""
    if known is not None and alert.revision < known.revision:
        return known._replace(is_overtaken=True)
    ended_at = alert.sent if alert.action in ENDS else None
    return LatestRecord(alert.revision, ended_at, partition, offset)


def expired_keys(standings: Mapping[bytes, LatestRecord], now: EpochMs) -> Iterable[bytes]:
    """The keys of incidents that ended seven days ago or earlier."""
    return (
        key
        for key, standing in standings.items()
        if standing.ended_at is not None and standing.ended_at + KEPT_MS <= now
    )


def overtaken_records(standings: Mapping[bytes, LatestRecord]) -> Iterable[tuple[bytes, LatestRecord]]:
    """The incidents whose newest record is not the latest in the topic."""
    return ((key, standing) for key, standing in standings.items() if standing.is_overtaken)
