"""Records of an input that were never read: what one notice says of them, and what several notices say together.

    [expected, found)  ─► a span of offsets: what a later notice repeats of it is not counted again
    found < expected   ─► the topic is another one, or shorter: each notice counts by itself

Anybody who may write the log may have written a notice, so every value is bounded here, and none is refused: a number
that cannot be true makes the count unknown, and a time that cannot be true makes the beginning unknown.
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

CLIENT_LENGTH = 200
"""Characters of a client and its host that are kept; Kafka's own client ids have at most 249."""

TOPIC_ID_LENGTH = 64
"""Characters of a topic id that are kept; a broker's own have 22."""

CAUSES = frozenset({Cause.RECORDS_MISSING, Cause.ANOTHER_LOG, Cause.LOG_TRUNCATED, Cause.FOREIGN_MEMBER})
"""Causes that have words of their own; any other one is told as unknown."""


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
        reached: The offset up to which records have been counted; a notice that says no number counts none.
        clients: The other clients, in the order in which they were told.
    """

    topic: str
    partition: int
    cause: Cause
    records: int
    is_exact: bool
    since: EpochMs | None
    topic_id: str
    reached: int
    clients: tuple[str, ...] = ()


def record_loss(notice: FeedBrokenNotice, now: EpochMs) -> RecordLoss:
    """What one notice says.

    Args:
        notice: The notice.
        now: Stream time; what began after it cannot be true.
    """
    is_known = notice.records is not None and notice.records >= 0
    client = notice.client[:CLIENT_LENGTH].strip()
    return RecordLoss(
        topic=notice.topic,
        partition=notice.partition,
        cause=notice.cause if notice.cause in CAUSES else Cause.UNKNOWN,
        records=min(notice.records or 0, MAX_RECORDS) if is_known else 0,
        is_exact=is_known,
        since=believed(notice.since, now),
        topic_id=notice.topic_id[:TOPIC_ID_LENGTH],
        reached=notice.found if is_known else min(notice.expected, notice.found),
        clients=(client,) if client else (),
    )


def with_notice(loss: RecordLoss, notice: FeedBrokenNotice, now: EpochMs) -> RecordLoss:
    """What has been told so far, and one more notice of the same partition and cause.

    Of a span that is told again with a higher end, only what lies beyond the former end is counted. Nobody can tell
    where one topic ends and the next begins by offsets alone, so a notice of another topic id counts by itself.
    """
    more = record_loss(notice, now)
    is_span = notice.expected < notice.found and more.topic_id == loss.topic_id
    new_records = min(more.records, max(0, more.reached - loss.reached)) if is_span else more.records
    total = loss.records + new_records
    since = [at for at in (loss.since, more.since) if at is not None]
    clients = tuple(dict.fromkeys((*loss.clients, *more.clients)))
    return replace(
        loss,
        records=min(total, MAX_RECORDS),
        is_exact=loss.is_exact and more.is_exact and total <= MAX_RECORDS,
        since=min(since, default=None),
        topic_id=more.topic_id,
        reached=max(loss.reached, more.reached) if is_span else more.reached,
        clients=clients[-MAX_CLIENTS:],
    )
