"""Dead letters for tests: what could not be used, as it lies, as it is found, and what is judged of it."""

from collections.abc import Iterable

from msgspec.structs import replace

from callbox.dead_letters.ledger import LocatedDeadLetter
from callbox.dead_letters.retry import Original, RetryDecision, decide_retry, record_kept_in
from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.topics import PILLAR_EVENTS, dead_letter_topic
from schemas.units import DAY_MS, EpochMs
from streams.kafka.producer import RecordMetadata
from streams.kafka.record import LogRecord
from tests.support.log_records import ms

KNOWN = frozenset({"P1", "C1", "K1"})
LATER = EpochMs(ms(0) + 3 * DAY_MS)


def event(kind: PillarKind = PillarKind.TAMPER, **fields: object) -> PillarEvent:
    given = PillarEvent(device_id="P1", kind=kind, occurred_at=ms(0), received_at=ms(0), event_id="e1")
    return replace(given, **fields)


def dead_letter(
    payload: bytes | None = None,
    *,
    topic: str = PILLAR_EVENTS,
    key: bytes | None = b"P1",
    cause: Cause = Cause.UNKNOWN_DEVICE,
    offset: int = 17,
    at: EpochMs | None = None,
    worker: str = "alarms",
) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=3,
        offset=offset,
        appended_at=ms(0) if at is None else at,
        cause=cause,
        detail=None,
        key=key,
        payload=payload,
        worker=worker,
    )


def found(given: DeadLetter, *, offset: int = 0, topic: str | None = None) -> LocatedDeadLetter:
    return LocatedDeadLetter(RecordMetadata(topic or dead_letter_topic(given.topic), 0, offset), ms(9), given)


def lying(*dead_letters: DeadLetter | bytes) -> list[LogRecord]:
    """Letters one second after another."""
    return [
        LogRecord(
            dead_letter_topic(PILLAR_EVENTS if isinstance(each, bytes) else each.topic),
            0,
            offset,
            ms(offset),
            None,
            each if isinstance(each, bytes) else encode(each),
        )
        for offset, each in enumerate(dead_letters)
    ]


def decided(
    given: DeadLetter,
    *,
    original: Original | None = None,
    devices: Iterable[str] = KNOWN,
    now: EpochMs = LATER,
    force: bool = False,
) -> RetryDecision:
    return decide_retry(found(given), original or record_kept_in(given), frozenset(devices), now, force=force)
