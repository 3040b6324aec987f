"""From a plate read to the vehicle that passed, as it is compared with the hotlist."""

from processors.plates.grammar import normalise_plate_text
from processors.plates.hotlist import VehicleRead
from processors.plates.verification import CONFIDENT
from schemas.feeds import PlateRead


def vehicle_by_text(read: PlateRead, text: str) -> VehicleRead:
    """What passed, by the reader's own text.

    Raises:
        DecodeError: The text is none.
    """
    is_certain = read.confidence is not None and CONFIDENT <= read.confidence <= 1
    return vehicle_as_read(read, normalise_plate_text(text), is_certain=is_certain)


def vehicle_as_read(read: PlateRead, text: str, *, is_certain: bool) -> VehicleRead:
    """What passed, by a text that is normalised already."""
    return VehicleRead(text, read.jurisdiction, read.plate_class, read.plate_colour, is_certain)
