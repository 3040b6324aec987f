"""Redaction: the only way from a camera's pixels to bytes that may be published.

    picture + faces + plates + boxes of the last seconds
        -> grow 1.4 x -> solid fill -> at most half the detector's resolution -> solid fill -> JPEG
        -> RedactedPicture, or Withheld with a reason

Privacy is a type: code that publishes requires a `RedactedPicture`, and only `redact` can build one. A box is filled
twice: before the picture is made smaller, so that no pixel beside it averages hidden content, and afterwards, so that
its edge is solid. The fill is solid because blur and mosaic can be undone. The picture is delivered small because a
face that a detector has missed must be too small to recognise.

Nothing here knows who is in a picture, and nothing here may.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from enum import StrEnum
from typing import Annotated, Final, TypeAlias, final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from processors.vision.boxes import Boxes, Detections, Picture
from processors.vision.jpeg import JpegSize, check_jpeg, encode_jpeg, has_pixels_only, read_jpeg_size
from schemas.errors import PictureError

FILL_BGR: Final = (0, 0, 0)  # black, which nobody takes for a part of the scene
MOST_DELIVERED: Final = 0.5  # share of the detection resolution: faces below 16 px are then below 8 px
PICTURE_AXES: Final = 3

PixelBoxes: TypeAlias = NDArray[np.int64]  # (N, 4), x_max and y_max exclusive, inside the picture
_MADE_BY_REDACT: Final = object()


class WithheldReason(StrEnum):
    """Why a picture is not published: a closed list, safe as a metric label."""

    UNKNOWN = "unknown"
    PICTURE_UNUSABLE = "picture_unusable"
    BOXES_UNUSABLE = "boxes_unusable"
    ENCODING_FAILED = "encoding_failed"
    MODEL_MISSING = "model_missing"  # this and the next three are for the worker that runs the detectors
    DETECTION_FAILED = "detection_failed"
    TIMED_OUT = "timed_out"
    DECODER_ENDED = (
        "decoder_ended"  # the process that was to redact it, and nothing of the picture is trusted
    )


class RedactionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How pictures are redacted. The limits keep an operator from weakening the redaction.

    Attributes:
        detection_width: Width of the detectors' input, pixels.
        detection_height: Height of the detectors' input, pixels.
        score_min: Detections from this score on are hidden. From 0.1 on, CenterFace finds 0.97 of the faces of 16 to
            24 px; from 0.2 on, its authors' default, 0.92.
        dilation: Boxes grow by this factor around their centre.
        recent_ms: Boxes of pictures up to this much older are hidden too, because a detector may miss a face in single
            pictures.
        delivered_fraction: Size of the delivered picture as a share of the detection resolution.
        quality: Quality of the JPEG, 1 to 100.
    """

    detection_width: Annotated[int, msgspec.Meta(ge=640, le=7680)] = 1280
    detection_height: Annotated[int, msgspec.Meta(ge=352, le=4320)] = 736
    score_min: Annotated[float, msgspec.Meta(gt=0, le=0.2)] = 0.1
    dilation: Annotated[float, msgspec.Meta(ge=1.3, le=4)] = 1.4
    recent_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 3_000
    delivered_fraction: Annotated[float, msgspec.Meta(gt=0, le=MOST_DELIVERED)] = MOST_DELIVERED
    quality: Annotated[int, msgspec.Meta(ge=30, le=95)] = 80


@final
@dataclass(frozen=True, slots=True)
class RedactedPicture:
    """A picture that may be published. Only `redact` can build it, and `accept_redacted` from what it has made.

    Attributes:
        jpeg: The encoded picture: pixels only.
        sha256: Hash of `jpeg`, 64 lower-case hexadecimal digits.
        width: Pixels.
        height: Pixels.
        faces: Number of face boxes that were filled.
        plates: Number of plate boxes that were filled.
        recent: Number of boxes of earlier pictures that were filled.
    """

    jpeg: bytes
    sha256: str
    width: int
    height: int
    faces: int
    plates: int
    recent: int
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _MADE_BY_REDACT:
            raise TypeError("only processors.vision.redaction builds a RedactedPicture")


@dataclass(frozen=True, slots=True)
class Withheld:
    """The picture is withheld, and why."""

    reason: WithheldReason


Redaction: TypeAlias = RedactedPicture | Withheld


def redact(
    picture: Picture,
    faces: Detections,
    plates: Detections,
    policy: RedactionPolicy,
    recent: Sequence[Boxes] = (),
) -> Redaction:
    """Fill every box, make the picture smaller, and encode it again.

    Args:
        picture: (H, W, 3) BGR, uint8, at least 2 x 2; it is not changed.
        faces: Detections in pixels of `picture`. All of them are hidden, whatever their score.
        plates: Like `faces`.
        policy: Dilation, size and quality.
        recent: Boxes of the same camera's pictures of the last seconds, in pixels of a picture of this size.

    Returns:
        The redacted picture. Withheld where `picture` has another shape or type, or where a box is invalid (not
        finite, or with its minimum above its maximum): the other boxes of such a detector cannot be trusted either.
    """
    if not _is_usable(picture):
        return Withheld(WithheldReason.PICTURE_UNUSABLE)
    groups = (faces.boxes_xyxy, plates.boxes_xyxy, *recent)
    if not all(_are_usable(boxes) for boxes in groups):
        return Withheld(WithheldReason.BOXES_UNUSABLE)
    height, width = picture.shape[:2]
    small_width, small_height = delivered_size(width, height, policy)
    ratio = np.array([small_width / width, small_height / height] * 2)
    grown = [_dilated(boxes, policy.dilation) for boxes in groups]
    hidden = [_pixels(boxes, width, height) for boxes in grown]
    small_hidden = [_pixels(boxes * ratio, small_width, small_height) for boxes in grown]
    try:
        small = cv2.resize(
            _filled(picture, hidden), (small_width, small_height), interpolation=cv2.INTER_AREA
        )
        jpeg = encode_jpeg(_filled(np.asarray(small, dtype=np.uint8), small_hidden), policy.quality)
    except (PictureError, cv2.error):
        return Withheld(WithheldReason.ENCODING_FAILED)
    face_count, plate_count, *recent_counts = (len(boxes) for boxes in hidden)
    return RedactedPicture(
        jpeg=jpeg,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        width=small_width,
        height=small_height,
        faces=face_count,
        plates=plate_count,
        recent=sum(recent_counts),
        made_by=_MADE_BY_REDACT,
    )


def accept_redacted(
    jpeg: bytes, source: JpegSize, policy: RedactionPolicy, *, faces: int, plates: int, recent: int
) -> Redaction:
    """Take a picture that `redact` has made in another process, as far as bytes and size can be checked here.

    Args:
        jpeg: The picture.
        source: Size of the picture that was redacted, before any rotation that EXIF requests.
        policy: The policy of the other process.
        faces: Number of face boxes that were filled.
        plates: Number of plate boxes that were filled.
        recent: Number of boxes of earlier pictures that were filled.

    Returns:
        The redacted picture. Withheld where it is no JPEG of pixels only, or not of the delivered size.
    """
    width, height = source
    try:
        check_jpeg(jpeg)
        size = read_jpeg_size(jpeg)
    except PictureError:
        return Withheld(WithheldReason.ENCODING_FAILED)
    expected = {delivered_size(width, height, policy), delivered_size(height, width, policy)}
    if size not in expected or not has_pixels_only(jpeg):
        return Withheld(WithheldReason.ENCODING_FAILED)
    return RedactedPicture(
        jpeg=jpeg,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        width=size.width,
        height=size.height,
        faces=faces,
        plates=plates,
        recent=recent,
        made_by=_MADE_BY_REDACT,
    )


def delivered_size(width: int, height: int, policy: RedactionPolicy) -> tuple[int, int]:
    """Width and height of the delivered picture: a fraction of the detectors' input, or of a smaller picture."""
    detection_ratio = min(policy.detection_width / width, policy.detection_height / height, 1.0)
    ratio = detection_ratio * policy.delivered_fraction
    return max(1, int(width * ratio)), max(1, int(height * ratio))


def _is_usable(picture: Picture) -> bool:
    shaped = picture.ndim == PICTURE_AXES and picture.shape[2] == len(FILL_BGR)
    return shaped and picture.dtype == np.uint8 and min(picture.shape[:2]) > 1


def _are_usable(boxes: Boxes) -> bool:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():  # noqa: PLR2004 -- (N, 4)
        return False
    return bool((boxes[:, 2:] >= boxes[:, :2]).all())


def _dilated(boxes: Boxes, factor: float) -> NDArray[np.float64]:
    """Grow boxes around their centres. A box without width or height is first given a side of one pixel."""
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    centre, half = (low + high) / 2, np.maximum(high - low, 1.0) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=1)


def _pixels(boxes: NDArray[np.float64], width: int, height: int) -> PixelBoxes:
    """Round boxes outwards, so that every pixel that a box touches is filled, and drop boxes outside the picture."""
    limits = np.array([width, height])
    low = np.clip(np.floor(boxes[:, :2]), 0, limits).astype(np.int64)
    high = np.clip(np.ceil(boxes[:, 2:]), 0, limits).astype(np.int64)
    return np.concatenate([low, high], axis=1)[(high > low).all(axis=1)]


def _filled(picture: Picture, groups: Sequence[PixelBoxes]) -> Picture:
    filled = picture.copy()
    for boxes in groups:
        for x_min, y_min, x_max, y_max in boxes:
            filled[y_min:y_max, x_min:x_max] = FILL_BGR
    return filled
