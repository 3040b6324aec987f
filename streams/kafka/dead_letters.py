"""Dead letters: a record that could not be used is kept with its place and the cause, and the worker goes on."""

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause
from schemas.strays import may_be_kept_of
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

    Of a sealed topic's record only its place and the cause are kept: no key, no payload, no text; and so of a record
    of any topic that names no schema of ours, or holds a sealed record (schemas/strays.py). There is no hash of it
    either: a plate is so short that its hash can be turned back. The record is found at its place as long as its topic
    keeps it. What is too large is left out: a dead letter that could not be delivered would stop the worker at this
    record for ever.

    Args:
        record: The record that could not be used.
        cause: Why.
        detail: What exactly was found, for a record that is kept, or which schema it names.
        worker: Which worker rejects it.
    """
    is_kept = record.value is not None and may_be_kept_of(record.topic, record.value)
    # A schema that is not ours is told by its fingerprint, so that somebody upgrades: that is no part of the record.
    is_told = is_kept or (cause is Cause.UNKNOWN_SCHEMA and not is_sealed_topic(record.topic))
    key = _kept(record.key, MOST_KEY) if is_kept else None
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=record.timestamp_ms,
        cause=cause,
        detail=detail[:MOST_DETAIL] if is_told and detail is not None else None,
        key=key,
        payload=_kept(record.value, MOST_PAYLOAD) if is_kept else None,
        worker=worker,
    )
    return ProducerRecord(dead_letter_topic(record.topic), key, encode(letter))


def _kept(part: bytes | None, most: int) -> bytes | None:
    return part if part is not None and len(part) <= most else None
