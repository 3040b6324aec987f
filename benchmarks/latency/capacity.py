"""The highest rate that a release holds: p99 of at most 250 ms for 30 s, nothing lost.

    the middle of what is left of the ladder ─► held: the rungs above are left ─► … ─► none is left
                                             └► not held: those below are left

Two releases take turns, so that both search while the machine is the same. A bisection asks four times where a climb
asks up to nine times, and each rung needs workers that are started anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

RATES = (200, 300, 400, 600, 800, 1000, 1300, 1700, 2200, 3000)
"""Presses a second; each is a third more than the one before it or thereabouts, finer than two runs differ."""

P99_MS = 250.0
SECONDS = 30.0


class Tried(NamedTuple):
    """One rate that was tried.

    Attributes:
        rate: Presses a second.
        p99_ms: The p99; None if a hundredth or more did not come.
        held: Whether it was held.
    """

    rate: int
    p99_ms: float | None
    held: bool

    @classmethod
    def of(cls, rate: int, figures: Mapping[str, object]) -> "Tried":
        """The verdict on the figures of a rate."""
        p99 = figures["p99_ms"]
        p99_ms = None if p99 is None else float(str(p99))
        return cls(rate, p99_ms, held=p99_ms is not None and p99_ms <= P99_MS and figures["lost"] == 0)


class Search:
    """A bisection of the rates.

    Args:
        rates: Rising.

    Attributes:
        tried: What was tried, in order.
    """

    def __init__(self, rates: Sequence[int] = RATES) -> None:
        self._left = list(rates)
        self.tried: list[Tried] = []

    @property
    def next_rate(self) -> int | None:
        """The rate to try next; None when the search is over."""
        return self._left[len(self._left) // 2] if self._left else None

    def note(self, tried: Tried) -> None:
        """Leave the rates above one that was held, or those below one that was not."""
        self.tried.append(tried)
        self._left = [rate for rate in self._left if (rate > tried.rate) is tried.held and rate != tried.rate]

    @property
    def capacity_per_s(self) -> int:
        """The highest rate that was held; 0 if none was."""
        return max((tried.rate for tried in self.tried if tried.held), default=0)


def search_in_turn(searches: Mapping[str, Search], try_rate: Callable[[str, int], Tried]) -> None:
    """Run the searches to their ends, one rate of each after the other.

    Args:
        searches: By the name of the release.
        try_rate: Tries a rate with a release.
    """
    while any(search.next_rate is not None for search in searches.values()):
        for name, search in searches.items():
            if search.next_rate is not None:
                search.note(try_rate(name, search.next_rate))
