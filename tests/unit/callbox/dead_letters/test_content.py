"""What is shown of a dead letter: as much as can be read, and of a sealed record nothing."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from callbox.dead_letters.content import HEX_BYTES, Content, content
from callbox.dead_letters.ledger import LocatedDeadLetter, count_by_cause, ledger
from callbox.dead_letters.lines import count_row, dead_letter_details, record_row, view_of
from schemas.avro_binary import HEADER_BYTES, MARKER
from schemas.avro_schemas import earlier_schemas_of
from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.enums import PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent, PlateRead
from schemas.topics import CATALOGUE, PILLAR_EVENTS, dead_letter_topic
from streams.kafka.producer import RecordMetadata
from streams.kafka.record import LogRecord
from tests.support.log_records import envelope, fact, ms

CANARY = "XYZ9876"
PLATE = encode(PlateRead(checkpoint_id="K1", occurred_at=ms(0), received_at=ms(0), plate_text=CANARY))
EVENT = encode(
    PillarEvent(device_id="P1", kind=PillarKind.PRESS, occurred_at=ms(0), received_at=ms(1), event_id="e1")
)
SEALED = [topic.name for topic in CATALOGUE if topic.sealed]


def found(
    payload: bytes | None = EVENT,
    *,
    topic: str = PILLAR_EVENTS,
    key: bytes | None = b"P1",
    detail: str = "what",
) -> LocatedDeadLetter:
    dead_letter = DeadLetter(
        topic=topic,
        partition=3,
        offset=17,
        appended_at=ms(5),
        cause=Cause.UNDECODABLE,
        detail=detail,
        key=key,
        payload=payload,
        worker="alarms",
    )
    return LocatedDeadLetter(RecordMetadata(dead_letter_topic(topic), 0, 4), ms(9), dead_letter)


def looked(payload: bytes) -> Content:
    seen = content(payload)
    assert seen is not None
    return seen


def text_of(given: LocatedDeadLetter) -> str:
    """Everything that either form of `show` prints."""
    seen = view_of(given)
    return msgspec.json.encode(seen).decode() + repr(dead_letter_details(seen))


def test_a_whole_record_is_shown_by_its_fields_and_schema() -> None:
    seen = looked(EVENT)
    assert seen.schema == "PillarEvent, as this release writes it"
    assert (seen.fields["device_id"], seen.fields["received_at"]) == ("P1", ms(1))
    assert (seen.is_whole, seen.first_bytes) == (True, None)


def test_of_a_cut_record_the_first_fields_are_shown() -> None:
    seen = looked(EVENT[:-9])
    assert seen.fields == {"device_id": "P1", "kind": "press", "occurred_at": ms(0)}
    assert (seen.is_whole, seen.first_bytes) == (False, EVENT[:-9].hex())


def test_bytes_behind_a_record_are_no_reason_to_hide_it() -> None:
    seen = looked(EVENT + b"more")
    assert seen.fields == looked(EVENT).fields
    assert not seen.is_whole


def test_a_record_that_belongs_elsewhere_is_named() -> None:
    assert looked(encode(fact())).schema.startswith("PillarFact, ")


def test_an_earlier_schema_is_named_as_one() -> None:
    (header,) = earlier_schemas_of(PillarEvent)
    seen = looked(header + EVENT[HEADER_BYTES:])
    assert seen.schema == f"PillarEvent, an earlier schema ({header[2:].hex()})"


@pytest.mark.parametrize(
    "payload", [MARKER + bytes(range(8)), b"\x00\x00\x00\x01\x02rest", CANARY.encode(), MARKER, b""]
)
def test_of_what_no_schema_of_ours_reads_nothing_is_shown(payload: bytes) -> None:
    """It may be anything: a plate read of another make, in JSON."""
    assert content(payload) is None
    assert content(encode(replace(envelope(fact()), payload=payload))) is None or payload == b""
    given = found(payload, key=CANARY.encode(), detail=CANARY)
    assert CANARY not in text_of(given)
    assert payload[2:].hex() not in text_of(given) or len(payload) <= len(MARKER)


def test_no_more_than_the_first_bytes_are_shown() -> None:
    damaged = EVENT[:HEADER_BYTES] + b"\xff" * 1000
    assert looked(damaged).first_bytes == damaged[:HEX_BYTES].hex()


def test_the_log_s_envelope_is_opened_as_far_as_it_goes() -> None:
    whole = looked(encode(envelope(fact())))
    assert whole.is_whole
    assert whole.fields["payload"]["fields"]["device_id"] == "P1"
    damaged = looked(encode(replace(envelope(fact()), payload=encode(fact())[:-1])))
    assert not damaged.is_whole
    assert damaged.fields["payload"]["fields"]["device_id"] == "P1"


@pytest.mark.parametrize("payload", [PLATE, PLATE[:-1], encode(replace(envelope(fact()), payload=PLATE))])
def test_a_sealed_record_in_the_wrong_topic_is_not_shown(payload: bytes) -> None:
    assert content(payload) is None
    given = found(payload, key=CANARY.encode(), detail=CANARY)
    assert view_of(given).sealed
    assert CANARY not in text_of(given)
    assert payload[:HEADER_BYTES].hex() not in text_of(given)


@pytest.mark.parametrize("topic", [*SEALED, "weather.v1"])
def test_of_a_sealed_topic_or_one_that_nobody_knows_nothing_is_shown_whatever_the_letter_holds(
    topic: str,
) -> None:
    given = found(CANARY.encode(), topic=topic, key=CANARY.encode(), detail=CANARY)
    told = text_of(given)
    assert CANARY not in told
    assert CANARY.encode().hex() not in told
    assert f"{dead_letter_topic(topic)}/0/4" in told
    assert "undecodable" in told


def test_a_letter_of_a_sealed_record_under_an_open_topic_s_name_is_not_shown() -> None:
    given = found(b"raw", key=CANARY.encode())
    assert CANARY not in text_of(given._replace(place=RecordMetadata(dead_letter_topic(SEALED[0]), 0, 4)))


def test_a_letter_is_shown_with_place_cause_key_size_and_schema() -> None:
    lines = dict(dead_letter_details(view_of(found())))
    assert lines["letter"].startswith("alarm.pillar-event.v1.dlq/0/4, written ")
    assert lines["record"].startswith("alarm.pillar-event.v1/3/17, appended ")
    assert (lines["cause"], lines["given up by"], lines["key"]) == ("undecodable", "alarms", "P1")
    assert (lines["size"], lines["detail"]) == (f"{len(EVENT)} bytes", "what")
    assert json.loads(lines["fields"])["event_id"] == "e1"


def test_a_letter_without_a_payload_says_so() -> None:
    lines = dict(dead_letter_details(view_of(found(None, key=None))))
    assert "no payload" in lines["size"]
    assert "schema" not in lines


def test_nothing_that_a_device_wrote_moves_the_cursor() -> None:
    evil = "evil\x1b[2J"
    event = PillarEvent(device_id=evil, kind=PillarKind.PRESS, occurred_at=ms(0), received_at=ms(0))
    for _, text in dead_letter_details(view_of(found(encode(event), key=evil.encode(), detail=evil))):
        assert text.isprintable()
    dead_letter = encode(replace(found().dead_letter, worker=evil))
    records = ledger([LogRecord(dead_letter_topic(PILLAR_EVENTS), 0, 0, ms(0), None, dead_letter)]).records
    for row in (*map(record_row, records), *map(count_row, count_by_cause(records))):
        assert all(cell.isprintable() for cell in row)
