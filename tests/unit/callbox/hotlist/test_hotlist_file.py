"""The hotlist file: closed purposes, named authority, capped life, and no plate text in any error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbox.hotlist.hotlist_file import read_hotlist
from schemas.enums import PlateClass, PlateColour, Purpose
from schemas.errors import FileRefused
from schemas.hotlist import HotlistEntry
from schemas.units import DAY_MS, EpochMs

NOW = EpochMs(1_900_000_000_000)
PLATE = "ABC1234"


def in_days(days: float) -> datetime:
    return datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=days)


def entry(**fields: Any) -> str:
    usual = {
        "entry_id": "H-1",
        "plate_text": PLATE,
        "jurisdiction": "US-CO",
        "purpose": "stolen_vehicle",
        "authority": "County police",
        "case_ref": "2030-118",
        "entered_by": "Duty desk 4",
        "expires_at": in_days(30),
    }
    lines = [f"{name} = {toml(value)}" for name, value in (usual | fields).items() if value is not None]
    return "\n".join(["[[entries]]", *lines, ""])


def toml(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def refused(text: str) -> str:
    with pytest.raises(FileRefused) as caught:
        read_hotlist(text, "list.toml", NOW)
    return str(caught.value).removeprefix("list.toml: ")


def test_an_entry_is_read_and_its_plate_text_normalised() -> None:
    assert read_hotlist(entry(plate_text="abc-1234", plate_colour="green"), "list.toml", NOW) == (
        HotlistEntry(
            entry_id="H-1",
            plate_text="ABC1234",
            jurisdiction="US-CO",
            purpose=Purpose.STOLEN_VEHICLE,
            authority="County police",
            case_ref="2030-118",
            entered_by="Duty desk 4",
            expires_at=EpochMs(NOW + 30 * DAY_MS),
            plate_class=PlateClass.UNKNOWN,
            plate_colour=PlateColour.GREEN,
        ),
    )


def test_entries_come_in_the_order_of_their_ids() -> None:
    listed = read_hotlist(entry(entry_id="b") + entry(entry_id="a"), "list.toml", NOW)
    assert [found.entry_id for found in listed] == ["a", "b"]


def test_an_expired_entry_is_kept_and_never_matches_anyway() -> None:
    (found,) = read_hotlist(entry(expires_at=in_days(-1)), "list.toml", NOW)
    assert found.expires_at < NOW


def test_an_empty_list_must_be_said() -> None:
    assert read_hotlist("entries = []", "list.toml", NOW) == ()
    assert refused("") == "entries: missing"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"purpose": "wanted_person"},
            "entries[0].purpose: the value is none of stolen_vehicle, missing_child",
        ),
        ({"purpose": "UNKNOWN"}, "entries[0]: purpose UNKNOWN is not one of"),
        ({"purpose": None}, "entries[0].purpose: missing"),
        ({"authority": None}, "entries[0].authority: missing"),
        ({"authority": " "}, "entries[0]: authority is empty"),
        ({"case_ref": ""}, "entries[0]: case_ref is empty"),
        ({"entered_by": ""}, "entries[0]: entered_by is empty"),
        (
            {"driver": "somebody"},
            "line 10, unknown key in entries[0], allowed are entry_id, plate_text, jurisdiction",
        ),
        ({"expires_at": None}, "entries[0].expires_at: missing"),
        (
            {"expires_at": in_days(30).replace(tzinfo=None)},
            "entries[0].expires_at: Expected `datetime` with a",
        ),
        ({"expires_at": in_days(366)}, "entries[0]: expires_at is more than 365 days ahead"),
        (
            {"purpose": "missing_child_alert", "expires_at": in_days(8)},
            "entries[0]: expires_at is more than 7 days ahead",
        ),
        ({"jurisdiction": "Colorado"}, "entries[0]: jurisdiction is no code of ISO 3166"),
        ({"entry_id": "H 1"}, "entries[0]: entry_id: allowed are letters"),
    ],
)
def test_a_wrong_entry_is_named(fields: dict[str, Any], said: str) -> None:
    found = refused(entry(**fields))
    assert said in found
    assert PLATE not in found


@pytest.mark.parametrize("plate_text", ["", "   ", "AB\x1b[2J", "A" * 200])
def test_a_text_that_is_on_no_plate_is_refused(plate_text: str) -> None:
    text = entry().replace(repr(PLATE), '"' + plate_text.replace("\x1b", "\\u001b") + '"')
    assert "plate_text" in refused(text)


@pytest.mark.parametrize("field", ["entry_id", "authority", "case_ref", "entered_by"])
@pytest.mark.parametrize("shown", ["x-ABC1234", "abc-12-34"])
def test_a_plate_text_must_not_travel_in_another_field(field: str, shown: str) -> None:
    said = refused(entry(**{field: shown}))
    assert said == f"entries[0]: {field} holds the plate text, which must not leave the list"


@pytest.mark.parametrize(
    "field", ["jurisdiction", "purpose", "expires_at", "plate_class", "plate_colour", "entry_id"]
)
def test_a_plate_text_in_a_wrong_field_is_not_shown(field: str) -> None:
    assert PLATE not in refused(entry(plate_text="ABC1234", **{field: PLATE}))


def test_two_entries_with_one_id_are_refused_without_showing_it() -> None:
    said = refused(entry(entry_id=PLATE) + entry(entry_id=PLATE))
    assert "entries[1].entry_id: the same as entries[0].entry_id" in said
    assert PLATE not in said
