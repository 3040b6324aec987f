"""The figures of a run: of each condition, and its ratios to `nothing` and to the honest hops beside the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.beside_pictures.conditions import BY_NAME, NOTHING
from benchmarks.beside_pictures.gc_pauses import gc_figures
from benchmarks.latency.slices import Figures, Slice, pooled
from benchmarks.support.processor_time import CpuTime

WORKERS, HONEST = "workers", "honest"
P50, P99 = "p50_ms", "p99_ms"
_NS_PER_S = 1e9


class Measured(NamedTuple):
    """One slice, and what ran beside it.

    Attributes:
        condition: Its name.
        is_ours: Whether the presses went through our workers, or else through the honest hops.
        slice: What was measured.
        seconds: How long pictures were counted.
        pictures: How many each picture worker processed in that time.
        ready: Whether each picture worker said at the end that it was ready.
        gc_ms: The pauses of each broker, milliseconds.
    """

    condition: str
    is_ours: bool
    slice: Slice
    seconds: float
    pictures: Mapping[str, float]
    ready: Mapping[str, bool]
    gc_ms: Mapping[str, Sequence[float]]


def report(measured: Sequence[Measured]) -> dict[str, Figures]:
    """The figures of each condition, in the order in which they were first measured."""
    by_condition: dict[str, list[Measured]] = {}
    for each in measured:
        by_condition.setdefault(each.condition, []).append(each)
    figures = {name: _condition(name, slices) for name, slices in by_condition.items()}
    reference = figures.get(NOTHING, {})
    for condition in figures.values():
        condition["ratios"] = _ratios(condition, reference)
    return figures


def pictures_per_s(measured: Iterable[Measured], condition: str) -> dict[str, float]:
    """What each picture worker processed in a condition, a second; nothing where it was not measured."""
    slices = [each for each in measured if each.condition == condition]
    seconds = sum(each.seconds for each in slices)
    names = dict.fromkeys(name for each in slices for name in each.pictures)
    return {name: sum(each.pictures.get(name, 0.0) for each in slices) / seconds for name in names}


def _condition(name: str, measured: Sequence[Measured]) -> Figures:
    ours = [each.slice for each in measured if each.is_ours]
    honest = [each.slice for each in measured if not each.is_ours]
    ready = [each.ready for each in measured]
    return {
        "what": BY_NAME[name].what,
        "needs_cores": BY_NAME[name].needs_cores,
        WORKERS: _shown(pooled(ours)),
        HONEST: _shown(pooled(honest)),
        "cpu_s_per_s": _per_s(ours, lambda time: time.run_ns),
        "run_queue_s_per_s": _per_s(ours, lambda time: time.wait_ns),
        "gc": {
            node: gc_figures([pause for each in measured for pause in each.gc_ms[node]])
            for node in dict.fromkeys(node for each in measured for node in each.gc_ms)
        },
        "pictures_per_s": {who: round(rate, 1) for who, rate in pictures_per_s(measured, name).items()},
        "not_ready_slices": sum(not all(each.values()) for each in ready),
        "stolen": max(each.slice.stolen for each in measured),
    }


def _ratios(figures: Figures, reference: Figures) -> Figures:
    return {
        "p50_to_nothing": _ratio(figures, WORKERS, reference, WORKERS, P50),
        "p99_to_nothing": _ratio(figures, WORKERS, reference, WORKERS, P99),
        "honest_p99_to_nothing": _ratio(figures, HONEST, reference, HONEST, P99),
        "p50_to_honest": _ratio(figures, WORKERS, figures, HONEST, P50),
        "p99_to_honest": _ratio(figures, WORKERS, figures, HONEST, P99),
    }


def _ratio(ours: Figures, who: str, theirs: Figures, beside: str, figure: str) -> float | None:
    """None where one of them has no number: so many presses did not come, or it was not measured."""
    above, below = _value(ours, who, figure), _value(theirs, beside, figure)
    return round(above / below, 2) if above is not None and below else None


def _value(figures: Figures, who: str, figure: str) -> float | None:
    part = figures.get(who)
    value = part.get(figure) if isinstance(part, Mapping) else None
    return value if isinstance(value, float) else None


def _shown(figures: Figures) -> Figures:
    shown = (P50, "p90_ms", P99, "max_ms", "sent", "lost", "repeats", "slices")
    return {name: figures[name] for name in shown}


def _per_s(slices: Sequence[Slice], part: Callable[[CpuTime], int]) -> dict[str, float]:
    """Seconds a second, by process."""
    names = dict.fromkeys(name for each in slices for name in each.cpu)
    return {
        name: round(
            sum(part(each.cpu[name]) for each in slices if name in each.cpu)
            / _NS_PER_S
            / sum(each.counted_s for each in slices if name in each.cpu),
            3,
        )
        for name in names
    }
