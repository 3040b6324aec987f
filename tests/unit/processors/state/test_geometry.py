import math

from hypothesis import example, given
from hypothesis import strategies as st

from processors.state.geometry import MM_PER_DEGREE, Place, cells_near, cos_e7, distance_mm, place_of
from schemas.units import DegE7
from tests.support.paths import ROOT

DOCUMENT = ROOT / "docs" / "cells.md"

EARTH_MM = 360 * MM_PER_DEGREE

lats = st.integers(-890_000_000, 890_000_000)
lons = st.integers(-1_800_000_000, 1_800_000_000)


def at(lon_e7: int, lat_e7: int) -> Place:
    found = place_of(DegE7(lon_e7), DegE7(lat_e7))
    assert found is not None
    return found


@given(st.integers(-900_000_000, 900_000_000))
@example(900_000_000)
@example(0)
def test_our_cosine_is_that_of_the_library_to_the_millimetre_round_the_earth(lat_e7: int) -> None:
    assert abs(cos_e7(lat_e7) - math.cos(math.radians(lat_e7 / 1e7))) * EARTH_MM < 1


def test_our_cosine_is_the_same_to_the_last_bit_on_every_machine() -> None:
    told = [cos_e7(lat).hex() for lat in (0, 300_000_000, 450_000_000, -600_000_000, 899_999_999)]
    assert told == [
        "0x1.0000000000000p+0",
        "0x1.bb67ae8584cabp-1",
        "0x1.6a09e667f3bcdp-1",
        "0x1.0000000000004p-1",
        "0x1.dfe5a60000000p-30",
    ]


def vectors(columns: int) -> list[list[str]]:
    """Rows of the document's table that has this many columns, without its two head lines."""
    lines = (line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("|"))
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if len(row) == columns and row[0].lstrip("-").isdigit()]


def test_cells_are_those_of_the_document() -> None:
    rows = vectors(3)
    assert len(rows) == 8
    assert [at(int(lon), int(lat)).cell for lon, lat, _ in rows] == [cell for _, _, cell in rows]


def test_distances_are_those_of_the_document() -> None:
    rows = [[int(field) for field in row] for row in vectors(5)]
    assert len(rows) == 5
    assert [distance_mm(at(*row[:2]), at(*row[2:4])) for row in rows] == [row[4] for row in rows]


def great_circle_mm(a: Place, b: Place) -> float:
    phi_a, phi_b = math.radians(a.lat_e7 / 1e7), math.radians(b.lat_e7 / 1e7)
    turn = math.radians((a.lon_e7 - b.lon_e7) / 1e7)
    half = math.sin((phi_a - phi_b) / 2) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(turn / 2) ** 2
    return 2 * math.asin(math.sqrt(half)) * MM_PER_DEGREE * 180 / math.pi


@given(
    st.integers(-700_000_000, 700_000_000),
    lons,
    st.integers(-30_000, 30_000),
    st.integers(-30_000, 30_000),
)
def test_a_distance_is_the_great_circle_s_to_a_centimetre(lat: int, lon: int, north: int, east: int) -> None:
    a, b = at(lon, lat), at(max(-1_800_000_000, min(1_800_000_000, lon + east)), lat + north)
    assert abs(distance_mm(a, b) - great_circle_mm(a, b)) < 10


@given(lats, lons, lats, lons)
def test_a_distance_is_the_same_both_ways(lat_a: int, lon_a: int, lat_b: int, lon_b: int) -> None:
    a, b = at(lon_a, lat_a), at(lon_b, lat_b)
    assert distance_mm(a, b) == distance_mm(b, a)


@given(lats, lons, st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 1_000_000))
@example(300_000_000, 1_799_999_999, 0.0, 1.0, 200_000)
@example(300_000_000, -1_800_000_000, 0.0, -1.0, 200_000)
@example(889_999_999, 0, 1.0, 1.0, 200_000)
def test_whatever_lies_within_reach_lies_in_a_cell_near(
    lat: int, lon: int, north: float, east: float, reach_mm: int
) -> None:
    place = at(lon, lat)
    reach_e7 = reach_mm * 10_000_000 / MM_PER_DEGREE
    other_lat = max(-890_000_000, min(890_000_000, lat + round(north * reach_e7)))
    other_lon = lon + round(east * reach_e7 / cos_e7(lat))
    other = at((other_lon + 1_800_000_000) % 3_600_000_000 - 1_800_000_000, other_lat)
    if distance_mm(place, other) <= reach_mm:
        assert other.cell in cells_near(place, reach_mm)


def test_the_cells_near_are_few() -> None:
    assert all(
        9 <= len(cells_near(at(1_200_000_000 + k, 300_000_000 + k), 200_000)) <= 16 for k in range(0, 9000, 7)
    )


def test_there_is_no_place_beyond_the_poles() -> None:
    assert place_of(DegE7(0), DegE7(900_000_001)) is None
    assert place_of(DegE7(-1_800_000_001), DegE7(0)) is None
