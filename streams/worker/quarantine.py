"""What becomes of a record of a feed of which workers have died: a dead letter, and a blue with its place.

    the batch says of how many deaths ─► nothing of the record is decoded ─► dead letter, notice ─► read on

The log has a way of its own, since a replay must pass the record too (streams/workers/log_skips.py).
"""

from collections.abc import Mapping
from typing import Final

import structlog

from schemas.enums import Feed, InputKind
from schemas.errors import Cause
from schemas.fusion_log import DeadLetterNotice
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ACKS, FRAMES, PILLAR_EVENTS, PLATE_READS, base_of
from streams.kafka.careful_reading import DEATHS
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.worker.context import Context
from streams.worker.log_writer import fact

log = structlog.get_logger(__name__)

_FEEDS: Final[Mapping[str, Feed]] = {
    PILLAR_EVENTS: Feed.PILLARS,
    ACKS: Feed.INTAKE,
    FRAMES: Feed.CAMERAS,
    PLATE_READS: Feed.CHECKPOINTS,
}


def may_be_looked_at(deaths: int) -> bool:
    """Whether no worker has died yet while it quarantined the record: else nobody looks into it any more."""
    return deaths <= DEATHS


def quarantine(context: Context, record: LogRecord, deaths: int) -> list[ProducerRecord]:
    """Make the dead letter of a record of a feed, and the notice that becomes a blue.

    Args:
        context: The worker.
        record: What workers died of; it is not decoded.
        deaths: How many.
    """
    topic, partition, offset = record.topic, record.partition, record.offset
    log.error("record.quarantined", topic=topic, partition=partition, offset=offset, deaths=deaths)
    notice = DeadLetterNotice(
        feed=_FEEDS[base_of(topic)],
        topic=topic,
        partition=partition,
        offset=offset,
        cause=Cause.QUARANTINED,
        at=record.timestamp_ms,
    )
    return [
        context.reject(record, Cause.QUARANTINED, f"{deaths} workers ended at it"),
        fact(
            InputKind.DEAD_LETTER,
            fingerprint("dead-letter", topic, partition, offset),
            UNASSIGNED_ZONE,
            notice,
        ),
    ]
