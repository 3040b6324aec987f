"""Fixtures of the benches: entries of a registry and of a hotlist."""

from schemas.enums import DeviceKind, Purpose
from schemas.hotlist import HotlistEntry
from schemas.registry import RegistryDevice
from schemas.units import DAY_MS, DegE7, EpochMs


def listed_vehicle(entry_id: str, plate_text: str, at: EpochMs) -> HotlistEntry:
    """An entry that is in force for a day.

    Args:
        entry_id: Its id.
        plate_text: A text that no authority issues.
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


def standing_device(device_id: str, kind: DeviceKind, zone: str) -> RegistryDevice:
    """A device that only has to be registered; its position is latitude 0, longitude 0."""
    return RegistryDevice(
        device_id=device_id, kind=kind, zone=zone, lon_e7=DegE7(0), lat_e7=DegE7(0), revision=1
    )
