"""The figures of a run, from slices that are made up."""

from collections.abc import Sequence
from typing import Any

from benchmarks.beside_pictures.report import Measured, pictures_per_s, report
from benchmarks.latency.slices import Slice
from benchmarks.support.processor_time import CpuTime

PRESSES = 200


def measured(condition: str, latency_ms: float, *, ours: bool = True, **changed: Any) -> Measured:
    """A slice of two seconds in which every press took as long."""
    scheduled = {number: float(number) for number in range(PRESSES)}
    arrived = {number: at + latency_ms / 1000 for number, at in scheduled.items()}
    cpu = {"broker": CpuTime(run_ns=500_000_000, wait_ns=250_000_000)}
    values: dict[str, Any] = {
        "slice": Slice(scheduled, frozenset(scheduled), arrived, PRESSES, 0, cpu, stolen=0.01, counted_s=2.0),
        "seconds": 2.0,
        "pictures": {"frames": 30.0},
        "ready": {"frames": True},
        "gc_ms": {"broker": [1.0, 4.0]},
    } | changed
    return Measured(condition, ours, **values)


def pairs(condition: str, ours_ms: float, honest_ms: float) -> Sequence[Measured]:
    """Slices of our workers and of the honest hops."""
    return measured(condition, ours_ms), measured(condition, honest_ms, ours=False)


def test_ratios_are_to_nothing_beside_and_to_the_honest_hops_beside_the_same() -> None:
    found = report([*pairs("nothing", 4.0, 2.0), *pairs("pictures", 40.0, 10.0)])
    assert found["nothing"]["ratios"] == {
        "p50_to_nothing": 1.0,
        "p99_to_nothing": 1.0,
        "honest_p99_to_nothing": 1.0,
        "p50_to_honest": 2.0,
        "p99_to_honest": 2.0,
    }
    assert found["pictures"]["ratios"] == {
        "p50_to_nothing": 10.0,
        "p99_to_nothing": 10.0,
        "honest_p99_to_nothing": 5.0,
        "p50_to_honest": 4.0,
        "p99_to_honest": 4.0,
    }


def test_without_a_reference_there_is_no_ratio_to_it() -> None:
    ratios = report(pairs("pictures", 40.0, 10.0))["pictures"]["ratios"]
    assert isinstance(ratios, dict)
    assert (ratios["p99_to_nothing"], ratios["p99_to_honest"]) == (None, 4.0)


def test_percentiles_are_those_of_all_slices_together() -> None:
    found = report([measured("nothing", 1.0), measured("nothing", 3.0)])["nothing"]["workers"]
    assert isinstance(found, dict)
    assert (found["sent"], found["p50_ms"], found["p99_ms"]) == (2 * PRESSES, 1.0, 3.0)


def test_cpu_and_waits_are_seconds_a_second_of_the_workers_slices() -> None:
    found = report(pairs("pictures", 40.0, 10.0))["pictures"]
    assert (found["cpu_s_per_s"], found["run_queue_s_per_s"]) == ({"broker": 0.25}, {"broker": 0.125})


def test_pauses_pictures_and_readiness_are_those_of_all_slices() -> None:
    slices = [measured("pictures", 4.0), measured("pictures", 4.0, ours=False, ready={"frames": False})]
    found = report(slices)["pictures"]
    assert found["gc"] == {"broker": {"pauses": 4, "total_ms": 10.0, "longest_ms": 4.0}}
    assert (found["pictures_per_s"], found["not_ready_slices"]) == ({"frames": 15.0}, 1)


def test_pictures_of_a_condition_that_was_not_measured_are_none() -> None:
    assert pictures_per_s([measured("nothing", 4.0)], "pictures") == {}
