"""Whether the record of a dead letter may be sent again, and as what.

    letter ─► its record: in the letter, or read again at its place ─► nothing there          gone
                                                                    ─► it would come back     refused, or --force
                                                                    ─► else                   sent

A letter stays where it is: its topic is only ever appended to.
"""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec.structs import replace

from callbox.dead_letters.ledger import Found, spelled
from callbox.terminal.times import format_span
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import read_entry
from processors.intake.ack import ack_input
from processors.intake.pillar_event import intake
from schemas.ack import Acknowledgement
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import PillarFact
from schemas.topics import (
    ACKS,
    BY_NAME,
    FRAMES,
    FUSION_INPUT,
    PILLAR_EVENTS,
    PLATE_READS,
    Cleanup,
    dead_letter_topic,
)
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord, RecordMetadata

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


class Original(NamedTuple):
    """The record that was given up, as it was written."""

    key: bytes | None
    value: bytes | None


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
    outgoing: ProducerRecord | None = None


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
    value, words = original.value, why or ""
    if letter.topic == PILLAR_EVENTS:
        words = words or _age_warning(value, letter.appended_at, now)
        value = with_its_id(value, letter.appended_at, now)
    # Without a key there is nothing to choose a partition by; an empty one names none (ticks, policies).
    partition = None if original.key else letter.partition
    return Judgement(Fate.SENT, words, ProducerRecord(letter.topic, original.key, value, partition))


def with_its_id(value: bytes | None, appended_at: EpochMs, now: EpochMs) -> bytes | None:
    """The same bytes, where intake gives them the id that it gave the original; else the event with that id in it.

    The id of an event that names neither itself nor its number may hang on when it was appended, since that says
    whether its clock can be trusted (processors/intake/pillar_event.py).
    """
    original, again = _taken_in(value, appended_at), _taken_in(value, now)
    if original is None or again is None or original.event_id == again.event_id:
        return value
    return encode(replace(decode(value, PillarEvent), event_id=original.event_id))


def _age_warning(value: bytes | None, appended_at: EpochMs, now: EpochMs) -> str:
    original, again = _taken_in(value, appended_at), _taken_in(value, now)
    if original is None or again is None or original.clock_suspect or not again.clock_suspect:
        return ""
    return "it is so old that intake takes it for one of now, as clock_suspect"


def _taken_in(value: bytes | None, at: EpochMs) -> PillarFact | None:
    """What intake makes of a pillar's event, or None where it fails."""
    try:
        return intake(decode(value, PillarEvent), at)
    except Exception:  # noqa: BLE001 - it may be sent by force, whatever it is
        return None


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
    place = spelled(RecordMetadata(letter.topic, letter.partition, letter.offset))
    return (
        f"{place} is no longer there (its topic keeps records for {format_span(retention_ms)}) and the letter does "
        "not hold it: nothing is sent"
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
