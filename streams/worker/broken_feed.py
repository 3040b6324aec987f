"""The records that tell the fold, and so the control room, of what no worker has read: `feed_broken`, `log_broken`."""

from schemas.enums import InputKind
from schemas.errors import Cause
from schemas.fusion_log import FeedBrokenNotice, LogBrokenNotice
from schemas.ids import ID_LENGTH, fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.worker.log_writer import fact


def broken_feed(
    *,
    topic: str,
    topic_id: str,
    partition: int,
    cause: Cause,
    expected: int,
    found: int,
    records: int | None,
    since: EpochMs | None,
    worker: str,
    at: EpochMs,
    client: str = "",
) -> ProducerRecord:
    """Make the record, in the zone of what is unassigned.

    Its event id says what was found and not who found it or when, so that a worker which finds the same again after a
    crash, or its replica, tells the same fact.

    Args:
        topic: The input.
        topic_id: The broker's own id of it; empty where it gives none.
        partition: Its partition.
        cause: Why records were not read.
        expected: The offset that should have come next.
        found: The offset from which there is something to read, or that somebody else has committed.
        records: How many records are missing; None where nobody can know.
        since: From when on they are missing; None where nobody can know.
        worker: Who has noticed it, as `worker_name` of streams.worker.clock_watch makes it.
        at: When, by this machine's clock.
        client: The other client and its host, where another client has taken them.
    """
    notice = FeedBrokenNotice(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        cause=cause,
        expected=expected,
        found=found,
        records=records,
        since=since,
        client=client[:ID_LENGTH],
        worker=worker,
        at=at,
    )
    name = fingerprint("feed-broken", topic, topic_id, partition, cause, expected, found, notice.client)
    return fact(InputKind.FEED_BROKEN, name, UNASSIGNED_ZONE, notice)


def broken_log(
    partition: int, topic_id: str, cause: Cause, expected: int, found: int, at: EpochMs
) -> ProducerRecord:
    """Make the record of a log that is not what it was, in the zone of what is unassigned.

    Args:
        partition: Of the log.
        topic_id: The broker's own id of it; empty where it gives none.
        cause: Records are missing, or it is another log.
        expected: The offset that should have come next.
        found: The one that came, or the end of the log.
        at: When, by this machine's clock.
    """
    notice = LogBrokenNotice(
        topic=FUSION_INPUT, partition=partition, expected=expected, found=found, cause=cause, at=at
    )
    name = fingerprint("log-broken", topic_id, partition, cause, expected, found)
    return fact(InputKind.LOG_BROKEN, name, UNASSIGNED_ZONE, notice)
