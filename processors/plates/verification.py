"""The question to a person that a hit becomes."""

from typing import NamedTuple

from processors.plates.hotlist import Match
from schemas.enums import ReviewReason
from schemas.feeds import PlateRead
from schemas.hotlist import VerificationRequest
from schemas.ids import fingerprint
from schemas.units import MINUTE_MS, EpochMs

CONFIDENT = 0.85
"""A reader's own confidence from which on its text counts as certain; the gate measured at 99.6 %."""

ANSWER_WITHIN_MS = 5 * MINUTE_MS  # requirement 22


class SeenPlate(NamedTuple):
    """One plate that was found and read in a picture.

    Attributes:
        text: Normalised.
        is_certain: It passed the gate.
        jpeg: The plate and nothing else.
    """

    text: str
    is_certain: bool
    jpeg: bytes


def read_id(read: PlateRead) -> str:
    """The read's own id, or one made of checkpoint and times: never of the plate."""
    return read.event_id or fingerprint("plate-read", read.checkpoint_id, read.occurred_at, read.received_at)


def verification_request(
    read: PlateRead, hit: Match, *, zone: str, at: EpochMs, list_age_ms: int, crop: SeenPlate | None
) -> VerificationRequest:
    """Ask a person whether this is the vehicle.

    Args:
        read: The vehicle that passed.
        hit: The entry it fits.
        zone: The checkpoint's zone.
        at: When the read was appended.
        list_age_ms: How old the list was then.
        crop: The plate as we saw it, or None where none could be cut out.

    Returns:
        The request, with the same id on a repeat; the list may have aged meanwhile.
    """
    reasons = hit.review_reasons
    if crop is None:
        reasons += (ReviewReason.PICTURE_MISSING,)
    elif crop.text != hit.entry.plate_text:
        reasons += (ReviewReason.PICTURE_DIFFERS,)
    entry = hit.entry
    return VerificationRequest(
        request_id=fingerprint("verification", read.checkpoint_id, read_id(read), entry.entry_id),
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
