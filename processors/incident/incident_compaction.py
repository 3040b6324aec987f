"""Which record of an incident is current in `dispatch.incident.v1`, and when the incident gets a tombstone.

record of a higher revision ─► it is the current one
record of the same revision ─► a repeat: it is the current one, at its new offset
record of a lower revision ──► written late by a worker that had been stopped: the current one is written again
the current record closed or cancelled the incident, 7 days ago ─► tombstone
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.alert import Alert
from schemas.enums import Action
from schemas.units import DAY_MS, EpochMs

KEPT_MS = 7 * DAY_MS
"""How long an incident stays in the topic after its end, for consumers that join late."""

ENDS = frozenset({Action.CLOSE, Action.CANCEL})


class LatestRecord(NamedTuple):
    """The current record of an incident.

    Attributes:
        revision: Its revision.
        ended_at: When it ended the incident, or None.
        partition: Its partition.
        offset: Its offset.
        is_overtaken: A record of a lower revision follows it, which a consumer would take for the latest.
    """

    revision: int
    ended_at: EpochMs | None
    partition: int
    offset: int
    is_overtaken: bool = False


def apply_record(known: LatestRecord | None, alert: Alert, partition: int, offset: int) -> LatestRecord:
    """The current record after one more record of its incident; records come in the order of their partition."""
    if known is not None and alert.revision < known.revision:
        return known._replace(is_overtaken=True)
    ended_at = alert.sent if alert.action in ENDS else None
    return LatestRecord(alert.revision, ended_at, partition, offset)


def expired_keys(records: Mapping[bytes, LatestRecord], now: EpochMs) -> Iterable[bytes]:
    """The keys of incidents that ended seven days ago or earlier, which get a tombstone."""
    return (
        key
        for key, record in records.items()
        if record.ended_at is not None and record.ended_at + KEPT_MS <= now
    )


def overtaken_records(records: Mapping[bytes, LatestRecord]) -> Iterable[tuple[bytes, LatestRecord]]:
    """The incidents whose current record is not the last one in the topic."""
    return ((key, record) for key, record in records.items() if record.is_overtaken)
