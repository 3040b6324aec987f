"""The plates agent: a hit is one question to a person and nothing else."""

import asyncio

import pytest

from processors.plates.verification import ANSWER_WITHIN_MS, SeenPlate
from schemas.codec import encode
from schemas.enums import ReviewReason
from schemas.errors import Cause, PictureError
from schemas.topics import PLATE_READS, VERIFICATION_REQUESTS
from streams.worker.work import Work
from tests.support.fakes import batch, entry_of, run
from tests.support.log_records import ZONE, ms
from tests.support.plates_harness import CROP, JPEG, LISTED, Checkpoint, read


@pytest.fixture
def station() -> Checkpoint:
    return Checkpoint(entry_of(LISTED))


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


def test_every_listed_vehicle_of_a_picture_is_asked_about() -> None:
    station = Checkpoint(entry_of(LISTED, entry_id="a"), entry_of("DEF5678", entry_id="b"))
    station.pictures.sees = (
        SeenPlate(LISTED, is_certain=True, jpeg=b"1"),
        SeenPlate("DEF5678", is_certain=False, jpeg=b"2"),
    )
    requests = station.reads(read(None, picture=JPEG))
    assert [(request.entry_id, request.crop_jpeg) for request in requests] == [("a", b"1"), ("b", b"2")]


def test_a_vehicle_that_two_authorities_look_for_is_asked_about_twice() -> None:
    station = Checkpoint(entry_of(entry_id="b"), entry_of(entry_id="a"))
    assert [request.entry_id for request in station.reads(read())] == ["a", "b"]


def test_a_read_without_a_picture_waits_for_none(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate(LISTED, is_certain=True, jpeg=CROP),)
    station.pictures.may_look.clear()
    both = station.reads(read(None, event_id="picture", picture=JPEG), read(event_id="text"))
    assert [request.crop_jpeg for request in station.asked_at_once] == [None]
    assert [request.crop_jpeg for request in both] == [None, CROP]
    assert station.outcome("hit") == 2


def test_nothing_more_is_begun_while_enough_pictures_are_looked_at(station: Checkpoint) -> None:
    """A drain and a revocation wait for what is begun."""
    enough = station.world.context.settings.merge_records
    more = batch(b"", topic=PLATE_READS)

    async def scene() -> None:
        station.world.loop = asyncio.get_running_loop()
        work = Work(station.world.delivery)
        station.pictures.may_look.clear()
        pictures = [encode(read(None, event_id=str(each), picture=JPEG)) for each in range(enough)]
        station.agent.process(batch(*pictures[1:], topic=PLATE_READS, at_s=60), work)
        assert station.agent.prepare(more, work)
        station.agent.process(batch(pictures[0], topic=PLATE_READS, at_s=60), work)
        assert not station.agent.prepare(more, work)
        station.pictures.may_look.set()
        await asyncio.gather(*map(asyncio.wrap_future, station.world.spawned))
        assert station.agent.prepare(more, work)

    run(scene())


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_pictures_are_looked_at_at_once_as_there_are_threads(threads: int) -> None:
    """The executor has room for what else blocks, such as a list that is read anew."""
    station = Checkpoint(entry_of(LISTED), threads=threads)

    async def scene() -> None:
        station.world.loop = asyncio.get_running_loop()
        station.pictures.may_look.clear()
        pictures = [encode(read(None, event_id=str(each), picture=JPEG)) for each in range(threads + 2)]
        station.agent.process(batch(*pictures, topic=PLATE_READS, at_s=60), Work(station.world.delivery))
        await asyncio.sleep(0.3)
        assert station.pictures.asked == threads
        station.pictures.may_look.set()
        await asyncio.gather(*map(asyncio.wrap_future, station.world.spawned))
        assert station.pictures.asked == threads + 2

    run(scene())


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
