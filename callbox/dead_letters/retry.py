"""Whether the record of a dead letter may be sent again, and in which form.

    dead letter ─► its record: in it, or read again at its place ─► not there any more           gone
                                                                 ─► it would be rejected again   refused, or --force
                                                                 ─► else                         sent

The dead letter stays in its topic, which is append-only.
"""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec.structs import replace

from callbox.dead_letters.ledger import LocatedDeadLetter, format_place
from callbox.terminal.times import format_span
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import read_entry
from processors.intake.ack import ack_input
from processors.intake.pillar_event import intake, record_place
from schemas.ack import Acknowledgement
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import PillarFact
from schemas.strays import holds_sealed
from schemas.topics import (
    ACKS,
    FRAMES,
    FUSION_INPUT,
    PILLAR_EVENTS,
    PLATE_READS,
    Cleanup,
    base_of,
    dead_letter_topic,
    is_sealed_topic,
    topic_named,
)
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord, RecordMetadata

NEEDS_REGISTERED_DEVICE: Final = frozenset({PILLAR_EVENTS, FRAMES, PLATE_READS})
"""Topics whose records are rejected if the registry does not name their device."""

UNFIXABLE_CAUSES: Final = frozenset(
    {
        Cause.PICTURE_EMPTY,
        Cause.PICTURE_NOT_JPEG,
        Cause.PICTURE_TRUNCATED,
        Cause.PICTURE_TOO_LARGE,
        Cause.PICTURE_TOO_COMPLEX,
        Cause.PICTURE_UNSUPPORTED,
        Cause.PLATE_TEXT_INVALID,
    }
)
"""A record with one of these causes would be rejected again, whatever the registry or the release."""

_ENVELOPE_BYTES: Final = 256  # Kafka's batch and record headers have about 80


DEADLY_CAUSES: Final = frozenset({Cause.QUARANTINED, Cause.SKIPPED})
"""Workers died of a record with one of these causes, or a person had it passed: it is not even decoded here."""


class Original(NamedTuple):
    """The rejected record, as it was written."""

    key: bytes | None
    value: bytes | None


class RetryResult(StrEnum):
    """What becomes of a record for which a retry was asked."""

    SENT = "sent"
    REFUSED = "refused"
    GONE = "gone"


class RetryDecision(NamedTuple):
    """The decision about one dead letter.

    Attributes:
        result: What becomes of its record.
        words: Why, for people; nothing of the record is in it.
        outgoing: The record to send, or None.
    """

    result: RetryResult
    words: str
    outgoing: ProducerRecord | None = None


def record_kept_in(dead_letter: DeadLetter) -> Original | None:
    """The record in a dead letter; None if it does not have all of it: sealed, too large, without a key."""
    if dead_letter.payload is None or dead_letter.key is None or is_sealed_topic(dead_letter.topic):
        return None
    return Original(dead_letter.key, dead_letter.payload)


def refused_for_good(found: LocatedDeadLetter) -> str | None:
    """Why the record of a dead letter is never sent again, whatever it is; None if it may be."""
    topic = topic_named(found.dead_letter.topic)
    if topic is None or found.place.topic != dead_letter_topic(topic.name):
        return "the letter names a topic that it does not belong to"
    if topic.cleanup is Cleanup.COMPACT:
        return (
            f"{topic.name} holds the newest record of each key, and an old one would take the place of a newer one. "
            "Every worker reads all of it when it starts; mend it with `callbox registry apply` or "
            "`callbox hotlist apply`"
        )
    return None


def decide_retry(
    found: LocatedDeadLetter,
    original: Original | None,
    devices: Collection[str],
    now: EpochMs,
    *,
    force: bool,
) -> RetryDecision:
    """Decide about one dead letter that `refused_for_good` lets pass.

    Args:
        found: The dead letter.
        original: Its record, or None if it is no longer available.
        devices: The devices in the registry; used for the topics in `NEEDS_REGISTERED_DEVICE`.
        now: The time of the retry.
        force: Send it even if it would be rejected again.
    """
    dead_letter = found.dead_letter
    if original is None:
        return RetryDecision(RetryResult.GONE, _gone(dead_letter))
    if original.value is not None and not is_sealed_topic(dead_letter.topic) and holds_sealed(original.value):
        return RetryDecision(
            RetryResult.REFUSED,
            f"a sealed record strayed to {_place_of(dead_letter)} and lies there {_as_long(dead_letter)}; it is never "
            "sent again to this topic, and whoever sent it sends it to its own",
        )
    if not _fits(original, dead_letter.topic):
        return RetryDecision(
            RetryResult.REFUSED, f"it is larger than {dead_letter.topic} takes: it came in compressed"
        )
    why = _obstacle(dead_letter, original.value, devices)
    if why is not None and dead_letter.payload is None:
        why += f"; the letter holds nothing of it, and it lies at {_place_of(dead_letter)} {_as_long(dead_letter)}"
    if why is not None and not force:
        return RetryDecision(
            RetryResult.REFUSED, f"it would come back: {why} (--force sends it all the same)"
        )
    value, words = original.value, why or ""
    if base_of(dead_letter.topic) == PILLAR_EVENTS:
        words = words or _age_warning(value, dead_letter.appended_at, now)
        place = record_place(dead_letter.topic, dead_letter.partition, dead_letter.offset)
        value = with_original_id(value, dead_letter.appended_at, now, place=place)
    # A record without a key, or with an empty one (ticks, policies), goes to the partition that it was in.
    partition = None if original.key else dead_letter.partition
    return RetryDecision(
        RetryResult.SENT, words, ProducerRecord(dead_letter.topic, original.key, value, partition)
    )


def with_original_id(
    value: bytes | None, appended_at: EpochMs, now: EpochMs, *, place: str = ""
) -> bytes | None:
    """The same bytes if intake gives them the id that the original had; else the event with that id in it.

    Where received_at is impossible, the id that intake derives names the record's place
    (processors/intake/pillar_event.py), and the record has another place when it is sent again.

    Args:
        value: The bytes.
        appended_at: When the original was appended.
        now: The time of the retry.
        place: The topic, partition and offset of the original.
    """
    original, again = _fact_of(value, appended_at, place), _fact_of(value, now)
    if original is None or again is None or original.event_id == again.event_id:
        return value
    return encode(replace(decode(value, PillarEvent), event_id=original.event_id))


def _age_warning(value: bytes | None, appended_at: EpochMs, now: EpochMs) -> str:
    original, again = _fact_of(value, appended_at), _fact_of(value, now)
    if original is None or again is None or original.clock_suspect or not again.clock_suspect:
        return ""
    return "it is so old that intake takes it for one of now, as clock_suspect"


def _fact_of(value: bytes | None, at: EpochMs, place: str = "") -> PillarFact | None:
    """What intake makes of a pillar's event; None if it fails. Without a place the time stands for it."""
    try:
        return intake(decode(value, PillarEvent), at, place=place)
    except Exception:  # noqa: BLE001 - with --force anything may be sent
        return None


def _obstacle(dead_letter: DeadLetter, value: bytes | None, devices: Collection[str]) -> str | None:
    """Why a worker would reject the record again, as far as this release can tell."""
    if dead_letter.cause in UNFIXABLE_CAUSES:
        return f"{dead_letter.cause}, and neither the registry nor another release mends that"
    if dead_letter.cause in DEADLY_CAUSES:
        return f"{dead_letter.cause}: workers end at it until a release mends that"
    try:
        device_id = _DEVICE_OF[base_of(dead_letter.topic)](value, dead_letter.appended_at)
    except DecodeError as error:
        return f"this release does not read it either ({error.cause})"
    except Exception as error:  # noqa: BLE001 - the worker's rules may fail on it again
        return f"this release fails on it too ({type(error).__name__})"
    if device_id is not None and device_id not in devices:
        return "the registry does not name its device: callbox registry apply"
    return None


def _fits(original: Original, topic: str) -> bool:
    size = len(original.key or b"") + len(original.value or b"")
    known = topic_named(topic)
    return known is not None and size + _ENVELOPE_BYTES <= known.max_message_bytes


def _gone(dead_letter: DeadLetter) -> str:
    return (
        f"{_place_of(dead_letter)} is no longer there (its topic keeps records for {_keeps(dead_letter)}) and the "
        "letter does not hold it: nothing is sent"
    )


def _place_of(dead_letter: DeadLetter) -> str:
    return format_place(RecordMetadata(dead_letter.topic, dead_letter.partition, dead_letter.offset))


def _keeps(dead_letter: DeadLetter) -> str:
    topic = topic_named(dead_letter.topic)
    return format_span(0 if topic is None else topic.retention_ms or 0)


def _as_long(dead_letter: DeadLetter) -> str:
    return f"as long as the topic keeps it ({_keeps(dead_letter)})"


def _pillar(value: bytes | None, appended_at: EpochMs) -> str | None:
    event = decode(value, PillarEvent)
    intake(event, appended_at)
    return (
        None if event.kind is PillarKind.PRESS else event.device_id
    )  # a press of an unregistered device is accepted


def _frame(value: bytes | None, _appended_at: EpochMs) -> str:
    return decode(value, CameraFrame).camera_id


def _plate_read(value: bytes | None, _appended_at: EpochMs) -> str:
    return decode(value, PlateRead).checkpoint_id


def _ack(value: bytes | None, appended_at: EpochMs) -> None:
    ack_input(decode(value, Acknowledgement), appended_at)


def _of_the_log(value: bytes | None, appended_at: EpochMs) -> None:
    read_entry(LogEntry(0, appended_at, None, value))


_DEVICE_OF: Final[Mapping[str, Callable[[bytes | None, EpochMs], str | None]]] = {
    PILLAR_EVENTS: _pillar,
    FRAMES: _frame,
    PLATE_READS: _plate_read,
    ACKS: _ack,
    FUSION_INPUT: _of_the_log,
}
"""Decode a record as its worker would; return the device that the registry must name, if any."""
