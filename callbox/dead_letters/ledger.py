"""Which dead letters there are, and which of them tell of one record."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause, DecodeError
from schemas.topics import BY_NAME, dead_letter_topic
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata
from streams.kafka.record import LogRecord

LETTER_TOPICS: Final = tuple(name for name in BY_NAME if dead_letter_topic(name) in BY_NAME)
"""The topics that have dead letters."""


class Found(NamedTuple):
    """A letter where it lies.

    Attributes:
        place: Its own place, not that of its record.
        written_at: When.
        letter: What it says.
    """

    place: RecordMetadata
    written_at: EpochMs
    letter: DeadLetter


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was given up for one cause, however often that was said of it.

    A bad record of the registry is given up by each worker that follows it, and again at each start.

    Attributes:
        place: Of the newest letter.
        first: Of the first one.
        letters: How many there are.
        workers: Who wrote them, sorted.
        topic: Where the record lay.
        partition: Its partition.
        offset: Its offset.
        appended_at: Its time stamp.
        cause: Why.
        first_at: When the first letter was written.
        newest_at: When the newest one was.
    """

    place: str
    first: str
    letters: int
    workers: tuple[str, ...]
    topic: str
    partition: int
    offset: int
    appended_at: EpochMs
    cause: Cause
    first_at: EpochMs
    newest_at: EpochMs


class Count(NamedTuple):
    """How many records one group of workers gave up for one cause."""

    topic: str
    cause: Cause
    workers: tuple[str, ...]
    records: int
    letters: int
    newest_at: EpochMs


class Ledger(NamedTuple):
    """What the letters tell.

    Attributes:
        records: Newest first.
        unreadable: How many letters nobody can read.
    """

    records: tuple[GivenUp, ...]
    unreadable: int


def base_topic(letter_topic: str) -> str:
    """The topic whose dead letters these are; any other name stays as it is."""
    return letter_topic.removesuffix(dead_letter_topic(""))


def place_of(text: str) -> RecordMetadata:
    """Read the place of a letter.

    Raises:
        ValueError: It is none. The text says what is allowed.
    """
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if topic not in map(dead_letter_topic, LETTER_TOPICS) or not (
        _is_number(partition) and _is_number(offset)
    ):
        raise ValueError(
            f"{text!r} is no place of a dead letter: TOPIC.dlq/PARTITION/OFFSET, as `callbox dlq list` names them"
        )
    return RecordMetadata(topic, int(partition), int(offset))


def spelled(place: RecordMetadata) -> str:
    """A place as people type it."""
    return f"{place.topic}/{place.partition}/{place.offset}"


def found_in(record: LogRecord) -> Found:
    """The letter that a record of a dead-letter topic holds.

    Raises:
        DecodeError: It is none that this release knows.
    """
    place = RecordMetadata(record.topic, record.partition, record.offset)
    return Found(place, record.timestamp_ms, decode(record.value, DeadLetter))


def is_sealed(found: Found) -> bool:
    """Whether nothing of the record may be shown; also where a letter is not where it belongs."""
    topic = BY_NAME.get(found.letter.topic)
    return topic is None or topic.sealed or found.place.topic != dead_letter_topic(topic.name)


def ledger(records: Iterable[LogRecord]) -> Ledger:
    """Group letters by the record that they tell of.

    Args:
        records: Of dead-letter topics, in order within each partition.
    """
    known: dict[tuple[str, int, int, EpochMs, Cause], GivenUp] = {}
    unreadable = 0
    for record in records:
        try:
            found = found_in(record)
        except DecodeError:
            unreadable += 1
            continue
        said = identity(found.letter)
        earlier = known.get(said)
        known[said] = _first(found) if earlier is None else _once_more(earlier, found)
    newest_first = sorted(known.values(), key=lambda given: given.newest_at, reverse=True)
    return Ledger(tuple(newest_first), unreadable)


def counts(records: Iterable[GivenUp]) -> list[Count]:
    """How many there are of each topic, cause and group of workers."""
    found: dict[tuple[str, Cause, tuple[str, ...]], Count] = {}
    for given in records:
        about = (given.topic, given.cause, given.workers)
        known = found.get(about, Count(*about, 0, 0, EpochMs(0)))
        found[about] = known._replace(
            records=known.records + 1,
            letters=known.letters + given.letters,
            newest_at=max(known.newest_at, given.newest_at),
        )
    return [found[about] for about in sorted(found)]


def identity(letter: DeadLetter) -> tuple[str, int, int, EpochMs, Cause]:
    """Equal for letters of one record and cause; the time tells the records of a re-created topic apart."""
    return letter.topic, letter.partition, letter.offset, letter.appended_at, letter.cause


def _first(found: Found) -> GivenUp:
    letter, place = found.letter, spelled(found.place)
    return GivenUp(
        place=place,
        first=place,
        letters=1,
        workers=(letter.worker,),
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        appended_at=letter.appended_at,
        cause=letter.cause,
        first_at=found.written_at,
        newest_at=found.written_at,
    )


def _once_more(given: GivenUp, found: Found) -> GivenUp:
    return replace(
        given,
        place=spelled(found.place),
        letters=given.letters + 1,
        workers=tuple(sorted({*given.workers, found.letter.worker})),
        newest_at=max(given.newest_at, found.written_at),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
