"""Pictures that cost a decoder more than they cost their sender, or that are no camera's, written marker by marker."""

import struct
from functools import cache
from typing import Final

import cv2
import numpy as np

from processors.vision.boxes import Picture

END: Final = b"\xff\xd9"


def segment(marker: int, content: bytes) -> bytes:
    """One segment with its length."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def drawn(width: int, height: int) -> Picture:
    """Something with edges and slopes."""
    coarse = np.random.default_rng(3).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@cache
def jpeg(width: int = 96, height: int = 64, *, progressive: bool = False, black: bool = False) -> bytes:
    """A picture as a camera sends it."""
    picture = np.zeros((height, width, 3), np.uint8) if black else drawn(width, height)
    options = [cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    written, encoded = cv2.imencode(".jpg", picture, options)
    assert written
    return encoded.tobytes()


def with_segments(payload: bytes, *segments: bytes) -> bytes:
    """The same picture with segments behind its start."""
    return payload[:2] + b"".join(segments) + payload[2:]


def with_scans(payload: bytes, count: int) -> bytes:
    """The same progressive picture with further scans that have no data: a decoder visits every block in each."""
    scan = segment(0xDA, bytes((1, 1, 0, 1, 63, 0, 0)))  # one component, its coefficients 1 to 63
    return payload[: -len(END)] + scan * count + END


def frame_at(payload: bytes) -> int:
    """Where the frame header begins."""
    return next(at for kind in range(0xC0, 0xC3) if (at := payload.find(bytes((0xFF, kind)))) > 0)


def announcing(payload: bytes, width: int, height: int) -> bytes:
    """The same data under a header with another size."""
    at = frame_at(payload)
    return payload[: at + 5] + struct.pack(">HH", height, width) + payload[at + 9 :]


def coded_as(payload: bytes, marker: int) -> bytes:
    """The same data under a header of another kind: arithmetic, lossless, hierarchical."""
    at = frame_at(payload)
    return payload[: at + 1] + bytes((marker,)) + payload[at + 2 :]


def of_bits(payload: bytes, bits: int) -> bytes:
    """The same data under a header of another precision."""
    at = frame_at(payload)
    return payload[: at + 4] + bytes((bits,)) + payload[at + 5 :]


def of_inks(payload: bytes) -> bytes:
    """A header of four components."""
    at = frame_at(payload)
    header = payload[at + 4 : at + 9] + b"\x04" + b"".join(bytes((number, 0x11, 0)) for number in range(1, 5))
    end = at + 2 + int.from_bytes(payload[at + 2 : at + 4], "big")
    return payload[:at] + segment(0xC0, header) + payload[end:]
