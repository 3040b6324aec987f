"""The plates agent: a hit is one question to a person and nothing else; whatever is not listed leaves no trace."""

from pathlib import Path

import numpy as np
import pytest
import structlog

from processors.pictures import encode_jpeg
from processors.verification import ANSWER_WITHIN_MS, SeenPlate
from schemas.catalogue import HOTLIST, PLATE_READS, REGISTRY, VERIFICATION_REQUESTS, dead_letter_topic
from schemas.codec import encode
from schemas.enums import PlateClass, PlateColour, ReviewReason
from schemas.errors import Cause, DeliveryFailed, PictureError
from schemas.feeds import PlateRead
from schemas.units import HOUR_MS
from schemas.vehicles import HotlistEntry, VerificationRequest
from streams import following
from streams.agents import plates
from streams.agents.plates import PlatesAgent
from streams.settings import RuntimeSettings
from tests.fakes import FakeFollower, World, batch, checkpoint, entry_of, kept, listed, registered, run
from tests.timeline import ZONE, ms

LISTED = "ABC1234"
CANARY = "XYZ9876"
JPEG = encode_jpeg(np.zeros((16, 16, 3), np.uint8), 80)
CROP = b"the crop's bytes"


class FakePictures:
    """The models: what they see in every picture, or how they fail."""

    def __init__(self) -> None:
        self.sees: tuple[SeenPlate, ...] = ()
        self.failure: Exception | None = None
        self.asked = 0

    def __call__(self, _cache: Path) -> "FakePictures":
        return self

    def read(self, _jpeg: bytes) -> tuple[SeenPlate, ...]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return self.sees


class Checkpoint:
    """A plates worker with a list, and what came of each read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *entries: HotlistEntry) -> None:
        self.world = World(runtime=RuntimeSettings(registry_poll_s=0))
        self.pictures = FakePictures()
        self.list = FakeFollower(listed(*entries))
        self.site = FakeFollower(registered(checkpoint()))
        followers = {HOTLIST: self.list, REGISTRY: self.site}
        monkeypatch.setattr(following, "Follower", lambda _kafka, topic: followers[topic])
        monkeypatch.setattr(plates, "PlatePictures", self.pictures)
        self.agent = PlatesAgent(self.world.context)
        run(self.agent.start())

    @property
    def requests(self) -> list[VerificationRequest]:
        return self.world.delivery.decoded(VERIFICATION_REQUESTS, VerificationRequest)

    @property
    def causes(self) -> list[Cause]:
        return [letter.cause for letter in self.world.delivery.letters(PLATE_READS)]

    def reads(self, *values: PlateRead | bytes, at_s: float = 60) -> list[VerificationRequest]:
        encoded = [value if isinstance(value, bytes) else encode(value) for value in values]
        run(self.agent.process([batch(*encoded, topic=PLATE_READS, start=100, at_s=at_s)]))
        return self.requests

    def outcome(self, name: str) -> float:
        return self.world.count("callbox_plate_reads_total", outcome=name)


@pytest.fixture
def station(monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    return Checkpoint(monkeypatch, entry_of(LISTED))


def read(
    plate_text: str | None = LISTED,
    *,
    checkpoint_id: str = "K1",
    event_id: str | None = "r1",
    confidence: float | None = 0.97,
    jurisdiction: str | None = "CN",
    plate_class: PlateClass = PlateClass.UNKNOWN,
    plate_colour: PlateColour = PlateColour.UNKNOWN,
    picture: bytes | None = None,
) -> PlateRead:
    return PlateRead(
        checkpoint_id=checkpoint_id,
        occurred_at=ms(59),
        received_at=ms(60),
        event_id=event_id,
        plate_text=plate_text,
        confidence=confidence,
        plate_class=plate_class,
        plate_colour=plate_colour,
        jurisdiction=jurisdiction,
        picture=picture,
    )


# --- a hit --------------------------------------------------------------------------------------------------------


def test_a_hit_is_one_request_and_nothing_else(station: Checkpoint) -> None:
    (request,) = station.reads(read())
    (sent,) = station.world.delivery.sent
    assert (sent.topic, sent.key) == (VERIFICATION_REQUESTS, request.request_id.encode())
    assert (request.entry_id, request.checkpoint_id, request.zone) == ("entry-1", "K1", ZONE)
    assert (request.authority, request.case_ref) == ("county traffic police", "2026-17")
    assert request.plate_text == LISTED
    assert request.list_age_ms == 60_000
    assert request.expires_at == ms(60) + ANSWER_WITHIN_MS
    assert station.outcome("hit") == 1


def test_a_read_is_matched_in_its_normal_form(station: Checkpoint) -> None:
    assert len(station.reads(read("abc·1234"))) == 1


def test_a_hit_carries_the_plate_of_its_picture_that_reads_as_the_listed_one(station: Checkpoint) -> None:
    station.pictures.sees = (
        SeenPlate("OTHER11", is_certain=True, jpeg=b"another car"),
        SeenPlate(LISTED, is_certain=True, jpeg=CROP),
    )
    (request,) = station.reads(read(picture=JPEG))
    assert request.crop_jpeg == CROP
    assert request.review_reasons == ()


def test_a_hit_whose_picture_shows_another_text_says_so(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate("ABC1284", is_certain=True, jpeg=CROP),)
    (request,) = station.reads(read(picture=JPEG))
    assert request.review_reasons == (ReviewReason.PICTURE_DIFFERS,)


def test_a_hit_without_a_picture_says_so(station: Checkpoint) -> None:
    (request,) = station.reads(read())
    assert request.review_reasons == (ReviewReason.PICTURE_MISSING,)
    assert request.crop_jpeg is None


def test_a_missing_confidence_is_never_certain(station: Checkpoint) -> None:
    (request,) = station.reads(read(confidence=None))
    assert ReviewReason.READ_UNCERTAIN in request.review_reasons
    assert request.confidence is None


def test_a_repeat_has_the_same_id_and_the_same_bytes(station: Checkpoint) -> None:
    station.reads(read())
    station.reads(read())
    first, second = station.world.delivery.sent
    assert first == second


def test_a_picture_without_text_is_read(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate(LISTED, is_certain=True, jpeg=CROP),)
    (request,) = station.reads(read(None, confidence=None, picture=JPEG))
    assert request.crop_jpeg == CROP
    assert station.pictures.asked == 1, "the models run once"


def test_every_listed_vehicle_of_a_picture_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    station = Checkpoint(monkeypatch, entry_of(LISTED, entry_id="a"), entry_of("DEF5678", entry_id="b"))
    station.pictures.sees = (
        SeenPlate(LISTED, is_certain=True, jpeg=b"1"),
        SeenPlate("DEF5678", is_certain=False, jpeg=b"2"),
    )
    requests = station.reads(read(None, picture=JPEG))
    assert [(request.entry_id, request.crop_jpeg) for request in requests] == [("a", b"1"), ("b", b"2")]


def test_a_vehicle_that_two_authorities_look_for_is_asked_about_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    station = Checkpoint(monkeypatch, entry_of(entry_id="b"), entry_of(entry_id="a"))
    assert [request.entry_id for request in station.reads(read())] == ["a", "b"]


# --- a hit with a picture that cannot be used ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "cause"),
    [
        (b"", Cause.PICTURE_EMPTY),
        (b"no jpeg", Cause.PICTURE_NOT_JPEG),
        (JPEG[:-20], Cause.PICTURE_TRUNCATED),
    ],
)
def test_a_text_with_a_broken_picture_still_hits_and_the_picture_is_given_up(
    station: Checkpoint, picture: bytes, cause: Cause
) -> None:
    (request,) = station.reads(read(picture=picture))
    assert request.crop_jpeg is None
    assert ReviewReason.PICTURE_MISSING in request.review_reasons
    assert station.causes == [cause]


def test_a_hit_whose_picture_does_not_decode_is_asked_about(station: Checkpoint) -> None:
    station.pictures.failure = PictureError("the body is damaged", Cause.PICTURE_NOT_JPEG)
    (request,) = station.reads(read(picture=JPEG))
    assert request.review_reasons == (ReviewReason.PICTURE_MISSING,)
    assert station.causes == [Cause.PICTURE_NOT_JPEG]


def test_a_hit_on_whose_picture_the_models_fail_is_asked_about(station: Checkpoint) -> None:
    station.pictures.failure = RuntimeError("out of memory")
    assert len(station.reads(read(picture=JPEG))) == 1
    assert station.causes == [Cause.PROCESSING_FAILED]


# --- nothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ABC1235", "A8C1234", "ABC123", "ABC12345", "CBA1234"])
def test_a_near_miss_is_nothing(station: Checkpoint, text: str) -> None:
    station.reads(read(text, picture=JPEG))
    assert station.world.delivery.sent == []
    assert station.outcome("not_listed") == 1


def test_the_picture_of_an_unlisted_text_is_not_looked_at(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate(LISTED, is_certain=True, jpeg=CROP),)
    station.reads(read("ABC1235", picture=JPEG))
    assert station.pictures.asked == 0


def test_another_jurisdiction_is_nothing(station: Checkpoint) -> None:
    assert station.reads(read(jurisdiction="US-CO")) == []


def test_an_expired_entry_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    station = Checkpoint(monkeypatch, entry_of(LISTED, expires_s=60))
    assert station.reads(read(), at_s=60) == []
    assert station.world.delivery.sent == []


def test_an_entry_out_of_order_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with structlog.testing.capture_logs() as lines:
        station = Checkpoint(monkeypatch, entry_of(LISTED, expires_s=400 * 86_400))
    assert station.reads(read()) == []
    assert [(line["event"], line["ignored"]) for line in lines] == [("hotlist.entries_ignored", 1)]
    assert LISTED not in repr(lines)


def test_a_stale_list_is_nothing(station: Checkpoint) -> None:
    age_s = 4 * HOUR_MS / 1000
    assert station.reads(read(), at_s=age_s + 0.001) == []
    assert station.world.delivery.sent == []
    assert station.outcome("list_stale") == 1
    assert len(station.reads(read(), at_s=age_s)) == 1


def test_an_empty_list_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Checkpoint(monkeypatch).reads(read()) == []


def test_a_picture_with_nothing_legible_is_nothing(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate("", is_certain=False, jpeg=CROP),)
    station.reads(read(None, picture=JPEG))
    assert station.world.delivery.sent == []
    assert station.outcome("not_read") == 1


def test_an_entry_that_is_taken_back_is_nothing(station: Checkpoint) -> None:
    station.list.arrive(kept(HOTLIST, "entry-1", None, at_s=1))
    run(station.agent.every_second())
    assert station.reads(read()) == []


def test_an_entry_that_is_added_is_found(station: Checkpoint) -> None:
    station.list.arrive(*listed(entry_of("NEW0001", entry_id="entry-2"), at_s=1))
    run(station.agent.every_second())
    assert [request.entry_id for request in station.reads(read("NEW0001"))] == ["entry-2"]


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (b"poison", Cause.UNDECODABLE),
        (read(checkpoint_id="stranger"), Cause.UNKNOWN_DEVICE),
        (read(None), Cause.INVALID_FIELD),
        (read("ABC\x001234"), Cause.PLATE_TEXT_INVALID),
        (read("·-·"), Cause.PLATE_TEXT_INVALID),
        (read(None, picture=b"no jpeg"), Cause.PICTURE_NOT_JPEG),
    ],
)
def test_bad_input_is_dead_lettered_with_place_and_cause_alone(
    station: Checkpoint, given: PlateRead | bytes, cause: Cause
) -> None:
    requests = station.reads(given, read(event_id="next"))
    assert len(requests) == 1, "what follows is processed"
    (letter,) = station.world.delivery.letters(PLATE_READS)
    assert (letter.offset, letter.cause) == (100, cause)
    assert (letter.key, letter.payload, letter.detail) == (None, None, None)


def test_models_that_fail_on_a_picture_cost_one_record(station: Checkpoint) -> None:
    station.pictures.failure = RuntimeError(CANARY)
    requests = station.reads(read(None, picture=JPEG), read())
    assert len(requests) == 1
    assert station.causes == [Cause.PROCESSING_FAILED]


def test_a_delivery_that_fails_leaves_the_agent(station: Checkpoint) -> None:
    station.world.delivery.refused = frozenset({VERIFICATION_REQUESTS})
    with pytest.raises(DeliveryFailed):
        station.reads(read())


# --- no trace -----------------------------------------------------------------------------------------------------


def test_an_unlisted_vehicle_leaves_no_trace(station: Checkpoint) -> None:
    with structlog.testing.capture_logs() as lines:
        station.reads(read(CANARY), read(f"{CANARY}\x00"), read(CANARY, picture=b"no jpeg"))
        station.pictures.sees = (SeenPlate(CANARY, is_certain=True, jpeg=CANARY.encode()),)
        station.reads(read(None, picture=JPEG))
        station.pictures.failure = ValueError(CANARY)
        station.reads(read(None, picture=JPEG))
    left = station.world.delivery.sent
    assert {record.topic for record in left} == {dead_letter_topic(PLATE_READS)}
    assert CANARY.encode() not in b"".join(record.value or b"" for record in left)
    assert CANARY not in repr(lines)
    assert CANARY not in station.world.metrics_text()
    assert CANARY not in repr(vars(station.agent))


def test_it_is_ready_when_the_models_are_loaded(station: Checkpoint) -> None:
    assert station.agent.is_ready()
    assert not PlatesAgent(World().context).is_ready()
