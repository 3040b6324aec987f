"""JPEG bytes to pixels and back; the bytes are checked before they are decoded.

OpenCV returns the same None for every fault, older versions fill the missing part of a truncated file with gray, and
all of them allocate whatever the header asks for, and go over all of it once a scan. So the markers are read first
(ITU T.81, annex B), which takes microseconds and decodes nothing:

    start of image -> segments ---> frame header -------------> scans -----------> end of image
    not a JPEG        too complex   too large, unsupported      too complex        truncated

libjpeg skips the bytes between markers and the content of segments in the same way, so that there are no scans that
it finds and the walk does not. What passes is decoded in well under ten seconds of one CPU, in a child process
(streams/pictures/).

No error of this module contains picture content or a library's message: the causes are a closed list.
"""

import re
from collections.abc import Iterator
from math import ceil
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np

from processors.vision.boxes import Picture
from schemas.errors import Cause, PictureError

START_OF_IMAGE: Final = b"\xff\xd8\xff"
END_OF_IMAGE: Final = 0xD9
START_OF_SCAN: Final = 0xDA
START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the three are DHT, JPG, DAC
PROGRESSIVE: Final = 0xC2
# Huffman coded, sequential or progressive. Lossless, hierarchical and arithmetic coding are in the standard and in
# decoders, and no camera sends them.
SUPPORTED_FRAMES: Final = frozenset({0xC0, 0xC1, PROGRESSIVE})
SUPPORTED_COMPONENTS: Final = frozenset({1, 3})  # gray, colour; four are ink colours
BITS: Final = 8  # of a sample; 12 is for medical pictures
MAX_PIXELS: Final = 40_000_000  # the largest surveillance cameras have 33 million (8K)
MAX_SEGMENTS: Final = (
    500  # a progressive picture with tables of its own for each scan and all of EXIF has under 100
)
MAX_SCANS: Final = 50  # encoders make 1 to 18; each adds its own tables
# Pixels times components, over all scans: a decoder visits each once a scan, even where the scan has no data. The
# ten scans of libjpeg's own progressive pictures, two of them of three components, in the largest size.
MAX_SCANNED: Final = 14 * MAX_PIXELS
BLOCK_PX: Final = 8
JFIF: Final = 0xE0
JFIF_BYTES: Final = 16  # without a thumbnail
WRITTEN_SEGMENTS: Final = frozenset({JFIF, 0xDB, 0xC0, 0xC4, START_OF_SCAN})  # tables, the frame header
MIN_FRAME_HEADER: Final = 8  # length, precision, height, width, component count
# A marker is FF and a byte that is neither stuffing (00), fill (FF) nor a marker without a length
# (TEM 01, RST0-7 D0-D7, SOI D8). libjpeg skips the bytes between markers in the same way.
MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)

REDUCED: Final[dict[int, int]] = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class JpegSize(NamedTuple):
    """Width and height in pixels as the frame header gives them, before any rotation that EXIF requests."""

    width: int
    height: int


def read_jpeg_size(payload: bytes) -> JpegSize:
    """Read the size of a JPEG from its frame header; what follows the header is not read.

    Returns:
        The size, both sides at least 1.

    Raises:
        PictureError: PICTURE_EMPTY, PICTURE_NOT_JPEG, or PICTURE_TRUNCATED where it ends before the frame header.
    """
    if not payload:
        raise PictureError("the picture has no bytes", Cause.PICTURE_EMPTY)
    if not payload.startswith(START_OF_IMAGE[: len(payload)]):
        raise PictureError("the picture does not start like a JPEG", Cause.PICTURE_NOT_JPEG)
    for marker, segment in _markers(payload):
        if marker in START_OF_FRAME:
            return _frame_size(segment)
        if marker in {START_OF_SCAN, END_OF_IMAGE}:
            raise PictureError("the picture has no frame header", Cause.PICTURE_NOT_JPEG)
    raise PictureError("the picture ends before its frame header", Cause.PICTURE_TRUNCATED)


def is_whole(payload: bytes) -> bool:
    """Whether a JPEG contains its end marker; bytes after it are allowed, because cameras pad their files.

    A file that was truncated and then closed with another end marker looks whole, and decodes with gray at the bottom.
    Only an entropy decoder that counts blocks could detect this, and no library used here reports it.
    """
    return any(marker == END_OF_IMAGE for marker, _ in _markers(payload))


def _markers(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker after the first, with its segment including the two length bytes."""
    at, count = 2, 0
    while found := MARKER.search(payload, at):
        count += 1
        if count > MAX_SEGMENTS:
            raise PictureError(
                f"the picture has more than {MAX_SEGMENTS} segments", Cause.PICTURE_TOO_COMPLEX
            )
        length = int.from_bytes(payload[found.end() : found.end() + 2], "big")
        yield found[1][0], payload[found.end() : found.end() + length]
        at = found.end() + length


def _frame_size(segment: bytes) -> JpegSize:
    if len(segment) < MIN_FRAME_HEADER:
        raise PictureError("the frame header is cut short", Cause.PICTURE_TRUNCATED)
    height, width = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[5:7], "big")
    if not height or not width:
        raise PictureError("the frame header gives no size", Cause.PICTURE_NOT_JPEG)
    return JpegSize(width, height)


def check_jpeg(payload: bytes, *, max_pixels: int = MAX_PIXELS) -> None:
    """Check a picture by its markers, in microseconds; its pixels may still be damaged.

    Args:
        payload: The whole file.
        max_pixels: The largest allowed product of width and height.

    Raises:
        PictureError: PICTURE_EMPTY, PICTURE_NOT_JPEG, PICTURE_TRUNCATED, PICTURE_TOO_LARGE; PICTURE_UNSUPPORTED
            where it is coded as no camera does; PICTURE_TOO_COMPLEX where its scans or segments would cost too much.
    """
    size = read_jpeg_size(payload)
    if size.width * size.height > max_pixels:
        raise PictureError(f"the picture has more than {max_pixels} pixels", Cause.PICTURE_TOO_LARGE)
    _check_segments(payload, size)


def _check_segments(payload: bytes, size: JpegSize) -> None:
    """Check each segment until the end marker."""
    kind, scans, scanned = 0, 0, 0
    for marker, segment in _markers(payload):
        if marker == END_OF_IMAGE:
            _check_length(len(payload), size, is_progressive=kind == PROGRESSIVE)
            return
        if marker in START_OF_FRAME:
            if kind:
                raise PictureError("the picture has two frame headers", Cause.PICTURE_NOT_JPEG)
            kind = marker
            _check_frame(marker, segment)
        elif marker == START_OF_SCAN:
            scans += 1
            scanned += _components_of(segment) * size.width * size.height
            if scans > MAX_SCANS or scanned > MAX_SCANNED:
                raise PictureError(
                    f"the picture has more than {MAX_SCANS} scans, or too many for its size",
                    Cause.PICTURE_TOO_COMPLEX,
                )
    raise PictureError("the picture ends before its end marker", Cause.PICTURE_TRUNCATED)


def _check_frame(marker: int, segment: bytes) -> None:
    _assert_whole(segment)
    precision, components = segment[2], segment[7]
    if marker not in SUPPORTED_FRAMES or precision != BITS or components not in SUPPORTED_COMPONENTS:
        raise PictureError(
            "the picture is not coded with Huffman codes, 8 bits and 1 or 3 components",
            Cause.PICTURE_UNSUPPORTED,
        )


def _components_of(segment: bytes) -> int:
    """How many components a scan has."""
    _assert_whole(segment)
    return max(1, segment[2])


def _assert_whole(segment: bytes) -> None:
    if len(segment) <= 2 or len(segment) < int.from_bytes(segment[:2], "big"):  # noqa: PLR2004 -- its own length
        raise PictureError("a segment of the picture is cut short", Cause.PICTURE_TRUNCATED)


def _check_length(length: int, size: JpegSize, *, is_progressive: bool) -> None:
    """Refuse a large frame with next to no data: the rest of it would be decoded as gray, at the price of a picture.

    Each block of 8 x 8 pixels takes a bit at least for its mean, and in a sequential picture one that ends it.
    """
    blocks = ceil(size.width / BLOCK_PX) * ceil(size.height / BLOCK_PX)
    if length * 8 < blocks * (1 if is_progressive else 2):
        raise PictureError("the picture has fewer bits than blocks", Cause.PICTURE_TRUNCATED)


def has_pixels_only(payload: bytes) -> bool:
    """Whether a checked JPEG is as `encode_jpeg` writes it: one scan, no EXIF, no comment, nothing behind its end."""
    kinds = []
    for marker, segment in _markers(payload):
        kinds.append(marker)
        if marker == END_OF_IMAGE:
            break
        if marker not in WRITTEN_SEGMENTS or (marker == JFIF and len(segment) != JFIF_BYTES):
            return False
    return kinds.count(START_OF_SCAN) == 1 and payload.endswith(bytes((0xFF, END_OF_IMAGE)))


def decode_jpeg(payload: bytes, *, max_pixels: int = MAX_PIXELS, reduce: Literal[1, 2, 4, 8] = 1) -> Picture:
    """Decode a JPEG to pixels.

    Args:
        payload: The whole file.
        max_pixels: A picture whose header announces more than this is refused before anything is decoded.
        reduce: Divisor of both sides. The JPEG transform makes 2, 4 and 8 cheaper than decoding in full.

    Returns:
        (H, W, 3) BGR, uint8, rotated upright as EXIF says.

    Raises:
        PictureError: As `check_jpeg`, and PICTURE_NOT_JPEG where its body does not decode.
        MemoryError: There is not enough memory for it.
    """
    check_jpeg(payload, max_pixels=max_pixels)
    try:
        picture = cv2.imdecode(np.frombuffer(payload, dtype=np.uint8), REDUCED[reduce])
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        picture = None
    if picture is None:
        raise PictureError("the picture's body does not decode", Cause.PICTURE_NOT_JPEG) from None
    return np.asarray(picture, dtype=np.uint8)


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """Encode pixels and nothing else: no EXIF, no thumbnail, no comment.

    Args:
        picture: (H, W, 3) BGR, uint8, at least 1 x 1.
        quality: 1 to 100, on libjpeg's scale.

    Raises:
        ValueError: The picture or the quality is out of range.
        PictureError: PROCESSING_FAILED where the encoder fails.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:  # noqa: PLR2004 -- the shape is the documented one
        raise ValueError("a picture is (H, W, 3) uint8 and not empty")
    if not 1 <= quality <= 100:  # noqa: PLR2004 -- libjpeg's range
        raise ValueError("quality is 1 to 100")
    try:
        written, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:
        written = False
    if not written:
        raise PictureError("the picture could not be encoded", Cause.PROCESSING_FAILED) from None
    return encoded.tobytes()
