"""Dead letters: a record that could not be used is kept with its place and the cause, and the worker goes on."""

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause
from schemas.topics import dead_letter_topic, is_sealed_topic
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord

MOST_DETAIL = 500  # characters: a detail may quote a field, and a field may be the whole record
MOST_KEY = 1 << 10
MOST_PAYLOAD = 1 << 20
"""Bytes: more is left out, so that a dead letter always fits its topic (2 MiB). A record is below 1 MiB where the
broker checks it, but a compressed one may be far above."""


def make_dead_letter(record: LogRecord, cause: Cause, detail: str | None, worker: str) -> ProducerRecord:
    """The dead letter of a record, to be delivered before the record's offset is committed.

    Of a sealed topic's record only its place and the cause are kept: no key, no payload, no text. What is too large is
    left out: a dead letter that could not be delivered would stop the worker at this record for ever.

    Args:
        record: The record that could not be used.
        cause: Why.
        detail: What exactly was found, for an unsealed topic.
        worker: Which worker rejects it.
    """
    sealed = is_sealed_topic(record.topic)
    key = None if sealed else _kept(record.key, MOST_KEY)
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=record.timestamp_ms,
        cause=cause,
        detail=None if sealed or detail is None else detail[:MOST_DETAIL],
        key=key,
        payload=None if sealed else _kept(record.value, MOST_PAYLOAD),
        worker=worker,
    )
    return ProducerRecord(dead_letter_topic(record.topic), key, encode(letter))


def _kept(part: bytes | None, most: int) -> bytes | None:
    return part if part is not None and len(part) <= most else None
