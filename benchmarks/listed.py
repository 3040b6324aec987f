"""A vehicle on the hotlist, made up for benches."""

from schemas.enums import Purpose
from schemas.units import DAY_MS, EpochMs
from schemas.vehicles import HotlistEntry


def listed_vehicle(entry_id: str, plate_text: str, at: EpochMs) -> HotlistEntry:
    """An entry that is in force for a day.

    Args:
        entry_id: Its id.
        plate_text: A text that no authority gives out.
        at: When it is entered.
    """
    return HotlistEntry(
        entry_id=entry_id,
        plate_text=plate_text,
        jurisdiction="CN",
        purpose=Purpose.STOLEN_VEHICLE,
        authority="bench",
        case_ref="bench",
        entered_by="bench",
        expires_at=EpochMs(at + DAY_MS),
    )
