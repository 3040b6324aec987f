"""The plates agent: whatever is not listed leaves no trace, and what cannot be used leaves its place and cause."""

import pytest
import structlog

from processors.plates.verification import SeenPlate
from schemas.errors import Cause, DeliveryFailed
from schemas.feeds import PlateRead
from schemas.topics import HOTLIST, PLATE_READS, VERIFICATION_REQUESTS, dead_letter_topic
from schemas.units import HOUR_MS, EpochMs
from tests.support.fakes import entry_of, kept, listed
from tests.support.plates_harness import CANARY, CROP, JPEG, LISTED, Checkpoint, read


@pytest.fixture
def station() -> Checkpoint:
    return Checkpoint(entry_of(LISTED))


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


def test_an_expired_entry_is_nothing() -> None:
    station = Checkpoint(entry_of(LISTED, expires_s=60))
    assert station.reads(read(), at_s=60) == []
    assert station.world.delivery.sent == []


def test_an_entry_out_of_order_is_nothing() -> None:
    with structlog.testing.capture_logs() as lines:
        station = Checkpoint(entry_of(LISTED, expires_s=400 * 86_400))
    assert station.reads(read()) == []
    assert [(line["event"], line["ignored"]) for line in lines] == [("hotlist.entries_ignored", 1)]
    assert LISTED not in repr(lines)


def test_a_stale_list_is_nothing(station: Checkpoint) -> None:
    age_s = 4 * HOUR_MS / 1000
    assert station.reads(read(), at_s=age_s + 0.001) == []
    assert station.world.delivery.sent == []
    assert station.outcome("list_stale") == 1
    assert len(station.reads(read(), at_s=age_s)) == 1


def test_a_list_that_is_just_being_read_anew_stays_in_force_until_it_is_read(station: Checkpoint) -> None:
    """The event loop reads it, and the thread that matches goes on meanwhile."""
    station.world.context.tables[HOTLIST].newest_at = EpochMs(0)
    (request,) = station.reads(read(), at_s=60)
    assert request.list_age_ms == 60_000
    assert station.outcome("list_stale") == 0


def test_an_empty_list_is_nothing() -> None:
    assert Checkpoint().reads(read()) == []


def test_a_picture_with_nothing_legible_is_nothing(station: Checkpoint) -> None:
    station.pictures.sees = (SeenPlate("", is_certain=False, jpeg=CROP),)
    station.reads(read(None, picture=JPEG))
    assert station.world.delivery.sent == []
    assert station.outcome("not_read") == 1


def test_an_entry_that_is_taken_back_is_nothing(station: Checkpoint) -> None:
    station.list.arrive(kept(HOTLIST, "entry-1", None, at_s=1))
    station.second()
    assert station.reads(read()) == []


def test_an_entry_that_is_added_is_found(station: Checkpoint) -> None:
    station.list.arrive(*listed(entry_of("NEW0001", entry_id="entry-2"), at_s=1))
    station.second()
    assert [request.entry_id for request in station.reads(read("NEW0001"))] == ["entry-2"]


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (b"poison", Cause.UNDECODABLE),
        (read(checkpoint_id="unregistered"), Cause.UNKNOWN_DEVICE),
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
    (letter,) = station.world.delivery.dead_letters(PLATE_READS)
    assert (letter.offset, letter.cause) == (100, cause)
    assert (letter.key, letter.payload, letter.detail) == (None, None, None)


def test_models_that_fail_on_a_picture_cost_one_record(station: Checkpoint) -> None:
    station.pictures.failure = RuntimeError(CANARY)
    requests = station.reads(read(None, picture=JPEG), read())
    assert len(requests) == 1
    assert station.causes == [Cause.PROCESSING_FAILED]


@pytest.mark.parametrize("picture", [None, JPEG])
def test_a_delivery_that_fails_leaves_the_agent(station: Checkpoint, picture: bytes | None) -> None:
    station.world.delivery.refused = frozenset({VERIFICATION_REQUESTS})
    with pytest.raises(DeliveryFailed):
        station.reads(read(picture=picture))


# --- no trace -----------------------------------------------------------------------------------------------------


def test_an_unlisted_vehicle_leaves_no_trace(station: Checkpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
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
    assert CANARY not in caplog.text
    for part in (station.agent, station.agent._matches, station.agent._pictured):
        assert CANARY not in repr(vars(part))
