"""The request to a person to verify a hit."""

from typing import NamedTuple

from processors.plates.hotlist import Match
from schemas.enums import ReviewReason
from schemas.feeds import PlateRead
from schemas.hotlist import VerificationRequest
from schemas.ids import fingerprint
from schemas.units import MINUTE_MS, EpochMs

CONFIDENT = 0.85
"""A checkpoint reader's confidence from which on its text counts as certain; this gate was measured at 99.6 %."""

ANSWER_WITHIN_MS = 5 * MINUTE_MS  # requirement 22


class SeenPlate(NamedTuple):
    """One plate that was detected and read in a picture.

    Attributes:
        text: The text, normalised.
        is_certain: Whether the reading is certain (processors/plates/consensus.py).
        jpeg: A picture of the plate and nothing else.
    """

    text: str
    is_certain: bool
    jpeg: bytes


def verification_request(
    read: PlateRead,
    hit: Match,
    *,
    zone: str,
    at: EpochMs,
    list_age_ms: int,
    crop: SeenPlate | None,
) -> VerificationRequest:
    """The request that asks a person whether this is the vehicle.

    Args:
        read: The read of the vehicle, with an id and times that may go out (processors/intake/plate_read.py).
        hit: The entry that it matches.
        zone: The checkpoint's zone.
        at: When the read was appended.
        list_age_ms: How old the list was then, milliseconds.
        crop: The plate in the picture, or None where none could be cut out.

    Returns:
        The request. A repeat has the same id, but the age of the list may differ.
    """
    reasons = hit.review_reasons
    if crop is None:
        reasons += (ReviewReason.PICTURE_MISSING,)
    elif crop.text != hit.entry.plate_text:
        reasons += (ReviewReason.PICTURE_DIFFERS,)
    entry = hit.entry
    return VerificationRequest(
        request_id=fingerprint("verification", read.checkpoint_id, read.event_id or "", entry.entry_id),
        entry_id=entry.entry_id,
        purpose=entry.purpose,
        authority=entry.authority,
        case_ref=entry.case_ref,
        checkpoint_id=read.checkpoint_id,
        zone=zone,
        occurred_at=read.occurred_at,
        plate_text=entry.plate_text,
        confidence=read.confidence,
        review_reasons=reasons,
        list_age_ms=list_age_ms,
        crop_jpeg=None if crop is None else crop.jpeg,
        expires_at=EpochMs(at + ANSWER_WITHIN_MS),
    )
