"""What a picture process that is taken over answers.

Nothing but a small picture of pixels alone leaves, and no text that stands on no plate.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.vision.redaction import RedactedPicture, Withheld, WithheldReason
from schemas.feeds import CameraFrame
from streams.pictures.frame_pictures import FramePictures
from streams.pictures.plate_pictures import PlatePictures
from streams.pictures.pool import PictureBrokeDecoder
from streams.worker.metrics import Metrics
from tests.support.hostile_pictures import (
    jpeg,
)
from tests.support.picture_jobs import LIAR, LIES
from tests.support.picture_pools import AT, sent


@pytest.fixture(scope="module")
def liar() -> Iterator[FramePictures]:
    """Picture processes that answer what they like."""
    pictures = FramePictures(Path(), 1, Metrics(), LIAR)
    yield pictures
    pictures.close()


def lying(lie: str, size: tuple[int, int] = (96, 64)) -> CameraFrame:
    return sent("C1", jpeg(*size) + b"lie:" + lie.encode())


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_small_picture_of_pixels_alone_does_not_leave(liar: FramePictures, lie: str) -> None:
    assert liar.redact(lying(lie), ()) == Withheld(WithheldReason.DECODER_ENDED)
    assert liar.look(lying("").jpeg, (), AT), "the next picture is looked at"


def test_the_same_picture_of_the_right_size_leaves_with_its_own_hash(liar: FramePictures) -> None:
    outcome = liar.redact(lying("large", (192, 128)), ())
    assert isinstance(outcome, RedactedPicture)
    assert (outcome.width, outcome.height, outcome.jpeg) == (96, 64, jpeg(96, 64))


def test_a_picture_that_is_withheld_there_is_withheld_here(liar: FramePictures) -> None:
    assert liar.redact(lying("detection_failed"), ()) == Withheld(WithheldReason.DETECTION_FAILED)


@pytest.mark.parametrize("lie", ["no sight", "short plane", "long plane"])
def test_what_is_remembered_of_a_camera_has_the_size_that_it_has(liar: FramePictures, lie: str) -> None:
    with pytest.raises(PictureBrokeDecoder):
        liar.look(lying(lie).jpeg, (), AT)
    observed = liar.look(lying("").jpeg, (), AT)
    assert observed.sight is not None
    assert observed.sight.at == AT, "the time is the worker's"


def test_a_text_that_is_on_no_plate_and_a_crop_that_is_no_picture_are_not_believed() -> None:
    reader = PlatePictures(Path(), 1, Metrics(), LIAR)
    try:
        (seen,) = reader.read(jpeg() + "lie:皖A12345".encode())
        assert (seen.text, seen.is_certain) == ("皖A12345", True)
        for lie in (
            "A1; DROP",
            "../../x",
            "a",
            "皖A12345/text",
            "皖A12345/exif",
            "皖A12345/tail",
            "皖A12345/empty",
        ):
            with pytest.raises(PictureBrokeDecoder):
                reader.read(jpeg() + f"lie:{lie}".encode())
            assert reader.read(jpeg() + b"lie:"), "the next picture is read"
    finally:
        reader.close()
