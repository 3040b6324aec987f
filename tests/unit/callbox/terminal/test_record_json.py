"""What `callbox tail` makes of a record, and the times it understands."""

import json
from base64 import b64encode
from collections.abc import Iterator

import msgspec
import pytest

from callbox.terminal.record_json import as_line, is_of_incident
from callbox.terminal.times import format_time, parse_time
from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.enums import InputKind, PillarKind
from schemas.errors import Cause
from schemas.feeds import PillarEvent
from schemas.fusion_log import FusionInput, Tick
from schemas.topics import ALERTS, BY_NAME, FUSION_INPUT, INCIDENTS, PILLAR_EVENTS, dead_letter_topic
from schemas.units import EpochMs
from streams.kafka.record import LogRecord

AT = EpochMs(1_900_000_000_000)
EVENT = encode(PillarEvent(device_id="p", kind=PillarKind.PRESS, occurred_at=AT, received_at=AT))


def lying(topic: str, value: bytes | None, key: bytes | None = b"k") -> LogRecord:
    return LogRecord(topic, 2, 15, AT, key, value)


def record_of(topic: str, value: bytes | None) -> object:
    line = json.loads(msgspec.json.encode(as_line(BY_NAME[topic], lying(topic, value))))
    return line["record"]


def test_a_line_says_where_the_record_lies_and_what_it_holds() -> None:
    event = PillarEvent(device_id="p", kind=PillarKind.PRESS, occurred_at=AT, received_at=AT)
    line = as_line(BY_NAME[PILLAR_EVENTS], lying(PILLAR_EVENTS, encode(event)))
    assert list(line) == ["topic", "partition", "offset", "timestamp", "key", "record"]
    assert (line["partition"], line["offset"], line["timestamp"], line["key"]) == (2, 15, AT, "k")
    assert line["record"]["kind"] == "press"


def test_the_payload_of_the_log_is_decoded_too() -> None:
    tick = FusionInput(
        kind=InputKind.TICK, event_id="t", zone="", payload=encode(Tick(number=3, at=EpochMs(5)))
    )
    assert record_of(FUSION_INPUT, encode(tick)) == {
        "kind": "tick",
        "event_id": "t",
        "zone": "",
        "payload": {"number": 3, "at": 5},
        "signature": "",
    }


def test_a_payload_that_cannot_be_read_says_so_inside_its_envelope() -> None:
    tick = FusionInput(kind=InputKind.TICK, event_id="t", zone="", payload=b"poison")
    found = record_of(FUSION_INPUT, encode(tick))
    assert isinstance(found, dict)
    assert found["payload"] == {"undecodable": "undecodable"}


def test_of_a_kind_that_this_release_does_not_decide_about_no_bytes_are_shown() -> None:
    hit = FusionInput(kind=InputKind.VERIFIED_HIT, event_id="t", zone="", payload=b"\x01")
    found = record_of(FUSION_INPUT, encode(hit))
    assert isinstance(found, dict)
    assert found["payload"] == {"undecodable": "unknown_schema"}


def test_poison_is_shown_by_its_cause() -> None:
    assert record_of(PILLAR_EVENTS, b"poison") == {"undecodable": "undecodable"}
    assert record_of(PILLAR_EVENTS, encode(Tick(number=3))) == {"undecodable": "unknown_schema"}


def test_a_tombstone_has_no_record_and_a_record_need_not_have_a_key() -> None:
    line = as_line(BY_NAME[ALERTS], lying(ALERTS, None, None))
    assert (line["key"], line["record"]) == (None, None)


def test_a_dead_letter_is_a_record_like_any_other() -> None:
    letter = DeadLetter(
        topic=PILLAR_EVENTS,
        partition=0,
        offset=1,
        appended_at=AT,
        cause=Cause.UNDECODABLE,
        detail=None,
        key=b"\xff",
        payload=EVENT,
        worker="alarms",
    )
    found = record_of(dead_letter_topic(PILLAR_EVENTS), encode(letter))
    assert isinstance(found, dict)
    assert (found["cause"], found["payload"], found["key"]) == (
        "undecodable",
        b64encode(EVENT).decode(),
        "/w==",
    )


def test_a_key_that_is_no_text_is_shown_all_the_same() -> None:
    assert as_line(BY_NAME[INCIDENTS], lying(INCIDENTS, None, b"\xff"))["key"] == "\N{REPLACEMENT CHARACTER}"


def test_an_incident_is_known_by_its_field_or_by_its_key() -> None:
    line = {"key": "k", "record": {"incident_id": "north-1"}}
    assert is_of_incident(line, "north-1")
    assert is_of_incident(line, "k")
    assert not is_of_incident(line, "north-2")
    assert is_of_incident({"key": "k", "record": None}, "k")


def moments() -> Iterator[tuple[str, int]]:
    yield "2030-03-17T17:46:40Z", AT
    yield "2030-03-18T01:46:40+08:00", AT
    yield "2030-03-17 17:46:40.250Z", AT + 250
    yield "-90s", AT - 90_000
    yield "-5m", AT - 300_000
    yield "-2h", AT - 7_200_000
    yield "-1d", AT - 86_400_000
    yield "-999999999d", 0


@pytest.mark.parametrize(("text", "expected"), list(moments()))
def test_a_time_is_a_moment_or_so_long_ago(text: str, expected: int) -> None:
    assert parse_time(text, AT) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "5m", "-5", "-5w", "2030-03-17T17:46:40", "1900000000000"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: use RFC 3339"):
        parse_time(text, AT)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert format_time(AT) == "2030-03-17T17:46:40.000Z"
    assert format_time(EpochMs(2**62)) == str(2**62)
