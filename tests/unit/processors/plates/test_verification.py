"""The request for verification: its content, and that a repeat is the same request."""

from msgspec.structs import replace

from processors.plates.hotlist import Match
from processors.plates.verification import ANSWER_WITHIN_MS, SeenPlate, verification_request
from schemas.enums import Purpose, ReviewReason
from schemas.feeds import PlateRead
from schemas.hotlist import VerificationRequest
from schemas.units import MINUTE_MS
from tests.support.fakes import entry_of
from tests.support.log_records import ms

READ = PlateRead(
    checkpoint_id="K1",
    occurred_at=ms(1),
    received_at=ms(2),
    event_id="r1",
    plate_text="ABC1234",
    confidence=0.9,
)
HIT = Match(entry_of("ABC1234", purpose=Purpose.MISSING_CHILD_ALERT), ())
CROP = SeenPlate("ABC1234", is_certain=True, jpeg=b"crop")


def request(
    read: PlateRead = READ,
    hit: Match = HIT,
    crop: SeenPlate | None = CROP,
) -> VerificationRequest:
    return verification_request(read, hit, zone="east", at=ms(3), list_age_ms=500, crop=crop)


def test_a_request_carries_the_authority_the_purpose_and_where_the_vehicle_passed() -> None:
    asked = request()
    assert asked.purpose is Purpose.MISSING_CHILD_ALERT
    assert (asked.entry_id, asked.authority, asked.case_ref) == (
        HIT.entry.entry_id,
        HIT.entry.authority,
        HIT.entry.case_ref,
    )
    assert (asked.checkpoint_id, asked.zone, asked.occurred_at) == ("K1", "east", ms(1))
    assert (asked.plate_text, asked.confidence, asked.list_age_ms) == ("ABC1234", 0.9, 500)
    assert asked.crop_jpeg == b"crop"


def test_an_answer_counts_for_five_minutes() -> None:
    assert ANSWER_WITHIN_MS == 5 * MINUTE_MS
    assert request().expires_at == ms(3) + ANSWER_WITHIN_MS


def test_a_crop_with_the_listed_text_is_no_review_reason() -> None:
    assert request().review_reasons == ()


def test_a_crop_with_another_text_is_a_review_reason() -> None:
    asked = request(crop=SeenPlate("ABC1284", is_certain=True, jpeg=b"crop"))
    assert asked.review_reasons == (ReviewReason.PICTURE_DIFFERS,)
    assert asked.plate_text == "ABC1234", "the listed text, to compare with the crop"


def test_a_missing_crop_is_a_review_reason_after_those_of_the_match() -> None:
    asked = request(hit=HIT._replace(review_reasons=(ReviewReason.READ_UNCERTAIN,)), crop=None)
    assert asked.review_reasons == (ReviewReason.READ_UNCERTAIN, ReviewReason.PICTURE_MISSING)
    assert asked.crop_jpeg is None


def test_a_repeat_is_the_same_request() -> None:
    assert request() == request()


def test_another_read_another_checkpoint_or_another_entry_is_another_request() -> None:
    others = [
        request(replace(READ, event_id="r2")),
        request(replace(READ, checkpoint_id="K2")),
        request(hit=HIT._replace(entry=entry_of("ABC1234", entry_id="other"))),
    ]
    assert len({each.request_id for each in (request(), *others)}) == 4
