"""Dead letters: a record keeps its place and its cause; of a sealed topic's record nothing else is kept."""

import pytest
import structlog

from schemas.avro_schemas import schema_of
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.topics import CATALOGUE, PILLAR_EVENTS, dead_letter_topic
from streams.kafka.dead_letters import MOST_DETAIL, MOST_KEY, MOST_PAYLOAD, make_dead_letter
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from tests.support.fakes import World
from tests.support.log_records import ms

CANARY = b"B\xc3\x8412345"
SEALED = [topic.name for topic in CATALOGUE if topic.sealed]
MAX_LETTER = 2 << 20
OURS = schema_of(PillarEvent).header
"""A damaged event of a pillar: a press may be in it, so it is kept."""


def record(topic: str, *, key: bytes | None = b"P1", value: bytes | None = OURS) -> LogRecord:
    return LogRecord(topic, 3, 17, ms(5), key, value)


def rejected(given: LogRecord, detail: str | None = "found this") -> ProducerRecord:
    return make_dead_letter(given, Cause.UNDECODABLE, detail, "alarms")


def letter(outgoing: ProducerRecord) -> DeadLetter:
    return decode(outgoing.value, DeadLetter)


def test_a_dead_letter_keeps_place_time_cause_and_content() -> None:
    outgoing = rejected(record(PILLAR_EVENTS))
    assert (outgoing.topic, outgoing.key) == (dead_letter_topic(PILLAR_EVENTS), b"P1")
    assert letter(outgoing) == DeadLetter(
        topic=PILLAR_EVENTS,
        partition=3,
        offset=17,
        appended_at=ms(5),
        cause=Cause.UNDECODABLE,
        detail="found this",
        key=b"P1",
        payload=OURS,
        worker="alarms",
    )


def test_a_tombstone_and_a_missing_key_can_be_rejected() -> None:
    found = letter(rejected(record(PILLAR_EVENTS, key=None, value=None), detail=None))
    assert (found.key, found.payload, found.detail) == (None, None, None)


def test_there_are_sealed_topics() -> None:
    assert {"camera.frame.v1", "checkpoint.plate-read.v1", "vehicle.hotlist.v1"} <= set(SEALED)


@pytest.mark.parametrize("topic", SEALED)
def test_a_sealed_record_leaves_no_key_no_payload_and_no_text(topic: str) -> None:
    with structlog.testing.capture_logs() as lines:
        outgoing = World("plates").context.reject(
            record(topic, key=CANARY, value=CANARY), Cause.UNDECODABLE, CANARY.decode()
        )
    found = letter(outgoing)
    assert (found.key, found.payload, found.detail) == (None, None, None)
    assert outgoing.key is None
    assert CANARY not in (outgoing.value or b"")
    assert CANARY.decode() not in repr(lines)
    assert (found.topic, found.partition, found.offset, found.cause) == (topic, 3, 17, Cause.UNDECODABLE)


def test_it_is_counted_by_topic_and_cause() -> None:
    world = World("alarms")
    world.context.reject(record(PILLAR_EVENTS), Cause.UNDECODABLE)
    assert world.count("callbox_dead_letters_total", topic=PILLAR_EVENTS, cause="undecodable") == 1


@pytest.mark.parametrize(
    ("key", "value", "detail"),
    [
        (b"k", OURS + b"x" * (10 << 20), "short"),
        (b"k" * (1 << 20), OURS, "short"),
        (b"k" * (1 << 20), OURS + b"x" * (1 << 20), repr("\0" * (1 << 20))),
    ],
)
def test_a_dead_letter_always_fits_its_topic(key: bytes, value: bytes, detail: str) -> None:
    """One that the broker refuses would stop the worker at this record for ever."""
    outgoing = rejected(record(PILLAR_EVENTS, key=key, value=value), detail)
    assert len(outgoing.value or b"") + len(outgoing.key or b"") < MAX_LETTER


def test_content_is_kept_whole_or_not_at_all() -> None:
    fits = letter(
        rejected(record(PILLAR_EVENTS, key=b"k" * MOST_KEY, value=OURS + b"x" * (MOST_PAYLOAD - len(OURS))))
    )
    assert (len(fits.key or b""), len(fits.payload or b"")) == (MOST_KEY, MOST_PAYLOAD)
    too_large = letter(
        rejected(record(PILLAR_EVENTS, key=b"k" * (MOST_KEY + 1), value=OURS + b"x" * MOST_PAYLOAD))
    )
    assert (too_large.key, too_large.payload) == (None, None)


def test_a_long_detail_is_cut() -> None:
    assert len(letter(rejected(record(PILLAR_EVENTS), "d" * 10_000)).detail or "") == MOST_DETAIL
