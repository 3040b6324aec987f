"""Redaction: what is hidden, the size of the published picture, and when a picture is withheld."""

import dataclasses
import hashlib
import io

import cv2
import msgspec
import numpy as np
import pytest
from PIL import Image

from processors.vision import redaction
from processors.vision.boxes import Boxes, Detections, Picture
from processors.vision.jpeg import decode_jpeg
from processors.vision.redaction import (
    FILL_BGR,
    RedactedPicture,
    RedactionPolicy,
    Withheld,
    WithheldReason,
    delivered_size,
    redact,
)
from schemas.errors import Cause, PictureError

POLICY = RedactionPolicy()
MARK = (255, 0, 255)  # a colour that is nowhere else in the scene


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float]) -> Detections:
    return Detections(boxes(*rows), np.full(len(rows), 0.9, np.float32))


NOTHING = found()


def scene(width: int = 1920, height: int = 1080) -> Picture:
    return np.full((height, width, 3), (120, 180, 150), np.uint8)


def with_mark(picture: Picture, x_min: int, y_min: int, x_max: int, y_max: int) -> Picture:
    marked = picture.copy()
    marked[y_min:y_max, x_min:x_max] = MARK
    return marked


def redacted(
    picture: Picture, faces: Detections = NOTHING, plates: Detections = NOTHING, **more: object
) -> RedactedPicture:
    outcome = redact(picture, faces, plates, POLICY, **more)  # type: ignore[arg-type] # recent only
    assert isinstance(outcome, RedactedPicture)
    return outcome


def withheld(picture: Picture, faces: Detections = NOTHING) -> WithheldReason:
    outcome = redact(picture, faces, NOTHING, POLICY)
    assert isinstance(outcome, Withheld)
    return outcome.reason


def pixels(outcome: RedactedPicture) -> Picture:
    return decode_jpeg(outcome.jpeg)


def magenta(picture: Picture) -> int:
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    return int(np.count_nonzero((np.minimum(blue, red) - green) > 25))


def test_a_face_becomes_one_solid_colour() -> None:
    outcome = redacted(with_mark(scene(), 600, 300, 720, 450), found((600, 300, 720, 450)))
    inside = pixels(outcome)[102:148, 202:238]
    assert np.abs(inside.astype(int) - FILL_BGR).max() <= 8


def test_nothing_of_what_a_box_covers_is_left_anywhere() -> None:
    marked = with_mark(scene(), 600, 300, 720, 450)
    assert magenta(pixels(redacted(marked))) > 1000  # without redaction the mark is visible
    assert magenta(pixels(redacted(marked, found((600, 300, 720, 450))))) == 0


def test_plates_are_hidden_like_faces() -> None:
    marked = with_mark(scene(), 600, 300, 760, 350)
    outcome = redacted(marked, plates=found((600, 300, 760, 350)))
    assert magenta(pixels(outcome)) == 0
    assert (outcome.faces, outcome.plates, outcome.recent) == (0, 1, 0)


def test_boxes_of_the_last_seconds_are_hidden_too() -> None:
    marked = with_mark(scene(), 600, 300, 720, 450)
    outcome = redacted(marked, recent=[boxes(), boxes((600, 300, 720, 450), (10, 10, 60, 60))])
    assert magenta(pixels(outcome)) == 0
    assert (outcome.faces, outcome.plates, outcome.recent) == (0, 0, 2)


def test_a_box_grows_by_the_dilation_around_its_centre() -> None:
    grown_only = with_mark(scene(), 580, 270, 740, 480)  # 1.33 x 1.4 of the box, inside its growth
    assert magenta(pixels(redacted(grown_only, found((600, 300, 720, 450))))) == 0


def test_pixels_outside_a_grown_box_stay_visible() -> None:
    picture = pixels(redacted(scene(), found((600, 300, 720, 450))))
    filled = (picture.max(axis=2) < 40).mean()
    assert filled == pytest.approx(120 * 1.4 * 150 * 1.4 / (1920 * 1080), rel=0.06)


def test_a_picture_goes_out_at_half_the_detection_resolution() -> None:
    outcome = redacted(scene(1920, 1080))
    assert (outcome.width, outcome.height) == (640, 360)
    assert pixels(outcome).shape == (360, 640, 3)


@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (1280, 736), (1280, 720), (426, 240), (720, 1160), (3, 2), (9000, 50)]
)
def test_no_picture_goes_out_with_more_than_half_of_its_own_or_the_detectors_pixels(
    width: int, height: int
) -> None:
    small_width, small_height = delivered_size(width, height, POLICY)
    assert 1 <= small_width <= max(1, width / 2)
    assert 1 <= small_height <= max(1, height / 2)
    assert small_width <= POLICY.detection_width / 2
    assert small_height <= POLICY.detection_height / 2


def test_the_digest_is_of_the_bytes_that_go_out() -> None:
    outcome = redacted(scene())
    assert outcome.sha256 == hashlib.sha256(outcome.jpeg).hexdigest()


def test_the_same_picture_and_boxes_give_the_same_bytes() -> None:
    assert redacted(scene(), found((1, 2, 30, 40))) == redacted(scene(), found((1, 2, 30, 40)))


def test_no_exif_and_no_thumbnail_go_out() -> None:
    outcome = redacted(scene())
    with Image.open(io.BytesIO(outcome.jpeg)) as read:
        assert not dict(read.getexif())
        assert set(read.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert outcome.jpeg.count(b"\xff\xd8\xff") == 1


def test_the_picture_that_was_given_is_not_changed() -> None:
    picture = scene()
    before = picture.copy()
    redacted(picture, found((600, 300, 720, 450)))
    assert np.array_equal(picture, before)


def test_a_box_that_leaves_the_picture_is_hidden_as_far_as_it_is_inside() -> None:
    marked = with_mark(scene(), 0, 0, 100, 100)
    outcome = redacted(marked, found((-50, -80, 100, 100), (1900, 1060, 5000, 5000)))
    assert magenta(pixels(outcome)) == 0
    assert outcome.faces == 2


def test_a_box_outside_the_picture_hides_nothing_and_is_not_counted() -> None:
    assert redacted(scene(), found((-500, -500, -400, -400), (3000, 20, 3100, 90))).faces == 0


def test_a_box_without_a_side_still_hides_its_place() -> None:
    outcome = redacted(scene(), found((600, 300, 600, 300)))
    assert outcome.faces == 1
    assert pixels(outcome)[100, 200].max() < 100


def test_a_box_over_everything_leaves_only_the_fill() -> None:
    picture = pixels(redacted(with_mark(scene(), 0, 0, 1920, 1080), found((0, 0, 1920, 1080))))
    assert picture.max() <= 8


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_box_that_is_not_finite_withholds_the_picture(value: float, place: int) -> None:
    row = [10.0, 10.0, 50.0, 50.0]
    row[place] = value
    assert withheld(scene(), found((row[0], row[1], row[2], row[3]))) is WithheldReason.BOXES_UNUSABLE


def test_a_box_turned_inside_out_withholds_the_picture() -> None:
    assert withheld(scene(), found((50, 10, 10, 50))) is WithheldReason.BOXES_UNUSABLE


def test_an_unusable_box_of_an_earlier_picture_withholds_it_too() -> None:
    outcome = redact(scene(), NOTHING, NOTHING, POLICY, [boxes((np.nan, 0, 1, 1))])
    assert outcome == Withheld(WithheldReason.BOXES_UNUSABLE)


def test_boxes_of_another_shape_withhold_the_picture() -> None:
    wrong = Detections(np.zeros((2, 5), np.float32), np.zeros(2, np.float32))
    assert withheld(scene(), wrong) is WithheldReason.BOXES_UNUSABLE


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((1, 500, 3), np.uint8),
        np.zeros((40, 40), np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.zeros((40, 40, 3), np.float32),
    ],
    ids=["empty", "one row", "gray", "four channels", "floats"],
)
def test_a_value_that_is_no_picture_is_withheld(picture: Picture) -> None:
    assert withheld(picture) is WithheldReason.PICTURE_UNUSABLE


def test_an_encoder_that_fails_withholds_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> bytes:
        raise PictureError("no", Cause.PROCESSING_FAILED)

    monkeypatch.setattr(redaction, "encode_jpeg", failing)
    assert withheld(scene()) is WithheldReason.ENCODING_FAILED


def test_opencv_that_fails_withholds_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise cv2.error("no")

    monkeypatch.setattr(cv2, "resize", failing)
    assert withheld(scene()) is WithheldReason.ENCODING_FAILED


def test_nobody_else_can_build_a_redacted_picture() -> None:
    with pytest.raises(TypeError, match="only"):
        RedactedPicture(b"raw", "0" * 64, 1, 1, 0, 0, 0, made_by=object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(redacted(scene()), jpeg=b"raw")  # type: ignore[call-arg] # that is the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        redacted(scene()).jpeg = b"raw"  # type: ignore[misc] # that is the point


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dilation", 1.0),
        ("delivered_fraction", 0.8),
        ("score_min", 0.5),
        ("detection_width", 320),
        ("blur", True),
    ],
)
def test_an_operator_cannot_weaken_the_policy(key: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({key: value}, RedactionPolicy)
