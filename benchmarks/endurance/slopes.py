"""Whether a figure stays flat: a straight line by least squares, with the standard error of its slope."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

HOUR_S: Final = 3600.0
SURE: Final = 2.0  # standard errors: 95 %


class Verdict(StrEnum):
    """What can be concluded from a slope."""

    FLAT = "flat"  # surely below what is tolerated
    WITHIN_NOISE = "within noise"  # no growth can be told from noise
    GROWS = "grows"


class Slope(NamedTuple):
    """How a figure changes, per hour.

    The standard error assumes independent samples. Samples of memory are not, so that it is rather too small, and a
    verdict errs towards `grows`.
    """

    per_hour: float
    standard_error: float

    def verdict(self, tolerated: float) -> Verdict:
        """Whether the figure grows by more than `tolerated` an hour, as far as its noise permits a conclusion."""
        noise = SURE * self.standard_error
        if self.per_hour + noise <= tolerated:
            return Verdict.FLAT
        return Verdict.GROWS if self.per_hour > noise else Verdict.WITHIN_NOISE


def slope(at_s: Sequence[float], values: Sequence[float]) -> Slope:
    """The line through samples.

    Args:
        at_s: When each sample was taken, seconds.
        values: The samples.

    Raises:
        ValueError: Fewer than three samples, or all at one time: no line, or no error of it.
    """
    count = len(at_s)
    if count != len(values) or count < 3:
        raise ValueError(f"{count} times and {len(values)} values: three pairs or more make a slope")
    mean_at, mean = sum(at_s) / count, sum(values) / count
    spread = sum((at - mean_at) ** 2 for at in at_s)
    if not spread:
        raise ValueError("all samples were taken at one time")
    per_s = sum((at - mean_at) * (value - mean) for at, value in zip(at_s, values, strict=True)) / spread
    left = sum((value - mean - per_s * (at - mean_at)) ** 2 for at, value in zip(at_s, values, strict=True))
    return Slope(per_s * HOUR_S, math.sqrt(left / (count - 2) / spread) * HOUR_S)
