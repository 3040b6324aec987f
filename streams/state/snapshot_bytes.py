"""The state in a snapshot, compressed and back, with a bound on what it may unpack to.

A snapshot is written by `fusion` alone, and read by every `fusion` at its start: whoever has taken over its credential
could otherwise make 1 kB unpack to gigabytes, in each of them, at each start.
"""

from typing import Final

import zstandard

from schemas.topics import BY_NAME, FUSION_SNAPSHOT

COMPRESSION_LEVEL: Final = 1  # higher levels save a tenth and cost three times the time

MAX_STATE_BYTES: Final = 8 * BY_NAME[FUSION_SNAPSHOT].max_message_bytes
"""10,000 devices and 4,600 open incidents take 30 MB, 7 MB of them packed (`python -m benchmarks.fold`)."""

MAX_RATIO: Final = 1_024
"""How many times its packed size a state may have: 4 with the ids of that bench, 87 with 2,000 devices that have sent
nothing yet."""

SMALL_BYTES: Final = 1 << 20
"""A state of this size is unpacked whatever it was packed to."""


def pack_state(state: bytes) -> bytes:
    """Compress.

    Raises:
        ValueError: It is larger than `unpack_state` would take.
    """
    if len(state) > MAX_STATE_BYTES:
        raise ValueError(f"a state of {len(state)} bytes, {MAX_STATE_BYTES} are allowed")
    packed = zstandard.compress(state, COMPRESSION_LEVEL)
    if len(state) > _most(packed):
        raise ValueError(f"a state of {len(state)} bytes in {len(packed)}, {_most(packed)} are allowed")
    return packed


def unpack_state(packed: bytes) -> bytes:
    """Decompress the frame of a state, whose header says how large it is: so much is allocated, and no more.

    Raises:
        ValueError: It is no whole frame, does not say how large it is, or is more than a state can be.
    """
    most = _most(packed)
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if size > most:  # a frame that does not say its size has the largest number here
            raise ValueError(f"{len(packed)} bytes that unpack to {size}, {most} are allowed")
        return zstandard.ZstdDecompressor().decompress(packed, read_across_frames=False)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _most(packed: bytes) -> int:
    """How many bytes a packed state may have."""
    return min(MAX_STATE_BYTES, max(SMALL_BYTES, MAX_RATIO * len(packed)))
