"""The demo's hotlist file. It is made at each run, because its entries expire a while after the run begins."""

from collections.abc import Iterable
from typing import Final

from callbox.demo.fixtures import Vehicle
from callbox.demo.schedule import JURISDICTION
from callbox.terminal.times import format_time
from schemas.units import SECOND_MS, EpochMs

_OTHER: Final = {
    "0": "1",
    "1": "2",
    "2": "3",
    "3": "4",
    "4": "5",
    "5": "6",
    "6": "7",
    "7": "8",
    "8": "9",
    "9": "0",
}


def hotlist_file(vehicles: Iterable[Vehicle], now: EpochMs) -> str:
    """The TOML that `callbox hotlist apply` reads."""
    return "".join(_entry(vehicle, now) for vehicle in vehicles if vehicle.entry is not None)


def listed_text(vehicle: Vehicle) -> str:
    """The plate in a vehicle's entry: its own, or one that differs in one character."""
    entry = vehicle.entry
    if entry is None or entry.other_character is None:
        return vehicle.plate
    at = entry.other_character
    character = vehicle.plate[at]
    return (
        vehicle.plate[:at] + _OTHER.get(character, "A" if character != "A" else "B") + vehicle.plate[at + 1 :]
    )


def _entry(vehicle: Vehicle, now: EpochMs) -> str:
    entry = vehicle.entry
    if entry is None:
        return ""
    expires_at = EpochMs(now + entry.expires_in_s * SECOND_MS)
    return f"""[[entries]]
entry_id = "{entry.entry_id}"
plate_text = "{listed_text(vehicle)}"
jurisdiction = "{JURISDICTION}"
purpose = "{entry.purpose}"
authority = "County police, vehicle desk"
case_ref = "demo-{entry.entry_id}"
entered_by = "Duty desk"
expires_at = {format_time(expires_at)}

"""
