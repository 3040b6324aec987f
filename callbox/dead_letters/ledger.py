"""The ledger of dead letters: those that name the same record and cause are counted as one rejected record."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause, DecodeError
from schemas.topics import BY_NAME, dead_letter_topic, topic_named
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata
from streams.kafka.record import LogRecord

TOPICS_WITH_DEAD_LETTERS: Final = tuple(name for name in BY_NAME if dead_letter_topic(name) in BY_NAME)
"""Topics whose records can be rejected."""


class LocatedDeadLetter(NamedTuple):
    """A dead letter and its place.

    Attributes:
        place: Its own place, not that of its record.
        written_at: When it was written.
        dead_letter: Its content.
    """

    place: RecordMetadata
    written_at: EpochMs
    dead_letter: DeadLetter


class RejectedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was rejected for one cause, with all of its dead letters.

    A bad record of the registry is rejected by each worker that reads the registry, and again at each start.

    Attributes:
        place: Where the newest dead letter lies.
        first: Where the first one lies.
        dead_letters: How many there are; `letters` in JSON.
        workers: The workers that wrote them, sorted.
        topic: Topic of the record.
        partition: Its partition.
        offset: Its offset.
        appended_at: Its time stamp.
        cause: Why it was rejected.
        first_at: When the first dead letter was written.
        newest_at: When the newest one was written.
    """

    place: str
    first: str
    dead_letters: int = msgspec.field(name="letters")
    workers: tuple[str, ...]
    topic: str
    partition: int
    offset: int
    appended_at: EpochMs
    cause: Cause
    first_at: EpochMs
    newest_at: EpochMs


class CauseCount(NamedTuple):
    """How many records of a topic one group of workers rejected for one cause."""

    topic: str
    cause: Cause
    workers: tuple[str, ...]
    records: int
    dead_letters: int
    newest_at: EpochMs


class Ledger(NamedTuple):
    """All rejected records.

    Attributes:
        records: The rejected records, newest first.
        unreadable: How many dead letters this release cannot decode.
    """

    records: tuple[RejectedRecord, ...]
    unreadable: int


def base_topic(topic: str) -> str:
    """The topic that a topic of dead letters belongs to; any other name is returned unchanged."""
    return topic.removesuffix(dead_letter_topic(""))


def parse_place(text: str) -> RecordMetadata:
    """Parse the place of a dead letter.

    Raises:
        ValueError: It is not a place; the text says what is allowed.
    """
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if topic not in map(dead_letter_topic, TOPICS_WITH_DEAD_LETTERS) or not (
        _is_number(partition) and _is_number(offset)
    ):
        raise ValueError(
            f"{text!r} is no place of a dead letter: TOPIC.dlq/PARTITION/OFFSET, as `callbox dlq list` names them"
        )
    return RecordMetadata(topic, int(partition), int(offset))


def format_place(place: RecordMetadata) -> str:
    """A place as people type it."""
    return f"{place.topic}/{place.partition}/{place.offset}"


def dead_letter_in(record: LogRecord) -> LocatedDeadLetter:
    """The dead letter in a record of a topic of dead letters.

    Raises:
        DecodeError: This release cannot decode it.
    """
    place = RecordMetadata(record.topic, record.partition, record.offset)
    return LocatedDeadLetter(place, record.timestamp_ms, decode(record.value, DeadLetter))


def is_sealed(found: LocatedDeadLetter) -> bool:
    """Whether nothing of the record may be shown: its topic is sealed, or the dead letter is in a wrong topic."""
    topic = topic_named(found.dead_letter.topic)
    return topic is None or topic.sealed or found.place.topic != dead_letter_topic(topic.name)


def ledger(records: Iterable[LogRecord]) -> Ledger:
    """Group dead letters by record and cause.

    Args:
        records: Records of topics of dead letters, in order within each partition.
    """
    known: dict[tuple[str, int, int, EpochMs, Cause], RejectedRecord] = {}
    unreadable = 0
    for record in records:
        try:
            found = dead_letter_in(record)
        except DecodeError:
            unreadable += 1
            continue
        said = identity(found.dead_letter)
        earlier = known.get(said)
        known[said] = _first(found) if earlier is None else _once_more(earlier, found)
    newest_first = sorted(known.values(), key=lambda given: given.newest_at, reverse=True)
    return Ledger(tuple(newest_first), unreadable)


def count_by_cause(records: Iterable[RejectedRecord]) -> list[CauseCount]:
    """Count rejected records by topic, cause and group of workers."""
    found: dict[tuple[str, Cause, tuple[str, ...]], CauseCount] = {}
    for given in records:
        about = (given.topic, given.cause, given.workers)
        known = found.get(about, CauseCount(*about, 0, 0, EpochMs(0)))
        found[about] = known._replace(
            records=known.records + 1,
            dead_letters=known.dead_letters + given.dead_letters,
            newest_at=max(known.newest_at, given.newest_at),
        )
    return [found[about] for about in sorted(found)]


def identity(dead_letter: DeadLetter) -> tuple[str, int, int, EpochMs, Cause]:
    """Equal for dead letters of one record and cause; the time differs for a record of a topic that was re-created."""
    return (
        dead_letter.topic,
        dead_letter.partition,
        dead_letter.offset,
        dead_letter.appended_at,
        dead_letter.cause,
    )


def _first(found: LocatedDeadLetter) -> RejectedRecord:
    dead_letter, place = found.dead_letter, format_place(found.place)
    return RejectedRecord(
        place=place,
        first=place,
        dead_letters=1,
        workers=(dead_letter.worker,),
        topic=dead_letter.topic,
        partition=dead_letter.partition,
        offset=dead_letter.offset,
        appended_at=dead_letter.appended_at,
        cause=dead_letter.cause,
        first_at=found.written_at,
        newest_at=found.written_at,
    )


def _once_more(given: RejectedRecord, found: LocatedDeadLetter) -> RejectedRecord:
    return replace(
        given,
        place=format_place(found.place),
        dead_letters=given.dead_letters + 1,
        workers=tuple(sorted({*given.workers, found.dead_letter.worker})),
        newest_at=max(given.newest_at, found.written_at),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
