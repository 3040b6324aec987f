"""Strict reading: every refusal names the file, the place, the value found and the values allowed."""

from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import FileRefused
from schemas.strict_toml import read_strict


class Kind(StrEnum):
    UNKNOWN = "UNKNOWN"
    PILLAR = "pillar"
    CAMERA = "camera"


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    kind: Kind = Kind.PILLAR
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] = 0.0
    heading_deg: Annotated[int, msgspec.Meta(ge=0, le=359)] | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def __post_init__(self) -> None:
        if self.id == "contradiction":
            raise ValueError("id contradicts itself")


class Town(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    devices: tuple[Device, ...]
    spare: Device | None = None
    named: dict[str, Device] = {}


def refused(text: str, *, quote_values: bool = True) -> str:
    with pytest.raises(FileRefused) as caught:
        read_strict(text, Town, "town.toml", quote_values=quote_values)
    return str(caught.value)


def test_a_valid_file_is_read() -> None:
    town = read_strict('devices = [{ id = "a", kind = "camera", lon = 104 }]', Town, "town.toml")
    assert town == Town(devices=(Device(id="a", kind=Kind.CAMERA, lon=104.0),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "town.toml: not TOML: Invalid value (at line 1, column 5)"),
        ("devices = []\nwindow = 3", "town.toml: window: unknown key, allowed are devices, spare, named"),
        ("", "town.toml: devices: missing"),
        ("devices = [{}]", "town.toml: devices[0].id: missing"),
        (
            'devices = [{ id = "a", height = 3 }]',
            "town.toml: devices[0].height: unknown key, allowed are id, kind, lon, heading_deg, at",
        ),
        (
            'devices = [{ id = "a" }, { id = "b", kind = "drone" }]',
            "town.toml: devices[1].kind: 'drone' is none of pillar, camera",
        ),
        ("devices = [{ id = 7 }]", "town.toml: devices[0].id: found 7, expected `str`, got `int`"),
        (
            'devices = [{ id = "a", lon = 181 }]',
            "town.toml: devices[0].lon: found 181, expected `float` <= 180.0",
        ),
        (
            'devices = [{ id = "a", heading_deg = true }]',
            "town.toml: devices[0].heading_deg: found true, expected `int | null`, got `bool`",
        ),
        ("devices = 3", "town.toml: devices: found 3, expected `array`, got `int`"),
        ("devices = []\n[spare]\nid = 3", "town.toml: spare.id: found 3, expected `str`, got `int`"),
        (
            "devices = []\n[named.x]\nname = 3",
            "town.toml: named[...].name: unknown key, allowed are id, kind, lon, heading_deg, at",
        ),
        ('devices = [{ id = "contradiction" }]', "town.toml: devices[0]: id contradicts itself"),
    ],
)
def test_a_refusal_names_the_place_and_what_is_allowed(text: str, said: str) -> None:
    assert refused(text) == said


def test_not_a_number_is_outside_every_range() -> None:
    assert "devices[0].lon: found nan" in refused('devices = [{ id = "a", lon = nan }]')


def test_a_time_without_a_zone_is_refused() -> None:
    assert "timezone" in refused('devices = [{ id = "a", at = 2031-01-01T00:00:00 }]')


@pytest.mark.parametrize("field", ["kind", "heading_deg", "lon", "at"])
def test_a_value_that_must_not_be_shown_is_not_shown(field: str) -> None:
    said = refused(f'devices = [{{ id = "a", {field} = "B12345" }}]', quote_values=False)
    assert said.startswith(f"town.toml: line 1, devices[0].{field}: ")
    assert "B12345" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "town.toml: not TOML at line 1, column 5"),
        ("devices = []\nB12345 = 3", "town.toml: line 2, unknown key, allowed are devices, spare, named"),
        (
            '[[devices]]\nid = "a"\n\n[[devices]]\nid = "b"\n"B 12345" = 1',
            "town.toml: line 6, unknown key in devices[1], allowed are id, kind, lon, heading_deg, at",
        ),
        ("[[devices]]\nkind = 'camera'", "town.toml: line 1, devices[0].id: missing"),
        (
            '[[devices]]\nid = "a"\nkind = "B12345"',
            "town.toml: line 3, devices[0].kind: the value is none of pillar, camera",
        ),
        (
            "devices = []\n[spare]\nid = 12345",
            "town.toml: line 3, spare.id: Expected `str`, got `int`",
        ),
        ('[[devices]]\nid = "contradiction"', "town.toml: line 1, devices[0]: not allowed"),
        ("[B12345]\n[B12345]\n", "town.toml: not TOML at line 2, column 8"),
        (
            'devices = []\n"x` - at `$.B12345" = 1',
            "town.toml: unknown key, allowed are devices, spare, named",
        ),
        (
            "devices = []\n[named.B12345]\nname = 3",
            "town.toml: line 3, unknown key in named[...], allowed are id, kind, lon, heading_deg, at",
        ),
    ],
)
def test_where_nothing_may_be_quoted_line_and_what_is_allowed_are_told(text: str, said: str) -> None:
    assert refused(text, quote_values=False) == said


@pytest.mark.parametrize("text", ["a = \n", 'devices = [{ id = "a", kind = "B12345" }]'])
def test_an_error_that_must_quote_nothing_holds_no_other_error(text: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read_strict(text, Town, "town.toml", quote_values=False)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("quote_values", [True, False])
def test_a_number_of_thousands_of_digits_is_refused(quote_values: bool) -> None:
    assert "not TOML" in refused(f"devices = {'9' * 5000}", quote_values=quote_values)


def test_a_long_value_is_cut() -> None:
    said = refused(f'devices = [{{ id = "a", kind = "{"x" * 5000}" }}]')
    assert len(said) < 200


def test_a_file_that_is_nested_too_deeply_is_refused() -> None:
    assert "nested too deeply" in refused("devices = " + "[" * 50_000)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FileRefused):
        assert isinstance(read_strict(text, Town, "town.toml"), Town)
