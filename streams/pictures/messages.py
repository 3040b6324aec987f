"""What a worker and its picture processes tell each other: lengths, msgpack, and nothing that could be run.

    worker ─► length, request ─► child ─► length, reply ─► worker

A child that a picture has taken over may write what it likes. So a reply has a largest size, is read as one of a few
records whose fields have limits, and what it says is checked against the request by whoever asked.
"""

import struct
from collections.abc import Callable
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from processors.vision.redaction import WithheldReason
from schemas.errors import Cause

MOST_REQUEST_BYTES: Final = 64 << 20
"""Three pictures of the largest record of a topic (schemas/topics.py), and a window of the flame rule."""

MOST_REPLY_BYTES: Final = 4 << 20
"""A redacted picture has at most 640 x 368 pixels, and eight crops of plates are smaller."""

MOST_PLATES: Final = 8  # as models/plate_reading.py
_LENGTH: Final = struct.Struct(">I")

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]

T = TypeVar("T")


class WireSight(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a picture (`processors.vision.flicker.Sight`), without its time.

    Attributes:
        green: The green channel, a byte a pixel.
        colour: Which pixels have the colour of fire, a bit a pixel.
    """

    green: bytes
    colour: bytes


class WireBurning(msgspec.Struct, frozen=True, gc=False):
    """`processors.vision.flicker.Burning`."""

    area: Share
    box: tuple[Share, Share, Share, Share]


class LookRequest(msgspec.Struct, frozen=True, tag="look"):
    """Whether a frame decodes and, with those before it, shows a fire.

    Attributes:
        jpeg: The frame.
        window: Those before it, oldest first; None where the frame has only to be decoded.
    """

    jpeg: bytes
    window: tuple[WireSight, ...] | None


class RedactRequest(msgspec.Struct, frozen=True, tag="redact"):
    """The picture that may leave.

    Attributes:
        jpeg: The frame.
        earlier: Frames of the last seconds.
    """

    jpeg: bytes
    earlier: tuple[bytes, ...]


class PlatesRequest(msgspec.Struct, frozen=True, tag="plates"):
    """The plates of a picture."""

    jpeg: bytes


class LookReply(msgspec.Struct, frozen=True, tag="looked"):
    """What the flame rule needs of a frame, whose size is that of the decoded picture."""

    width: Side
    height: Side
    sight: WireSight | None = None
    fire: WireBurning | None = None


class RedactReply(msgspec.Struct, frozen=True, tag="redacted"):
    """The redacted picture, and how many boxes of each kind were filled."""

    jpeg: bytes
    faces: Count
    plates: Count
    recent: Count


class WithheldReply(msgspec.Struct, frozen=True, tag="withheld"):
    """There is no redacted picture."""

    reason: WithheldReason


class WirePlate(msgspec.Struct, frozen=True, gc=False):
    """`processors.plates.verification.SeenPlate`."""

    text: Annotated[str, msgspec.Meta(max_length=16)]
    is_certain: bool
    jpeg: bytes


class PlatesReply(msgspec.Struct, frozen=True, tag="plates_read"):
    """The plates of a picture."""

    plates: Annotated[tuple[WirePlate, ...], msgspec.Meta(max_length=MOST_PLATES)]


class RefusedReply(msgspec.Struct, frozen=True, tag="refused"):
    """The picture cannot be used."""

    cause: Cause


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The first word of a child that has loaded its models and given up what it does not need.

    Attributes:
        sandbox: The kinds of protection that are in force.
        missing: Why it goes without models; empty where it has them.
    """

    sandbox: tuple[Text, ...]
    missing: Text = ""


class CannotStart(msgspec.Struct, frozen=True, tag="cannot_start"):
    """The first word of a child that ends.

    Attributes:
        text: Why, for the operator; no picture was there yet.
        is_input_missing: Whether a file that it needs is missing.
    """

    text: Text
    is_input_missing: bool


def read_message(read: Callable[[int], bytes], most_bytes: int) -> bytes:
    """Read one message.

    Args:
        read: Reads at most so many bytes, at least one; b"" at the end.
        most_bytes: The longest message.

    Raises:
        EOFError: The other side has ended.
        ValueError: It announces more than the longest message.
    """
    (length,) = _LENGTH.unpack(_read_exactly(read, _LENGTH.size))
    if length > most_bytes:
        raise ValueError("a message is too long")
    return _read_exactly(read, length)


def framed(message: bytes) -> bytes:
    """The message with its length before it."""
    return _LENGTH.pack(len(message)) + message


def _read_exactly(read: Callable[[int], bytes], length: int) -> bytes:
    parts, missing = [], length
    while missing:
        if not (part := read(min(missing, 1 << 20))):
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
