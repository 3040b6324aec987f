"""Records where they do not belong, sent by a gateway, a reader or a worker that was set up wrongly or is hostile.

A plate read in the pillar topic, or in a form that nobody reads, leaves nothing but its place: not in a dead letter,
not on a terminal, not in a line of the log (docs/privacy.md). A damaged event of a pillar keeps its bytes: a press may
be in it.
"""

import json
from collections.abc import Iterator

import msgspec
import pytest
import structlog
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from callbox.dead_letters.ledger import LocatedDeadLetter
from callbox.dead_letters.lines import dead_letter_details, view_of
from callbox.dead_letters.retry import Original, RetryResult, decide_retry, record_kept_in
from callbox.terminal.record_json import as_line
from schemas.avro_schemas import earlier_schemas_of, schema_of
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enums import InputKind, PillarKind, Purpose
from schemas.errors import Cause
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.fusion_log import FusionInput
from schemas.hotlist import HotlistEntry
from schemas.strays import SEALED_RECORDS, holds_sealed, may_be_kept, named_schema
from schemas.topics import ACKS, BY_NAME, FUSION_INPUT, PILLAR_EVENTS, REGISTRY, dead_letter_topic
from streams.kafka.producer import RecordMetadata
from streams.kafka.record import LogRecord
from tests.support.fakes import World
from tests.support.log_records import ms

PLATE = "鲁Q7X2M9"
KEY = PLATE.encode()
OPEN = [PILLAR_EVENTS, ACKS, REGISTRY, FUSION_INPUT]


def read(**fields: object) -> PlateRead:
    given = PlateRead(checkpoint_id=PLATE, occurred_at=ms(0), received_at=ms(0), plate_text=PLATE)
    return replace(given, **fields)


def in_envelope(payload: bytes, event_id: str = "e") -> bytes:
    return encode(FusionInput(kind=InputKind.VERIFIED_HIT, event_id=event_id, zone="north", payload=payload))


def in_letter(payload: bytes) -> bytes:
    """A dead letter that strayed, such as one of an earlier release that was copied by a mirror."""
    return encode(
        DeadLetter(
            topic=PILLAR_EVENTS,
            partition=0,
            offset=1,
            appended_at=ms(0),
            cause=Cause.UNDECODABLE,
            detail=PLATE,
            key=KEY,
            payload=payload,
            worker="alarms",
        )
    )


def strays() -> Iterator[tuple[str, bytes]]:
    """Every form in which a plate may lie in a topic that is not sealed."""
    whole = encode(read())
    entry = HotlistEntry(
        entry_id=PLATE,
        plate_text=PLATE,
        jurisdiction="CN",
        purpose=Purpose.STOLEN_VEHICLE,
        authority="A",
        case_ref="C",
        entered_by="D",
        expires_at=ms(9),
    )
    frame = encode(CameraFrame(camera_id=PLATE, captured_at=ms(0), received_at=ms(0), jpeg=KEY))
    yield "a plate read", whole
    yield "one that is cut", whole[:-2]
    yield "one with bytes behind it", whole + KEY
    for number, header in enumerate(earlier_schemas_of(PlateRead)):
        yield f"one of an earlier release, {number}", header + whole[10:]
    yield "a hotlist entry", encode(entry)
    yield "a frame", frame
    yield "JSON", json.dumps({"plate": PLATE}, ensure_ascii=False).encode()
    yield "text", KEY
    yield "Confluent framing", b"\0\0\0\1\2" + KEY
    yield "a schema that nobody knows", b"\xc3\x01" + bytes(8) + KEY
    yield "less than a header", b"\xc3\x01" + KEY[:3]
    yield "in the log's envelope", in_envelope(whole)
    yield "in an envelope, in JSON", in_envelope(KEY)
    yield "in an envelope that is cut", in_envelope(whole)[:-1]
    yield "in an envelope in an envelope", in_envelope(in_envelope(KEY))
    yield "in a dead letter", in_letter(whole)
    yield "in a dead letter, in JSON", in_letter(KEY)
    yield "behind a header of ours", schema_of(PillarEvent).header + whole


STRAYS = dict(strays())
CASES = pytest.mark.parametrize("payload", STRAYS.values(), ids=STRAYS)


def traces(text: str | bytes) -> bool:
    """Whether a plate can be read out of what was printed or written."""
    forms = [KEY, KEY.hex().encode(), KEY[3:], json.dumps(PLATE).strip('"').encode()]
    content = text if isinstance(text, bytes) else text.encode()
    return any(form in content for form in forms)


def rejected(topic: str, payload: bytes | None, cause: Cause = Cause.UNDECODABLE) -> LocatedDeadLetter:
    record = LogRecord(topic, 1, 7, ms(5), KEY, payload, (("plate", KEY),))
    with structlog.testing.capture_logs() as lines:
        outgoing = World("alarms").context.reject(record, cause, f"invalid enum symbol {PLATE!r}")
    assert not traces(repr(lines))
    assert not traces(outgoing.key or b"")
    assert not traces(outgoing.value or b"")
    place = RecordMetadata(dead_letter_topic(topic), 0, 0)
    return LocatedDeadLetter(place, ms(6), decode(outgoing.value, DeadLetter))


@CASES
@pytest.mark.parametrize("topic", OPEN)
def test_the_dead_letter_of_a_stray_has_its_place_and_nothing_of_it(topic: str, payload: bytes) -> None:
    letter = rejected(topic, payload).dead_letter
    assert (letter.key, letter.payload, letter.detail) == (None, None, None)
    assert (letter.topic, letter.partition, letter.offset, letter.appended_at) == (topic, 1, 7, ms(5))
    assert (letter.cause, letter.worker) == (Cause.UNDECODABLE, "alarms")


def test_a_tombstone_with_a_plate_for_its_key_leaves_nothing_either() -> None:
    assert rejected(PILLAR_EVENTS, None).dead_letter.key is None


def test_a_schema_that_nobody_knows_is_told_by_its_fingerprint_alone() -> None:
    record = LogRecord(PILLAR_EVENTS, 1, 7, ms(5), KEY, STRAYS["a schema that nobody knows"])
    found = World("alarms").context.reject(record, Cause.UNKNOWN_SCHEMA, "schema 0000000000000000")
    letter = decode(found.value, DeadLetter)
    assert (letter.key, letter.payload, letter.detail) == (None, None, "schema 0000000000000000")


@CASES
@pytest.mark.parametrize("topic", OPEN)
def test_tail_prints_neither_key_nor_payload_of_a_stray(topic: str, payload: bytes) -> None:
    line = as_line(BY_NAME[topic], LogRecord(topic, 1, 7, ms(5), KEY, payload))
    if payload == STRAYS["in an envelope, in JSON"] and topic == FUSION_INPUT:
        assert line["record"]["payload"] == {"undecodable": Cause.UNKNOWN_SCHEMA}
        return
    assert not traces(msgspec.json.encode(line))
    assert (line["partition"], line["offset"]) == (1, 7)


@CASES
def test_neither_command_prints_a_stray_out_of_a_dead_letter_of_an_earlier_release(payload: bytes) -> None:
    kept = decode(in_letter(payload), DeadLetter)
    topic = dead_letter_topic(PILLAR_EVENTS)
    view = view_of(LocatedDeadLetter(RecordMetadata(topic, 0, 0), ms(6), kept))
    assert not traces(msgspec.json.encode(view))
    assert not traces(repr(dead_letter_details(view)))
    line = as_line(BY_NAME[topic], LogRecord(topic, 0, 0, ms(6), KEY, encode(kept)))
    assert not traces(msgspec.json.encode(line))
    assert (line["record"]["offset"], line["record"]["payload"]) == (1, None)


@CASES
def test_retry_says_where_the_record_lies_and_sends_no_sealed_one(payload: bytes) -> None:
    letter = rejected(PILLAR_EVENTS, payload)
    assert record_kept_in(letter.dead_letter) is None
    gone = decide_retry(letter, None, (), ms(9), force=True)
    assert gone.result is RetryResult.GONE
    lying = decide_retry(letter, Original(KEY, payload), (), ms(9), force=False)
    assert lying.result is RetryResult.REFUSED
    for told in (gone.words, lying.words):
        assert "alarm.pillar-event.v1/1/7" in told
        assert not traces(told)
    forced = decide_retry(letter, Original(KEY, payload), (), ms(9), force=True)
    is_sealed = any(schema_of(record).header in payload for record in SEALED_RECORDS if record is not None)
    assert not (is_sealed and forced.result is RetryResult.SENT)


# --- what is kept -------------------------------------------------------------------------------------------------

EVENT = encode(PillarEvent(device_id="P1", kind=PillarKind.PRESS, occurred_at=ms(0), received_at=ms(1)))


@given(st.binary(max_size=60), st.integers(10, len(EVENT)))
def test_a_damaged_event_of_a_pillar_keeps_its_bytes_and_can_be_sent_again(tail: bytes, cut: int) -> None:
    record = LogRecord(PILLAR_EVENTS, 1, 7, ms(5), b"P1", EVENT[:cut] + tail)
    assume(not holds_sealed(tail))
    outgoing = World("alarms").context.reject(record, Cause.UNDECODABLE, "damaged")
    letter = decode(outgoing.value, DeadLetter)
    assert (letter.key, letter.payload, letter.detail) == (b"P1", record.value, "damaged")
    kept = record_kept_in(letter)
    assert kept is not None
    found = LocatedDeadLetter(RecordMetadata(dead_letter_topic(PILLAR_EVENTS), 0, 0), ms(6), letter)
    assert decide_retry(found, kept, (), ms(9), force=True).result is RetryResult.SENT


@given(st.binary(max_size=200))
def test_bytes_are_kept_only_where_they_begin_like_a_record_of_ours(content: bytes) -> None:
    assume(named_schema(content) is None and not holds_sealed(content))
    assert not may_be_kept(content)
    assert may_be_kept(EVENT[:10] + content)
