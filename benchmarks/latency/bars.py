"""The bars of the latency bench: each is a ratio of two figures of one run, so that the machine's day counts less."""

import math
from collections.abc import Mapping
from typing import NamedTuple, TypedDict

EARLIER = "earlier"


class Verdict(TypedDict):
    """A bar, as the bench prints it.

    Attributes:
        bar: The bar in words.
        ratio: What was measured; None where there is no number for it.
        met: Whether the bar is met; None where it was not measured.
    """

    bar: str
    ratio: float | None
    met: bool | None


class Bar(NamedTuple):
    """A ratio of two figures, and its limit.

    Attributes:
        phase: The phase that is judged; empty for a figure of the whole run.
        figure: The name of the figure.
        limit: The limit of the ratio.
        beside: The phase, or the prefix of the figure of the whole run, that it is set beside.
        at_least: Whether the limit is the least that is allowed, not the most.
    """

    phase: str
    figure: str
    limit: float
    beside: str
    at_least: bool = False

    def judge(self, figures: Mapping[str, object]) -> Verdict:
        """The verdict on the figures of a run."""
        sign = ">=" if self.at_least else "<="
        ours = " ".join(filter(None, (self.phase, self.figure)))
        text = f"{ours} {sign} {self.limit:g} x {self.beside}"
        ratio = self._ratio(figures)
        if ratio is None:
            return Verdict(bar=text, ratio=None, met=None)
        met = ratio >= self.limit if self.at_least else ratio <= self.limit
        return Verdict(bar=text, ratio=round(ratio, 2) if math.isfinite(ratio) else None, met=met)

    def _ratio(self, figures: Mapping[str, object]) -> float | None:
        if self.phase:
            ours, theirs = (_value(figures.get(phase), self.figure) for phase in (self.phase, self.beside))
        else:
            ours, theirs = (_value(figures, name) for name in (self.figure, f"{self.beside}_{self.figure}"))
        if ours is None or theirs is None:
            return None
        if not theirs:  # a capacity of which no rate was held: nothing is no multiple of nothing
            return math.inf if ours else math.nan
        return ours / theirs


BARS = (
    Bar("idle_200", "p50_ms", 1.7, "honest_200"),
    Bar("idle_200", "p99_ms", 2.0, "honest_200"),
    Bar("idle_1000", "p50_ms", 6.0, "honest_1000"),
    Bar("idle_1000", "p50_ms", 1.05, f"{EARLIER}_1000"),
    Bar("", "capacity_per_s", 0.95, EARLIER, at_least=True),
    Bar("busy_200", "p50_ms", 2.0, "idle_200"),
    Bar("busy_200", "p99_ms", 1.5, "honest_busy_200"),
)
"""What 0.7.0 is to reach; `earlier` is the release before, beside which its bounds may cost 5 %."""


def verdicts(figures: Mapping[str, object]) -> list[Verdict]:
    """The verdict on each bar, and on what was lost in the phases of today's workers and of the hops.

    Args:
        figures: Those of the run: of each phase by its name, and the capacities.
    """
    lost = [
        phase["lost"]
        for name, phase in figures.items()
        if isinstance(phase, Mapping) and "lost" in phase and not name.startswith(EARLIER)
    ]
    return [
        *(bar.judge(figures) for bar in BARS),
        Verdict(bar="lost = 0", ratio=None, met=not any(lost) if lost else None),
    ]


def _value(phase: object, figure: str) -> float | None:
    """A figure; infinite where it was measured and so many presses did not come that it has no number."""
    if not isinstance(phase, Mapping) or figure not in phase:
        return None
    value = phase[figure]
    return math.inf if value is None else float(value)
