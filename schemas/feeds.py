"""The records of the three feeds. Outside systems write them, so every field may be wrong."""

import msgspec

from schemas.enums import PillarKind, PlateClass, PlateColour
from schemas.units import EpochMs


class PillarEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One report of an alarm pillar (help point, call box, one-key alarm).

    Attributes:
        event_id: Unique per device and equal on a resend; null where the source has none, so that intake derives one.
        device_id: The pillar, as the site registry names it.
        kind: What it reports.
        occurred_at: When it happened, by the device's clock.
        received_at: When the intake gateway received it, by the gateway's clock.
        sequence: The device's own counter, or null.
        active: False when a fault (tamper, battery, mains, comms) has cleared.
        exercise: True when it is part of an announced exercise, of which nothing reaches the live topics.
    """

    device_id: str
    kind: PillarKind
    occurred_at: EpochMs
    received_at: EpochMs
    event_id: str | None = None
    sequence: int | None = None
    active: bool = True
    exercise: bool = False


class CameraFrame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One picture of a camera. Sealed: it may show people.

    Attributes:
        camera_id: The camera, as the site registry names it.
        captured_at: When the picture was taken.
        received_at: When the intake gateway received it.
        jpeg: The picture, baseline or progressive JPEG, at most 40 megapixels.
        event_id: Unique per camera and equal on a resend; null where the source has none.
    """

    camera_id: str
    captured_at: EpochMs
    received_at: EpochMs
    jpeg: bytes
    event_id: str | None = None


class PlateRead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One vehicle that passed a checkpoint plate reader. Sealed.

    Attributes:
        checkpoint_id: The checkpoint, as the site registry names it.
        occurred_at: When the vehicle passed.
        received_at: When the intake gateway received the read.
        event_id: Unique per checkpoint and equal on a resend; null where the source has none.
        plate_text: The text that the reader has read, or null where it sends only a picture.
        confidence: The reader's own confidence, 0 to 1; null is unknown and never means certain.
        plate_class: The plate's series, where the reader reports it.
        plate_colour: The plate's background, where the reader reports it.
        jurisdiction: Who issued the plate (ISO 3166-1 or -2, such as CN or US-CO), or null.
        picture: JPEG of the plate or of the vehicle's front, or null.
    """

    checkpoint_id: str
    occurred_at: EpochMs
    received_at: EpochMs
    event_id: str | None = None
    plate_text: str | None = None
    confidence: float | None = None
    plate_class: PlateClass = PlateClass.UNKNOWN
    plate_colour: PlateColour = PlateColour.UNKNOWN
    jurisdiction: str | None = None
    picture: bytes | None = None
