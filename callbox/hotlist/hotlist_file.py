"""The hotlist file of `callbox hotlist apply`: vehicles that an authority searches for one of the closed purposes.

    [[entries]]
    entry_id = "H-2031"
    plate_text = "..."
    jurisdiction = "CN"
    purpose = "stolen_vehicle"
    authority = "County police, vehicle crime"
    case_ref = "2031-118"
    entered_by = "Duty desk 4"
    expires_at = 2031-03-01T00:00:00+08:00

There is no field for a person and no free-text purpose. No error, log line or output shows a plate text.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from callbox.registry.registry_file import NAME, NAME_RULE, repeated
from callbox.terminal.text_file import refusal
from processors.plates.consensus import normalise_plate_text
from processors.plates.hotlist import problems as entry_problems
from schemas.enums import PlateClass, PlateColour, Purpose
from schemas.errors import CallboxError
from schemas.hotlist import HotlistEntry
from schemas.strict_toml import read_strict
from schemas.units import EpochMs

Instant = Annotated[datetime, msgspec.Meta(tz=True)]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_JURISDICTION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")  # ISO 3166-1 alpha-2, or -2
_SEPARATORS: Final = re.compile(r"[\W_]+")
_TELLING: Final = 5  # characters: a shorter plate text occurs in other words by chance
_COPIED_TO: Final = ("entry_id", "authority", "case_ref", "entered_by")
"""Fields that appear in alerts, logs and requests: they must not contain the plate text."""


class VehicleEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the file: one vehicle."""

    entry_id: str
    plate_text: str
    jurisdiction: str
    purpose: Purpose
    authority: str
    case_ref: str
    entered_by: str
    expires_at: Instant
    plate_class: PlateClass = PlateClass.UNKNOWN
    plate_colour: PlateColour = PlateColour.UNKNOWN


class HotlistFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file. `entries = []` empties the hotlist; a file without `entries` is refused."""

    entries: tuple[VehicleEntry, ...]


def read_hotlist(text: str, origin: str, at: EpochMs) -> tuple[HotlistEntry, ...]:
    """Read a hotlist file.

    Args:
        text: The file, TOML.
        origin: Its name, for the error.
        at: The time now, from which the lifetime of entries is counted.

    Returns:
        Its entries in the order of their ids, plate texts normalised.

    Raises:
        FileRefused: An unknown key or purpose, a wrong type, an empty field, too long a lifetime. Shows no plate text.
    """
    listed = read_strict(text, HotlistFile, origin, quote_values=False).entries
    problems = repeated(
        (f"entries[{number}].entry_id", entry.entry_id) for number, entry in enumerate(listed)
    )
    found = []
    for number, entry in enumerate(listed):
        path = f"entries[{number}]"
        try:
            record = _record(entry)
        except CallboxError:  # its text may contain the plate
            problems.append(f"{path}.plate_text: not the text of a plate")
            continue
        problems += [f"{path}: {problem}" for problem in _problems(record, at)]
        found.append(record)
    if problems:
        raise refusal(origin, problems)
    return tuple(sorted(found, key=lambda entry: entry.entry_id))


def _record(entry: VehicleEntry) -> HotlistEntry:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    plate_text = normalise_plate_text(entry.plate_text)
    expires_at = EpochMs((entry.expires_at - _EPOCH) // timedelta(milliseconds=1))
    return HotlistEntry(**fields | {"plate_text": plate_text, "expires_at": expires_at})


def _problems(entry: HotlistEntry, at: EpochMs) -> list[str]:
    problems = entry_problems(entry, at)
    if exposing := [name for name in _COPIED_TO if _holds(getattr(entry, name), entry.plate_text)]:
        return [*problems, f"{exposing[0]} holds the plate text, which must not leave the list"]
    if not _JURISDICTION.fullmatch(entry.jurisdiction):
        problems.append("jurisdiction is no code of ISO 3166-1 or 3166-2, such as CN or US-CO")
    if not NAME.fullmatch(entry.entry_id):  # what was found may be a plate in the wrong place
        problems.append(f"entry_id: allowed are {NAME_RULE}")
    return problems


def _holds(text: str, plate_text: str) -> bool:
    return len(plate_text) >= _TELLING and plate_text in _SEPARATORS.sub("", text).upper()
