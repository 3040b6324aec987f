"""What a worker has found missing from its inputs: how many records that is, and what is told of it.

    committed below the first offset     ─► records_missing   retention took what lies between: [expected, found)
    another topic of the same name       ─► another_log       nobody knows what the former one held: no number
    committed beyond the end             ─► log_truncated     the broker has lost records that were read: no number
    a batch unpacks to more than we take ─► undecodable       it is left out: [expected, found)
    a client that is no worker is in the group ─► foreign_member   nobody knows what it takes: no number

Whoever compares offsets (at the start of a partition, at a look at the group) makes the losses. Here they become
records for the log and samples of a metric. Nothing here reads a clock or a broker.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from schemas.errors import Cause
from schemas.topics import FUSION_INPUT, Cleanup, topic_named
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.worker.broken_feed import broken_feed, broken_log
from streams.worker.metrics import Metrics

_OF_SPANS: Final = frozenset({Cause.RECORDS_MISSING, Cause.UNDECODABLE, Cause.FOREIGN_MEMBER})
"""Causes for which the offsets say how many records there were."""


class Loss(NamedTuple):
    """Records of one partition that no worker has read.

    Attributes:
        topic: The input.
        topic_id: The broker's own id of it; empty where it gives none.
        partition: Its partition.
        cause: Why.
        expected: The offset that should have come next.
        found: The offset from which there is something to read, or that somebody else has committed.
        since: From when on records are missing (the append time of the last record that was read), or None.
        client: The other client and its host, for `foreign_member`.
    """

    topic: str
    topic_id: str
    partition: int
    cause: Cause
    expected: int
    found: int
    since: EpochMs | None = None
    client: str = ""

    @property
    def records(self) -> int | None:
        """How many records are missing, or None where the offsets do not say so.

        An offset of a compacted topic may have been without a record for long. Markers of transactions have offsets
        too, so the number is the largest possible one.
        """
        topic = topic_named(self.topic)
        is_compacted = topic is not None and topic.cleanup is Cleanup.COMPACT
        if self.cause not in _OF_SPANS or is_compacted or self.found <= self.expected:
            return None
        return self.found - self.expected


def loss_notices(losses: Iterable[Loss], worker: str, at: EpochMs) -> list[ProducerRecord]:
    """The records that tell of losses, one for each; of the log itself a `log_broken`, as a restore tells it.

    Args:
        losses: What was found.
        worker: Who has found it, as `worker_name` of streams.worker.clock_watch makes it.
        at: When, by this machine's clock.
    """
    return [
        broken_log(loss.partition, loss.topic_id, _log_cause(loss.cause), loss.expected, loss.found, at)
        if loss.topic == FUSION_INPUT and loss.cause is not Cause.FOREIGN_MEMBER
        else broken_feed(
            topic=loss.topic,
            topic_id=loss.topic_id,
            partition=loss.partition,
            cause=loss.cause,
            expected=loss.expected,
            found=loss.found,
            records=loss.records,
            since=loss.since,
            worker=worker,
            at=at,
            client=loss.client,
        )
        for loss in losses
    ]


def _log_cause(cause: Cause) -> Cause:
    return cause if cause is Cause.ANOTHER_LOG else Cause.RECORDS_MISSING


def count_losses(metrics: Metrics, losses: Sequence[Loss]) -> None:
    """Count what is missing; a loss of which nobody knows the number counts as one record.

    A foreign client that is only there has taken nothing that is known of, and is told again each minute.
    """
    for loss in losses:
        if loss.cause is Cause.FOREIGN_MEMBER and loss.records is None:
            continue
        metrics.records_missing.labels(loss.topic, loss.cause).inc(
            1 if loss.records is None else loss.records
        )
