"""Units as types: the unit of a number is part of its type or its name.

Inside the fold every number is an integer, so that the same log gives the same bytes on any machine.
"""

from typing import NewType

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""

DegE7 = NewType("DegE7", int)
"""Degrees of longitude or latitude (WGS 84) times 10,000,000: about 11 mm at the equator."""

Mm = NewType("Mm", int)
"""Millimetres on the ground."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def degrees(value: DegE7) -> float:
    """Convert an angle to degrees, for people and for CAP."""
    return value / 10_000_000


def deg_e7(value: float) -> DegE7:
    """Round an angle in degrees to the nearest 1e-7 degree."""
    return DegE7(round(value * 10_000_000))
