"""Read dead letters and their records from Kafka."""

from collections.abc import Iterator, Sequence

from callbox.dead_letters.ledger import LocatedDeadLetter, dead_letter_in, format_place
from callbox.dead_letters.retry import Original, record_kept_in
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import DeadLetterRefused, DecodeError, InputMissing, LogBroken
from schemas.registry import RegistryDevice
from schemas.topics import REGISTRY, dead_letter_topic, is_sealed_topic
from schemas.units import EpochMs
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import RecordMetadata
from streams.kafka.reader import Follower, latest_by_key, read
from streams.kafka.record import LogRecord

_POLL_S = 0.2


def dead_letter_records(
    kafka: KafkaConfig, topics: Sequence[str], since: EpochMs | None
) -> Iterator[LogRecord]:
    """All dead letters of some topics, up to the ends that their topics have now.

    Args:
        kafka: The broker.
        topics: Topics whose dead letters are read.
        since: Only dead letters that were written then or later.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing, LogBroken: As `streams.kafka.reader`.
    """
    for topic in topics:
        with Follower(kafka, dead_letter_topic(topic), since_ms=since) as follower:
            while not follower.caught_up:
                yield from follower.poll(_POLL_S)


def dead_letter_at(kafka: KafkaConfig, place: RecordMetadata) -> LocatedDeadLetter:
    """The dead letter at a place.

    Raises:
        InputMissing: There is none.
        DeadLetterRefused: This release cannot decode it.
        BrokerUnavailable, AccessDenied: As `streams.kafka.reader`.
    """
    record = _record_at(kafka, place)
    if record is None:
        raise InputMissing(f"{format_place(place)}: no letter is there, or no longer: callbox dlq list")
    try:
        return dead_letter_in(record)
    except DecodeError as error:
        raise DeadLetterRefused(f"{format_place(place)} is no letter that this release can read") from error


def original_of(kafka: KafkaConfig, dead_letter: DeadLetter) -> Original | None:
    """The record of a dead letter: from the dead letter, or else from its place; None if it is no longer there."""
    if (whole := record_kept_in(dead_letter)) is not None:
        return whole
    record = _record_at(kafka, RecordMetadata(dead_letter.topic, dead_letter.partition, dead_letter.offset))
    if record is not None and record.timestamp_ms == dead_letter.appended_at:  # else of a re-created topic
        return Original(record.key, record.value)
    if dead_letter.payload is None or is_sealed_topic(dead_letter.topic):
        return None
    return Original(dead_letter.key, dead_letter.payload)


def registered(kafka: KafkaConfig) -> frozenset[str]:
    """The ids of all devices in the registry."""
    return frozenset(
        key.decode(errors="replace")
        for key, record in latest_by_key(kafka, REGISTRY).items()
        if _is_read(record)
    )


def _is_read(record: LogRecord) -> bool:
    try:
        decode(record.value, RegistryDevice)
    except DecodeError:
        return False
    return True


def _record_at(kafka: KafkaConfig, place: RecordMetadata) -> LogRecord | None:
    """The record at a place, unless retention or compaction has removed it."""
    # If the broker does not know the end exactly, reading from a place behind the end would wait for it.
    start = place.offset if kafka.capabilities.exact_high_watermark else 0
    found = read(kafka, place.topic, place.partition, start, place.offset + 1)
    try:
        return next((record for record in found if record.offset == place.offset), None)
    except LogBroken:  # it was removed during the read
        return None
