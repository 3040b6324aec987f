"""Pictures that are broken on purpose."""

import numpy as np

from processors.vision.jpeg import encode_jpeg

_SMALL = np.zeros((8, 8, 3), np.uint8)
_BASELINE_FRAME = (
    b"\xff\xc0"  # then two bytes each of length, one of precision, height, width (ITU T.81, B.2.2)
)


def truncated(jpeg: bytes) -> bytes:
    """The first half of a picture."""
    return jpeg[: len(jpeg) // 2]


def claims_50_megapixels() -> bytes:
    """A small picture whose frame header says 10,000 x 5,000 pixels."""
    jpeg = bytearray(encode_jpeg(_SMALL, 90))
    size_at = jpeg.index(_BASELINE_FRAME) + 5
    jpeg[size_at : size_at + 4] = (5_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    return bytes(jpeg)
