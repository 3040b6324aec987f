"""Places, cells and distances, equal to the last bit on every machine.

Integers throughout; the one float is cos(latitude), from our own polynomial that only adds and multiplies, because
the last bits of `math.cos` and `numpy.cos` differ between machines. Formula and test vectors: docs/cells.md.
"""

from functools import lru_cache
from math import floor, isqrt

import msgspec

from schemas.units import DegE7, Mm

E7 = 10_000_000
MM_PER_DEGREE = 111_195_080
"""pi/180 x 6,371,008.8 m, the mean radius of the Earth (IUGG R1). Against the ellipsoid: below 0.6 %."""

CELL_MM = 200_000
"""Side of a cell: a grid of 200 m x 200 m (docs/requirements.md, default times and distances)."""

LAT_LIMIT_E7 = 90 * E7
LON_LIMIT_E7 = 180 * E7

_RADIANS_PER_E7 = 1.7453292519943295e-09  # pi / 180 / 1e7
_COS_TERMS = (  # of Taylor's series in x squared, highest first: 1/16!, -1/14!, ... below 1e-12 up to the pole
    4.779477332387385e-14,
    -1.1470745597729725e-11,
    2.08767569878681e-09,
    -2.755731922398589e-07,
    2.48015873015873e-05,
    -0.001388888888888889,
    0.041666666666666664,
    -0.5,
    1.0,
)


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A point on the ground, WGS 84.

    Attributes:
        lon_e7: Longitude, 1e-7 degrees, in [-180, 180] degrees.
        lat_e7: Latitude, 1e-7 degrees, in [-90, 90] degrees.
        cell: The id of its 200 m cell.
    """

    lon_e7: DegE7
    lat_e7: DegE7
    cell: str


def place_of(lon_e7: DegE7, lat_e7: DegE7) -> Place | None:
    """The place at a longitude and latitude, or None when there is no such point on Earth."""
    if abs(lon_e7) > LON_LIMIT_E7 or abs(lat_e7) > LAT_LIMIT_E7:
        return None
    return Place(lon_e7, lat_e7, cell_id(lon_e7, lat_e7))


def cos_e7(lat_e7: int) -> float:
    """Cosine of an angle in [-90, 90] degrees, with an error below 1e-12."""
    angle = lat_e7 * _RADIANS_PER_E7
    square = angle * angle
    total = 0.0
    for term in _COS_TERMS:
        total = total * square + term
    return total


def cell_id(lon_e7: DegE7, lat_e7: DegE7) -> str:
    """The 200 m cell of a point: `c200:{row}:{column}`."""
    row = _mm(lat_e7) // CELL_MM
    column = floor(_mm(lon_e7) * _row_cos(row)) // CELL_MM
    return f"c200:{row}:{column}"


def cells_near(place: Place, reach_mm: int) -> list[str]:
    """Every cell that may hold a place within `reach_mm`: for 200 m these are three rows, each with its own columns.

    The result is complete up to 89 degrees north and south, and across the antimeridian.
    """
    south = _mm(place.lat_e7)
    rounded = reach_mm + 2  # millimetres are rounded down three times on the way to a distance
    rows = range((south - rounded) // CELL_MM, (south + rounded) // CELL_MM + 1)
    # A row is scaled by its own cosine, a distance by the cosine of the mean latitude: a margin of 1 % covers the
    # difference (docs/cells.md).
    margin = reach_mm + reach_mm // 100
    easts = [_mm(lon) for lon in _same_longitudes(place.lon_e7)]
    cells = []
    for row in rows:
        scale = _row_cos(row)
        for east in easts:
            x = floor(east * scale)
            first, last = (x - margin) // CELL_MM, (x + margin) // CELL_MM
            cells += [f"c200:{row}:{column}" for column in range(first, last + 1)]
    return cells


def distance_mm(a: Place, b: Place) -> Mm:
    """Distance on the ground, rounded down to the millimetre.

    Equirectangular, with the cosine of the mean latitude: accurate enough for the few hundred metres within which
    facts join.
    """
    half_turn = LON_LIMIT_E7
    lon_e7 = (a.lon_e7 - b.lon_e7 + half_turn) % (2 * half_turn) - half_turn
    north = _mm(abs(a.lat_e7 - b.lat_e7))
    east = floor(_mm(abs(lon_e7)) * cos_e7((a.lat_e7 + b.lat_e7) // 2))
    return Mm(isqrt(north * north + east * east))


def _mm(angle_e7: int) -> int:
    """Length of an angle on a great circle, millimetres, rounded down."""
    return angle_e7 * MM_PER_DEGREE // E7


@lru_cache(maxsize=4096)  # rows of 200 m: 800 km from south to north
def _row_cos(row: int) -> float:
    """Cosine at the middle of a row of cells."""
    middle_mm = row * CELL_MM + CELL_MM // 2
    limit = LAT_LIMIT_E7
    return cos_e7(max(-limit, min(limit, middle_mm * E7 // MM_PER_DEGREE)))


def _same_longitudes(lon_e7: int) -> tuple[int, ...]:
    """The longitude, and near the antimeridian the same one counted from the other side."""
    if abs(lon_e7) < LON_LIMIT_E7 - E7:
        return (lon_e7,)
    turn = 2 * LON_LIMIT_E7
    return (lon_e7, lon_e7 - turn if lon_e7 > 0 else lon_e7 + turn)
