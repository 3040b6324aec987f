"""Records of an input that were never read: what one notice says of them, and what several notices say together.

    [expected, found)  ─► a span of offsets: what another notice repeats of it is not counted again
    found < expected   ─► the topic is another one, or shorter: each notice counts by itself

No notice is refused for its values: a number that cannot be true makes the count unknown, and a time that cannot be
true makes the beginning unknown.
"""

import msgspec
from msgspec.structs import replace

from processors.state.times import believed
from schemas.errors import Cause
from schemas.fusion_log import FeedBrokenNotice
from schemas.units import EpochMs

MAX_RECORDS = 2**53 - 1
"""The largest number of records that is counted: the largest integer that every JSON reader takes exactly."""

MAX_CLIENTS = 5
"""Other clients that are named; a group has a few members."""

MAX_SPANS = 8
"""Spans that are kept apart; of more, those next to each other become one, and what lies between is not counted."""

CAUSES = frozenset(
    {
        Cause.RECORDS_MISSING,
        Cause.UNDECODABLE,
        Cause.ANOTHER_LOG,
        Cause.LOG_TRUNCATED,
        Cause.FOREIGN_MEMBER,
    }
)
"""Causes that have words of their own; any other one is told as unknown."""


Span = tuple[str, int, int]
"""The id of a topic, the first offset, and the one after the last."""


class RecordLoss(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Records of one partition of one input that were never read, all for one cause.

    Attributes:
        topic: The input.
        partition: Its partition.
        cause: Why they were not read, one of CAUSES or unknown.
        records: How many are known of.
        is_exact: There are no more than those.
        since: From when on they are missing, or None where nobody knows.
        topic_id: The broker's own id of the topic, as the latest notice has it.
        spans: The spans of offsets that have been counted, each with its topic's id, [first, end), in order and apart
            from each other.
        clients: The other clients, in the order in which they were told.
    """

    topic: str
    partition: int
    cause: Cause
    records: int
    is_exact: bool
    since: EpochMs | None
    topic_id: str
    spans: tuple[Span, ...]
    clients: tuple[str, ...] = ()


def record_loss(notice: FeedBrokenNotice, now: EpochMs) -> RecordLoss:
    """What one notice says.

    Args:
        notice: The notice.
        now: Stream time; what began after it cannot be true.
    """
    is_known = notice.records is not None and notice.records >= 0
    client = notice.client.strip()
    return RecordLoss(
        topic=notice.topic,
        partition=notice.partition,
        cause=notice.cause if notice.cause in CAUSES else Cause.UNKNOWN,
        records=min(notice.records or 0, MAX_RECORDS) if is_known else 0,
        is_exact=is_known,
        since=believed(notice.since, now),
        topic_id=notice.topic_id,
        spans=_span(notice) if is_known else (),
        clients=(client,) if client else (),
    )


def with_notice(loss: RecordLoss, notice: FeedBrokenNotice, now: EpochMs) -> RecordLoss:
    """What has been told so far, and one more notice of the same partition and cause.

    Of a span only what no earlier notice has told is counted. Nobody can tell where one topic ends and the next begins
    by offsets alone, so a notice of another topic id counts by itself.
    """
    more = record_loss(notice, now)
    spans = _union(loss.spans, more.spans)
    new_records = min(more.records, _length(spans) - _length(loss.spans)) if more.spans else more.records
    total = loss.records + new_records
    since = [at for at in (loss.since, more.since) if at is not None]
    clients = tuple(dict.fromkeys((*loss.clients, *more.clients)))
    return replace(
        loss,
        records=min(total, MAX_RECORDS),
        is_exact=loss.is_exact and more.is_exact and total <= MAX_RECORDS,
        since=min(since, default=None),
        topic_id=more.topic_id,
        spans=_bounded(spans),
        clients=clients[-MAX_CLIENTS:],
    )


def _span(notice: FeedBrokenNotice) -> tuple[Span, ...]:
    if notice.expected >= notice.found:
        return ()
    return ((notice.topic_id, notice.expected, notice.found),)


def _union(*spans: tuple[Span, ...]) -> tuple[Span, ...]:
    found: list[Span] = []
    for topic_id, first, end in sorted(span for each in spans for span in each):
        if found and found[-1][0] == topic_id and first <= found[-1][2]:
            found[-1] = topic_id, found[-1][1], max(found[-1][2], end)
        else:
            found.append((topic_id, first, end))
    return tuple(found)


def _length(spans: tuple[Span, ...]) -> int:
    return sum(end - first for _topic_id, first, end in spans)


def _bounded(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """At most so many: of one topic the next to each other become one, and what is left over is forgotten."""
    kept = list(spans)
    while len(kept) > MAX_SPANS:
        near = [at for at in range(1, len(kept)) if kept[at][0] == kept[at - 1][0]]
        if not near:
            return tuple(kept[-MAX_SPANS:])
        at = min(near, key=lambda index: kept[index][1] - kept[index - 1][2])
        kept[at - 1 : at + 1] = [(kept[at][0], kept[at - 1][1], kept[at][2])]
    return tuple(kept)
