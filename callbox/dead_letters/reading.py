"""Dead letters and their records, read from Kafka."""

from collections.abc import Iterator, Sequence

from callbox.dead_letters.ledger import Found, found_in, spelled
from callbox.dead_letters.retry import Original, kept
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import DeadLetterRefused, DecodeError, InputMissing, LogBroken
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, REGISTRY, dead_letter_topic
from schemas.units import EpochMs
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import RecordMetadata
from streams.kafka.reader import Follower, latest_by_key, read
from streams.kafka.record import LogRecord

_POLL_S = 0.2


def letter_records(kafka: KafkaConfig, topics: Sequence[str], since: EpochMs | None) -> Iterator[LogRecord]:
    """Everything in the dead-letter topics of some topics, up to their ends as of now.

    Args:
        kafka: The broker.
        topics: Whose dead letters.
        since: Only letters that were written then or later.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing, LogBroken: As `streams.kafka.reader`.
    """
    for topic in topics:
        with Follower(kafka, dead_letter_topic(topic), since_ms=since) as follower:
            while not follower.caught_up:
                yield from follower.poll(_POLL_S)


def letter_at(kafka: KafkaConfig, place: RecordMetadata) -> Found:
    """The letter at a place.

    Raises:
        InputMissing: There is none.
        DeadLetterRefused: What is there is no letter that this release can read.
        BrokerUnavailable, AccessDenied: As `streams.kafka.reader`.
    """
    record = _record_at(kafka, place)
    if record is None:
        raise InputMissing(f"{spelled(place)}: no letter is there, or no longer: callbox dlq list")
    try:
        return found_in(record)
    except DecodeError as error:
        raise DeadLetterRefused(f"{spelled(place)} is no letter that this release can read") from error


def original_of(kafka: KafkaConfig, letter: DeadLetter) -> Original | None:
    """The record of a letter: from the letter, or else from where it lay; None where it is gone."""
    if (whole := kept(letter)) is not None:
        return whole
    record = _record_at(kafka, RecordMetadata(letter.topic, letter.partition, letter.offset))
    if record is not None and record.timestamp_ms == letter.appended_at:  # else the topic was made anew since
        return Original(record.key, record.value)
    if letter.payload is None or BY_NAME[letter.topic].sealed:
        return None
    return Original(letter.key, letter.payload)


def registered(kafka: KafkaConfig) -> frozenset[str]:
    """The ids of the devices that the registry names."""
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
    """The record at a place, unless retention or compaction took it."""
    # Where the end is not known beforehand, a place behind it would be waited for.
    start = place.offset if kafka.capabilities.exact_high_watermark else 0
    found = read(kafka, place.topic, place.partition, start, place.offset + 1)
    try:
        return next((record for record in found if record.offset == place.offset), None)
    except LogBroken:  # it went while we were asking
        return None
