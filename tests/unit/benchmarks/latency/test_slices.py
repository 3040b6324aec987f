"""A slice as sender and receiver wrote it, and the figures of a phase."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.latency.slices import Slice, pooled, read_slice
from benchmarks.support.open_loop import press, press_numbers
from benchmarks.support.processor_time import CpuTime
from schemas.codec import encode


def measured(
    latencies_ms: Iterable[float],
    *,
    waiting: int = 0,
    records: int = 0,
    cpu: Mapping[str, CpuTime] | None = None,
) -> Slice:
    """Presses with these latencies, all of them due at 0, and some that did not come."""
    arrived = {number: latency / 1000 for number, latency in enumerate(latencies_ms)}
    scheduled = dict.fromkeys(range(len(arrived) + waiting), 0.0)
    return Slice(scheduled, frozenset(scheduled), arrived, records, 0, cpu or {}, 0.0)


def written(folder: Path, scheduled: Mapping[int, float], got: Iterable[tuple[float, int]]) -> Slice:
    """A slice from files: records that arrived at a time and name a press."""
    sent_file, got_file = folder / "sent.json", folder / "got.jsonl"
    sent_file.write_text(json.dumps({"scheduled": scheduled, "acknowledged": list(scheduled)}))
    lines = (json.dumps([at, encode(press(number, at)).hex()]) for at, number in got)
    got_file.write_text("\n".join(lines) + "\n")
    return read_slice(sent_file, got_file, press_numbers, {}, 0.0)


def test_percentiles_are_those_of_all_presses_together() -> None:
    figures = pooled([measured([1.0] * 90), measured([100.0] * 10)])
    assert (figures["p50_ms"], figures["p90_ms"], figures["p99_ms"]) == (1.0, 1.0, 100.0)
    assert figures["slices"] == [
        {"p50_ms": 1.0, "p90_ms": 1.0, "p99_ms": 1.0, "max_ms": 1.0},
        {"p50_ms": 100.0, "p90_ms": 100.0, "p99_ms": 100.0, "max_ms": 100.0},
    ]


def test_a_press_that_did_not_come_is_later_than_all_others() -> None:
    figures = pooled([measured([5.0] * 97, waiting=3)])
    assert (figures["p90_ms"], figures["p99_ms"], figures["max_ms"]) == (5.0, None, None)
    assert figures["lost"] == 3


def test_a_press_counts_once_and_arrives_with_its_first_record(tmp_path: Path) -> None:
    found = written(tmp_path, {0: 10.0, 1: 10.0}, [(10.25, 0), (10.5, 0), (11.0, 0)])
    assert found.arrived == {0: 10.25}
    assert (found.lost, found.records, found.repeats) == (1, 3, 2)
    assert pooled([found])["alerts_per_press"] == 1.5


def test_records_about_presses_of_another_slice_do_not_count(tmp_path: Path) -> None:
    found = written(tmp_path, {5: 10.0}, [(10.25, 5), (10.5, 4), (10.75, 4)])
    assert found.arrived == {5: 10.25}
    assert (found.lost, found.records) == (0, 1)


def test_cpu_time_is_that_of_one_press() -> None:
    busy = {"fusion": CpuTime(4_000_000, 1_000_000)}
    figures = pooled([measured([1.0, 1.0], cpu=busy), measured([1.0, 1.0], cpu=busy)])
    assert figures["cpu_us_per_press"] == {"fusion": 2000.0}
    assert figures["run_queue_us_per_press"] == {"fusion": 500.0}


def test_a_phase_without_a_press_has_no_percentiles() -> None:
    assert pooled([measured([])])["p50_ms"] is None
