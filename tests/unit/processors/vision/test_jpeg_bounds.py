"""What a picture may cost is known before it is decoded, from its markers alone."""

import io

import numpy as np
import pytest
from PIL import Image

from processors.vision.jpeg import MAX_PIXELS, MAX_SEGMENTS, check_jpeg, decode_jpeg
from schemas.errors import Cause, PictureError
from tests.support.hostile_pictures import (
    announcing,
    coded_as,
    frame_at,
    jpeg,
    of_bits,
    of_inks,
    segment,
    with_scans,
    with_segments,
)

ELEVEN_MEGAPIXELS = (3840, 2880)


def cause_of(payload: bytes) -> Cause:
    with pytest.raises(PictureError) as refused:
        check_jpeg(payload)
    return refused.value.cause


@pytest.mark.parametrize("black", [False, True])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (17, 9), (640, 360), (65_500, 1), (1, 65_500), ELEVEN_MEGAPIXELS])
def test_what_an_encoder_makes_passes(size: tuple[int, int], progressive: bool, black: bool) -> None:
    check_jpeg(jpeg(*size, progressive=progressive, black=black))


def test_a_progressive_picture_of_the_largest_size_passes() -> None:
    check_jpeg(jpeg(6_320, 6_320, progressive=True, black=True))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"optimize": True}, {"restart_marker_blocks": 1}]
)
def test_what_pillow_makes_passes(mode: str, options: dict[str, int]) -> None:
    for progressive in (False, True):
        file = io.BytesIO()
        picture = Image.new(mode, (333, 222))
        picture.save(file, "JPEG", progressive=progressive, exif=Image.Exif(), **options)
        assert decode_jpeg(file.getvalue()).shape == (222, 333, 3)


@pytest.mark.parametrize("scans", [40, 3_000])
@pytest.mark.parametrize("size", [ELEVEN_MEGAPIXELS, (6_320, 6_320)])
def test_many_scans_of_many_pixels_are_refused(size: tuple[int, int], scans: int) -> None:
    assert cause_of(with_scans(jpeg(*size, progressive=True, black=True), scans)) is Cause.PICTURE_TOO_COMPLEX


@pytest.mark.parametrize("progressive", [False, True])
def test_thousands_of_scans_are_refused_however_small_the_picture_is(progressive: bool) -> None:
    assert cause_of(with_scans(jpeg(progressive=progressive), 3_000)) is Cause.PICTURE_TOO_COMPLEX


def test_twice_the_usual_number_of_scans_is_allowed() -> None:
    check_jpeg(with_scans(jpeg(1920, 1080, progressive=True), 10))


@pytest.mark.parametrize(
    "one",
    [
        segment(0xC4, bytes(17)),
        segment(0xDB, bytes(65)),
        segment(0xE1, b"Exif\0\0"),
        segment(0xFE, b""),
        segment(0xDD, b"\0\1"),
        b"\xff\xe0\0\0",
    ],
    ids=["Huffman tables", "quantisation tables", "EXIF", "comments", "restart intervals", "no length"],
)
def test_any_number_of_segments_is_refused(one: bytes) -> None:
    assert cause_of(with_segments(jpeg(), *[one] * MAX_SEGMENTS)) is Cause.PICTURE_TOO_COMPLEX
    assert cause_of(with_segments(jpeg(), *[one] * 200_000)) is Cause.PICTURE_TOO_COMPLEX


def test_segments_of_the_largest_size_are_skipped() -> None:
    largest = segment(0xE2, bytes(65_533))
    assert decode_jpeg(with_segments(jpeg(), *[largest] * 60)).shape == (64, 96, 3)


@pytest.mark.parametrize("kind", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_other_codings_are_refused(kind: int) -> None:
    assert cause_of(coded_as(jpeg(), kind)) is Cause.PICTURE_UNSUPPORTED


@pytest.mark.parametrize("bits", [0, 2, 12, 16, 255])
def test_other_precisions_are_refused(bits: int) -> None:
    assert cause_of(of_bits(jpeg(), bits)) is Cause.PICTURE_UNSUPPORTED


def test_four_inks_are_refused() -> None:
    assert cause_of(of_inks(jpeg())) is Cause.PICTURE_UNSUPPORTED


@pytest.mark.parametrize("size", [(6_300, 6_300), (65_000, 600), (600, 65_000)])
def test_a_large_header_with_next_to_no_data_is_refused(size: tuple[int, int]) -> None:
    """A kilobyte would be decoded to 40 megapixels of gray."""
    assert size[0] * size[1] < MAX_PIXELS
    assert cause_of(announcing(jpeg(), *size)) is Cause.PICTURE_TRUNCATED
    assert cause_of(announcing(jpeg(progressive=True), *size)) is Cause.PICTURE_TRUNCATED


def test_a_second_frame_header_is_refused_wherever_it_stands() -> None:
    whole = jpeg()
    at = frame_at(whole)
    header = whole[at : at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")]
    assert cause_of(with_segments(whole, header)) is Cause.PICTURE_NOT_JPEG
    assert cause_of(whole[:-2] + header + whole[-2:]) is Cause.PICTURE_NOT_JPEG


def test_pictures_inside_a_picture_are_not_counted() -> None:
    inner = with_scans(jpeg(progressive=True), 3_000)
    check_jpeg(with_segments(jpeg(), segment(0xE1, b"Exif\0\0" + inner)))
    check_jpeg(jpeg() + inner)  # bytes behind the end are not looked at


def test_a_walk_over_noise_ends() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
    with pytest.raises(PictureError):
        check_jpeg(jpeg()[:200] + noise)
    assert cause_of(b"\xff" * (1 << 20)) is Cause.PICTURE_NOT_JPEG
    assert cause_of(b"\xff\xd8" + b"\xff" * (1 << 20)) is Cause.PICTURE_TRUNCATED
