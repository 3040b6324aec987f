"""What is decided about dead letters: which of them are one record, and whether it may be sent again.

    letter ─► its record: in the letter, or read again at its place ─► nothing there          gone
                                                                    ─► it would come back     refused, or --force
                                                                    ─► else                   sent

A letter stays where it is: its topic is only ever appended to.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from callbox.times import format_span
from processors.acknowledgements import ack_input
from processors.entry import LogEntry
from processors.incidents import read_entry
from processors.pillars import intake
from schemas.acks import Acknowledgement
from schemas.catalogue import (
    ACKS,
    BY_NAME,
    FRAMES,
    FUSION_INPUT,
    PILLAR_EVENTS,
    PLATE_READS,
    Cleanup,
    dead_letter_topic,
)
from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.letters import DeadLetter
from schemas.units import EpochMs
from streams.delivery import Outgoing, Place
from streams.records import LogRecord

LETTER_TOPICS: Final = tuple(name for name in BY_NAME if dead_letter_topic(name) in BY_NAME)
"""The topics that have dead letters."""

BY_DEVICE: Final = frozenset({PILLAR_EVENTS, FRAMES, PLATE_READS})
"""Here the registry must know who speaks."""

BEYOND_MENDING: Final = frozenset(
    {
        Cause.PICTURE_EMPTY,
        Cause.PICTURE_NOT_JPEG,
        Cause.PICTURE_TRUNCATED,
        Cause.PICTURE_TOO_LARGE,
        Cause.PLATE_TEXT_INVALID,
    }
)
"""Neither a registry nor another release makes these records better."""


_ENVELOPE_BYTES: Final = 256  # Kafka's batch and record headers have about 80


class Found(NamedTuple):
    """A letter where it lies.

    Attributes:
        place: Its own place, not that of its record.
        written_at: When.
        letter: What it says.
    """

    place: Place
    written_at: EpochMs
    letter: DeadLetter


class Original(NamedTuple):
    """The record that was given up, as it was written."""

    key: bytes | None
    value: bytes | None


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


class Fate(StrEnum):
    """What becomes of a record that is to be sent again."""

    SENT = "sent"
    REFUSED = "refused"
    GONE = "gone"


class Judgement(NamedTuple):
    """What is decided about one letter.

    Attributes:
        fate: What becomes of it.
        words: Why, for people; nothing of the record is in it.
        outgoing: What is to be sent, or None.
    """

    fate: Fate
    words: str
    outgoing: Outgoing | None = None


def base_topic(letter_topic: str) -> str:
    """The topic whose dead letters these are; any other name stays as it is."""
    return letter_topic.removesuffix(dead_letter_topic(""))


def place_of(text: str) -> Place:
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
    return Place(topic, int(partition), int(offset))


def spelled(place: Place) -> str:
    """A place as people type it."""
    return f"{place.topic}/{place.partition}/{place.offset}"


def found_in(record: LogRecord) -> Found:
    """The letter that a record of a dead-letter topic holds.

    Raises:
        DecodeError: It is none that this release knows.
    """
    place = Place(record.topic, record.partition, record.offset)
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


def kept(letter: DeadLetter) -> Original | None:
    """The record as the letter has it; None where that is not all of it: sealed, too large, without a key."""
    if letter.payload is None or letter.key is None or BY_NAME[letter.topic].sealed:
        return None
    return Original(letter.key, letter.payload)


def never(found: Found) -> str | None:
    """Why a letter is never sent again, whatever it holds; None where it may be."""
    topic = BY_NAME.get(found.letter.topic)
    if topic is None or found.place.topic != dead_letter_topic(topic.name):
        return "the letter names a topic that it does not belong to"
    if topic.cleanup is Cleanup.COMPACT:
        return (
            f"{topic.name} holds the newest record of each key, and an old one would take the place of a newer one. "
            "Every worker reads all of it when it starts; mend it with `callbox registry apply` or "
            "`callbox hotlist apply`"
        )
    return None


def judge(
    found: Found, original: Original | None, devices: Collection[str], now: EpochMs, *, force: bool
) -> Judgement:
    """Decide about one letter that `never` does not refuse.

    Args:
        found: The letter.
        original: Its record, or None where that is no longer to be had.
        devices: What the registry names; used for topics of `BY_DEVICE`.
        now: The time of the second attempt.
        force: Send it also where it would come back.
    """
    letter = found.letter
    if original is None:
        return Judgement(Fate.GONE, _gone(letter))
    if not _fits(original, letter.topic):
        return Judgement(Fate.REFUSED, f"it is larger than {letter.topic} takes: it came in compressed")
    why = _obstacle(letter, original.value, devices)
    if why is not None and not force:
        return Judgement(Fate.REFUSED, f"it would come back: {why} (--force sends it all the same)")
    value = (
        with_its_id(original.value, letter.appended_at, now)
        if letter.topic == PILLAR_EVENTS
        else original.value
    )
    # Without a key there is nothing to choose a partition by; an empty one names none (ticks, policies).
    partition = None if original.key else letter.partition
    return Judgement(Fate.SENT, why or "", Outgoing(letter.topic, original.key, value, partition))


def with_its_id(value: bytes | None, appended_at: EpochMs, now: EpochMs) -> bytes | None:
    """The same bytes, where intake gives them the id that it gave the original; else the event with that id in it.

    The id of an event that names neither itself nor its number may hang on when it was appended, since that says
    whether its clock can be trusted (processors/pillars.py).
    """
    try:
        event = decode(value, PillarEvent)
        named = intake(event, appended_at).event_id
        is_same = intake(event, now).event_id == named
    except Exception:  # noqa: BLE001 - it is sent by force, whatever it is
        return value
    return value if is_same else encode(replace(event, event_id=named))


def _obstacle(letter: DeadLetter, value: bytes | None, devices: Collection[str]) -> str | None:
    """Why a worker would give the record up again, as far as this release can tell."""
    if letter.cause in BEYOND_MENDING:
        return f"{letter.cause}, and neither the registry nor another release mends that"
    try:
        device_id = _SPEAKERS[letter.topic](value, letter.appended_at)
    except DecodeError as error:
        return f"this release does not read it either ({error.cause})"
    except Exception as error:  # noqa: BLE001 - the worker's rules may fail on it as they did before
        return f"this release fails on it too ({type(error).__name__})"
    if device_id is not None and device_id not in devices:
        return "the registry does not name its device: callbox registry apply"
    return None


def _fits(original: Original, topic: str) -> bool:
    size = len(original.key or b"") + len(original.value or b"")
    return size + _ENVELOPE_BYTES <= BY_NAME[topic].max_message_bytes


def _gone(letter: DeadLetter) -> str:
    retention_ms = BY_NAME[letter.topic].retention_ms or 0
    place = spelled(Place(letter.topic, letter.partition, letter.offset))
    return (
        f"{place} is no longer there (its topic keeps records for {format_span(retention_ms)}) and the letter does "
        "not hold it: nothing is sent"
    )


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


def _pillar(value: bytes | None, appended_at: EpochMs) -> str | None:
    event = decode(value, PillarEvent)
    intake(event, appended_at)
    return None if event.kind is PillarKind.PRESS else event.device_id  # a stranger's press is heard


def _frame(value: bytes | None, _appended_at: EpochMs) -> str:
    return decode(value, CameraFrame).camera_id


def _plate_read(value: bytes | None, _appended_at: EpochMs) -> str:
    return decode(value, PlateRead).checkpoint_id


def _ack(value: bytes | None, appended_at: EpochMs) -> None:
    ack_input(decode(value, Acknowledgement), appended_at)


def _of_the_log(value: bytes | None, appended_at: EpochMs) -> None:
    read_entry(LogEntry(0, appended_at, None, value))


_SPEAKERS: Final[Mapping[str, Callable[[bytes | None, EpochMs], str | None]]] = {
    PILLAR_EVENTS: _pillar,
    FRAMES: _frame,
    PLATE_READS: _plate_read,
    ACKS: _ack,
    FUSION_INPUT: _of_the_log,
}
"""Read a record as its worker would, and name the device that the registry must know, if any."""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
