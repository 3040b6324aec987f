"""The vehicle hotlist, and the request to verify a hit. There is intentionally no field for a person."""

import msgspec

from schemas.enums import PlateClass, PlateColour, Purpose, ReviewReason
from schemas.units import EpochMs


class HotlistEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One vehicle that an authority looks for, for one of the closed purposes. Sealed.

    Attributes:
        entry_id: Unique in the list.
        plate_text: The plate's text, normalised: upper case, no separators.
        jurisdiction: Who issued the plate (ISO 3166-1 or -2).
        purpose: Why the vehicle is listed.
        authority: The authority that ordered the entry.
        case_ref: The authority's case.
        entered_by: The role or office that entered it.
        expires_at: From this time on the entry never matches.
        plate_class: The plate's series, where known.
        plate_colour: The plate's background, where known.
    """

    entry_id: str
    plate_text: str
    jurisdiction: str
    purpose: Purpose
    authority: str
    case_ref: str
    entered_by: str
    expires_at: EpochMs
    plate_class: PlateClass = PlateClass.UNKNOWN
    plate_colour: PlateColour = PlateColour.UNKNOWN


class VerificationRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A question to a person: is this the vehicle? Sealed. Nothing is dispatched before the answer.

    Attributes:
        request_id: Made from checkpoint, read and entry: equal on a repeat.
        entry_id: The hotlist entry.
        purpose: Why the vehicle is listed.
        authority: The authority that ordered the entry.
        case_ref: The authority's case.
        checkpoint_id: Where the vehicle passed.
        zone: The checkpoint's zone.
        occurred_at: When it passed.
        plate_text: The listed text, to compare with the crop.
        confidence: The reader's own confidence, 0 to 1; null is unknown.
        review_reasons: What to check first; empty when nothing contradicts the hit.
        list_age_ms: How old the hotlist was, milliseconds.
        crop_jpeg: A picture of the plate and nothing else, or null where none could be cut out.
        expires_at: After this time no answer counts.
    """

    request_id: str
    entry_id: str
    purpose: Purpose
    authority: str
    case_ref: str
    checkpoint_id: str
    zone: str
    occurred_at: EpochMs
    plate_text: str
    confidence: float | None
    review_reasons: tuple[ReviewReason, ...]
    list_age_ms: int
    crop_jpeg: bytes | None
    expires_at: EpochMs
