"""What may be sent again, and what would only come back."""

import pytest
from msgspec.structs import replace

from callbox.dead_letters.ledger import TOPICS_WITH_DEAD_LETTERS
from callbox.dead_letters.retry import (
    UNFIXABLE_CAUSES,
    Original,
    RetryResult,
    decide_retry,
    record_kept_in,
    refused_for_good,
)
from processors.intake.pillar_event import intake
from schemas.ack import Acknowledgement
from schemas.avro_binary import HEADER_BYTES, MARKER
from schemas.codec import decode, encode
from schemas.enums import AckAction, PillarKind
from schemas.errors import Cause
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.topics import (
    ACKS,
    BY_NAME,
    FRAMES,
    FUSION_INPUT,
    HOTLIST,
    PILLAR_EVENTS,
    PLATE_READS,
    REGISTRY,
    dead_letter_topic,
)
from schemas.units import HOUR_MS, EpochMs
from tests.support.dead_letters import LATER, dead_letter, decided, event, found
from tests.support.log_records import ACTOR, envelope, fact, ms


def test_the_bytes_and_the_key_are_those_of_the_original_and_the_key_chooses_the_partition() -> None:
    payload = encode(event())
    result, words, outgoing = decided(dead_letter(payload), now=EpochMs(ms(0) + HOUR_MS))
    assert (result, words) == (RetryResult.SENT, "")
    assert outgoing == (PILLAR_EVENTS, b"P1", payload, None)


@pytest.mark.parametrize("key", [None, b""])
def test_what_has_no_key_goes_to_the_partition_that_it_came_from(key: bytes | None) -> None:
    payload = encode(event())
    outgoing = decided(dead_letter(payload), original=Original(key, payload)).outgoing
    assert outgoing == (PILLAR_EVENTS, key, payload, 3)


def test_a_device_that_nobody_has_registered_would_come_back() -> None:
    given = dead_letter(encode(event()))
    result, words, outgoing = decided(given, devices=())
    assert (result, outgoing) == (RetryResult.REFUSED, None)
    assert "callbox registry apply" in words
    assert "--force" in words


def test_an_event_of_days_ago_goes_out_with_a_word_of_warning() -> None:
    """Intake gives it the broker's time: it would look like one of now."""
    given = decided(dead_letter(encode(event(PillarKind.PRESS))), now=LATER)
    assert given.result is RetryResult.SENT
    assert "takes it for one of now" in given.words
    dead_clock = event(occurred_at=EpochMs(0), received_at=EpochMs(0))
    assert decided(dead_letter(encode(dead_clock)), now=LATER).words == ""  # it never had a time of its own


def test_an_event_of_an_unregistered_device_keeps_its_id_by_force_too() -> None:
    given = event(event_id=None)
    outgoing = decided(dead_letter(encode(given)), devices=(), force=True).outgoing
    assert outgoing is not None
    assert intake(decode(outgoing.value, PillarEvent), LATER).event_id == intake(given, ms(0)).event_id


def test_a_press_of_an_unregistered_device_is_not_rejected_again() -> None:
    assert decided(dead_letter(encode(event(PillarKind.PRESS))), devices=()).result is RetryResult.SENT


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b"poison", Cause.UNDECODABLE),
        (b"", Cause.UNDECODABLE),
        (encode(event())[:-3], Cause.UNDECODABLE),
        (MARKER + bytes(HEADER_BYTES), Cause.UNKNOWN_SCHEMA),
        (encode(event(PillarKind.UNKNOWN)), Cause.INVALID_FIELD),
    ],
)
def test_what_cannot_be_read_here_would_come_back_and_goes_out_by_force_alone(
    payload: bytes, cause: Cause
) -> None:
    given = dead_letter(payload, cause=Cause.UNKNOWN_SCHEMA)
    result, words, _ = decided(given)
    assert result is RetryResult.REFUSED
    assert str(cause) in words
    forced = decided(given, force=True)
    assert forced.result is RetryResult.SENT
    assert str(cause) in forced.words
    assert forced.outgoing is not None
    assert forced.outgoing.value == payload


def test_what_an_upgrade_can_read_goes_out() -> None:
    """Its cause is history: only what the record is now counts."""
    assert decided(dead_letter(encode(event()), cause=Cause.UNKNOWN_SCHEMA)).result is RetryResult.SENT


@pytest.mark.parametrize("cause", sorted(UNFIXABLE_CAUSES))
def test_a_picture_does_not_mend(cause: Cause) -> None:
    read = encode(PlateRead(checkpoint_id="K1", occurred_at=ms(0), received_at=ms(0), plate_text="ABC1234"))
    given = dead_letter(topic=PLATE_READS, key=None, cause=cause)
    assert decided(given, original=Original(b"K1", read)).result is RetryResult.REFUSED


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (FRAMES, encode(CameraFrame(camera_id="C1", captured_at=ms(0), received_at=ms(0), jpeg=b"j"))),
        (PLATE_READS, encode(PlateRead(checkpoint_id="K1", occurred_at=ms(0), received_at=ms(0)))),
    ],
)
def test_a_sealed_record_goes_out_as_it_lies_once_its_device_is_known(topic: str, value: bytes) -> None:
    given = dead_letter(topic=topic, key=None)
    assert decided(given, original=Original(b"key", value)).outgoing == (topic, b"key", value, None)
    assert decided(given, original=Original(b"key", value), devices=()).result is RetryResult.REFUSED


def test_an_acknowledgement_and_a_record_of_the_log_need_no_registry() -> None:
    said = Acknowledgement(ack_id="a", incident_id="i", action=AckAction.ACCEPT, actor=ACTOR, at=ms(0))
    of_the_log = encode(envelope(fact()))
    assert decided(dead_letter(encode(said), topic=ACKS), devices=()).result is RetryResult.SENT
    assert decided(dead_letter(of_the_log, topic=FUSION_INPUT), devices=()).result is RetryResult.SENT


def test_an_envelope_that_holds_poison_would_come_back() -> None:
    bad = encode(replace(envelope(fact()), payload=b"poison"))
    assert decided(dead_letter(bad, topic=FUSION_INPUT)).result is RetryResult.REFUSED


def test_what_is_gone_is_said_to_be_gone_and_nothing_is_sent_even_by_force() -> None:
    given = dead_letter(topic=PLATE_READS, key=None)
    result, words, outgoing = decided(given, force=True)
    assert (result, outgoing) == (RetryResult.GONE, None)
    assert words.startswith(
        "checkpoint.plate-read.v1/3/17 is no longer there (its topic keeps records for 10m)"
    )


def test_what_its_topic_would_not_take_is_refused() -> None:
    large = encode(event(event_id="e" * BY_NAME[PILLAR_EVENTS].max_message_bytes))
    assert decided(dead_letter(), original=Original(b"P1", large), force=True).result is RetryResult.REFUSED


def test_a_letter_that_does_not_hold_all_of_its_record_leads_to_where_it_lay() -> None:
    assert record_kept_in(dead_letter(b"x")) == Original(b"P1", b"x")
    assert record_kept_in(dead_letter(None)) is None
    assert record_kept_in(dead_letter(b"x", key=None)) is None
    assert (
        record_kept_in(dead_letter(b"x", topic=FRAMES)) is None
    )  # whoever wrote that: a sealed letter holds nothing


@pytest.mark.parametrize("topic", [REGISTRY, HOTLIST])
def test_no_old_record_takes_the_place_of_a_newer_one(topic: str) -> None:
    assert "the newest record of each key" in (refused_for_good(found(dead_letter(b"x", topic=topic))) or "")


def test_a_letter_in_another_topic_s_place_is_never_sent() -> None:
    stray = found(dead_letter(encode(event())), topic=dead_letter_topic(ACKS))
    assert refused_for_good(stray) is not None
    assert refused_for_good(found(dead_letter(b"x", topic="weather.v1"), topic="weather.v1.dlq")) is not None


@pytest.mark.parametrize("topic", TOPICS_WITH_DEAD_LETTERS)
def test_every_topic_with_dead_letters_has_a_rule(topic: str) -> None:
    given = found(dead_letter(b"poison", topic=topic))
    assert (
        refused_for_good(given)
        or decide_retry(given, Original(b"k", b"poison"), (), LATER, force=False).result
        is RetryResult.REFUSED
    )
