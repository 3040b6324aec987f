"""Decoding and encoding of JPEG: what is refused, and with which cause."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from processors.vision.boxes import Picture
from processors.vision.jpeg import decode_jpeg, encode_jpeg, is_whole, read_jpeg_size
from schemas.errors import Cause, PictureError


def scene(width: int = 96, height: int = 64) -> Picture:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def jpeg(width: int = 96, height: int = 64) -> bytes:
    return encode_jpeg(scene(width, height), 90)


def progressive() -> bytes:
    written, encoded = cv2.imencode(".jpg", scene(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert written
    return encoded.tobytes()


def announcing(width: int, height: int, payload: bytes) -> bytes:
    """The same file with another size in its frame header."""
    at = max(payload.find(b"\xff\xc0"), payload.find(b"\xff\xc2"))
    return payload[: at + 5] + struct.pack(">HH", height, width) + payload[at + 9 :]


def cause_of(payload: bytes, **options: int) -> Cause:
    with pytest.raises(PictureError) as refused:
        decode_jpeg(payload, **options)  # type: ignore[arg-type] # reduce is a literal
    return refused.value.cause


def test_a_picture_comes_back_in_its_size_and_nearly_in_its_colours() -> None:
    decoded = decode_jpeg(jpeg())
    assert decoded.shape == (64, 96, 3)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - scene()).mean() < 4


@pytest.mark.parametrize(
    ("reduce", "shape"), [(1, (64, 96, 3)), (2, (32, 48, 3)), (4, (16, 24, 3)), (8, (8, 12, 3))]
)
def test_a_picture_can_be_decoded_smaller(reduce: int, shape: tuple[int, ...]) -> None:
    assert decode_jpeg(jpeg(), reduce=reduce).shape == shape  # type: ignore[arg-type] # reduce is a literal


def test_a_progressive_picture_is_decoded() -> None:
    assert decode_jpeg(progressive()).shape == (64, 96, 3)


def test_no_bytes_are_an_empty_picture() -> None:
    assert cause_of(b"") is Cause.PICTURE_EMPTY


@pytest.mark.parametrize(
    "payload", [b"hello, this is no picture", b"\x00" * 100, b"GIF89a", b"\xff\xd9\xff\xd8"]
)
def test_other_bytes_are_not_a_jpeg(payload: bytes) -> None:
    assert cause_of(payload) is Cause.PICTURE_NOT_JPEG


def test_a_png_is_not_a_jpeg_although_opencv_would_decode_it() -> None:
    written, encoded = cv2.imencode(".png", scene())
    assert written
    assert cause_of(encoded.tobytes()) is Cause.PICTURE_NOT_JPEG


@pytest.mark.parametrize("whole", [jpeg(), progressive()], ids=["baseline", "progressive"])
def test_a_cut_anywhere_is_noticed(whole: bytes) -> None:
    causes = {cause_of(whole[:length]) for length in range(1, len(whole))}
    assert causes == {Cause.PICTURE_TRUNCATED}


def test_bytes_after_the_end_are_allowed() -> None:
    assert decode_jpeg(jpeg() + b"\x00" * 32).shape == (64, 96, 3)


def test_a_picture_of_50_megapixels_is_refused_by_its_header() -> None:
    assert cause_of(announcing(10_000, 5_000, jpeg())) is Cause.PICTURE_TOO_LARGE


def test_a_header_alone_is_enough_to_refuse_a_large_picture() -> None:
    large = announcing(65_535, 65_535, jpeg())
    header_only = large[: large.find(b"\xff\xda")]
    assert (
        cause_of(header_only) is Cause.PICTURE_TOO_LARGE
    )  # and not the cause of a picture that cannot be decoded


def test_the_limit_itself_is_allowed() -> None:
    assert decode_jpeg(jpeg(), max_pixels=96 * 64).shape == (64, 96, 3)
    assert cause_of(jpeg(), max_pixels=96 * 64 - 1) is Cause.PICTURE_TOO_LARGE


@pytest.mark.parametrize(("width", "height"), [(0, 64), (96, 0)])
def test_a_picture_without_a_side_is_not_a_jpeg(width: int, height: int) -> None:
    assert cause_of(announcing(width, height, jpeg())) is Cause.PICTURE_NOT_JPEG


def test_a_size_in_a_comment_or_a_thumbnail_is_not_believed() -> None:
    inner = announcing(60_000, 60_000, jpeg(32, 32))
    comment = b"\xff\xfe" + struct.pack(">H", len(inner) + 2) + inner
    assert read_jpeg_size(b"\xff\xd8" + comment + jpeg()[2:]) == (96, 64)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture() -> None:
    inner = jpeg(32, 32)
    comment = b"\xff\xfe" + struct.pack(">H", len(inner) + 2) + inner
    cut = (b"\xff\xd8" + comment + jpeg()[2:])[:-100]
    assert not is_whole(cut)


def test_a_body_that_does_not_decode_is_refused() -> None:
    whole = jpeg()
    frame = whole.find(b"\xff\xc0")
    tables_gone = whole[:2] + whole[frame : frame + 19] + whole[whole.find(b"\xff\xda") :]
    assert cause_of(tables_gone) is Cause.PICTURE_NOT_JPEG


def test_a_second_frame_header_cannot_smuggle_a_size_in() -> None:
    whole = jpeg()
    frame = whole.find(b"\xff\xc0")
    header = whole[frame : frame + 19]
    doubled = announcing(64, 64, whole[:frame] + header + header + whole[frame + 19 :])
    assert cause_of(doubled) is Cause.PICTURE_NOT_JPEG


@pytest.mark.parametrize("payload", [b"secret plate text", jpeg()[:300], announcing(10_000, 5_000, jpeg())])
def test_an_error_never_quotes_the_picture_s_content(payload: bytes) -> None:
    with pytest.raises(PictureError) as refused:
        decode_jpeg(payload)
    assert "secret" not in str(refused.value)
    assert "cv2" not in str(refused.value).lower()
    assert refused.value.__cause__ is None


def test_an_encoded_picture_has_no_exif_and_no_comment() -> None:
    encoded = jpeg()
    assert b"Exif" not in encoded
    assert b"\xff\xe1" not in encoded[:200]
    assert b"\xff\xfe" not in encoded[:200]


def test_pillow_reads_the_same_picture() -> None:
    with Image.open(io.BytesIO(jpeg())) as read:
        assert read.size == (96, 64)
        assert not dict(read.getexif())


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
    ids=["empty", "gray", "four channels", "floats"],
)
def test_an_array_that_is_no_picture_is_not_encoded(picture: Picture) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        encode_jpeg(picture, 80)


@pytest.mark.parametrize("quality", [0, 101, -1])
def test_a_quality_out_of_range_is_refused(quality: int) -> None:
    with pytest.raises(ValueError, match="quality"):
        encode_jpeg(scene(), quality)


def test_a_side_longer_than_jpeg_allows_is_an_error_with_a_cause() -> None:
    with pytest.raises(PictureError) as refused:
        encode_jpeg(np.zeros((1, 65_536, 3), np.uint8), 80)
    assert refused.value.cause is Cause.PROCESSING_FAILED
