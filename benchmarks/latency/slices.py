"""A slice of a phase as it was measured, and the figures of all slices of a phase together."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.support.open_loop import press_numbers
from benchmarks.support.processor_time import CpuTime

Ids = Callable[[bytes], Iterable[int]]

Figures = dict[str, object]


class Slice(NamedTuple):
    """One slice.

    Attributes:
        scheduled: When each press was due, seconds, by its number.
        acknowledged: The presses that the broker took.
        arrived: When the first record that names a press arrived, seconds, by its number.
        records: How many records named a press of this slice, so that reminders and escalations count.
        repeats: How many records said that they are the first to name a press, and were not.
        cpu: The CPU time of each process while the presses were sent.
        stolen: The share of CPU time that the host gave to others, 0 to 1.
        counted_s: For how long CPU time was counted: until the last press was out.
    """

    scheduled: Mapping[int, float]
    acknowledged: frozenset[int]
    arrived: Mapping[int, float]
    records: int
    repeats: int
    cpu: Mapping[str, CpuTime]
    stolen: float
    counted_s: float = 0.0

    @property
    def latencies_ms(self) -> list[float]:
        """One for each press that was sent; infinite for one that did not come, lost or still waiting."""
        never = float("inf")
        return [1000 * (self.arrived.get(press, never) - due) for press, due in self.scheduled.items()]

    @property
    def lost(self) -> int:
        """Presses that the broker took and that did not come out."""
        return len(self.acknowledged - self.arrived.keys())


def read_slice(
    sent_file: Path,
    got_file: Path,
    first_named: Ids,
    cpu: Mapping[str, CpuTime],
    stolen: float,
    counted_s: float = 0.0,
) -> Slice:
    """What sender and receiver have written; a press counts once, whatever names it again.

    Args:
        sent_file: Of the sender.
        got_file: Of the receiver.
        first_named: The press numbers that a record says it names first.
        cpu: The CPU time of each process.
        stolen: The share of CPU time that the host gave to others.
        counted_s: For how long CPU time was counted.
    """
    sent = json.loads(sent_file.read_text())
    scheduled = {int(number): at for number, at in sent["scheduled"].items()}
    arrived: dict[int, float] = {}
    records = repeats = 0
    with got_file.open() as lines:
        for line in lines:
            at, text = json.loads(line)
            value = bytes.fromhex(text)
            records += any(number in scheduled for number in press_numbers(value))
            for number in first_named(value):
                repeats += number in arrived
                if number in scheduled:
                    arrived.setdefault(number, at)
    return Slice(
        scheduled, frozenset(sent["acknowledged"]), arrived, records, repeats, cpu, stolen, counted_s
    )


def pooled(slices: Sequence[Slice]) -> Figures:
    """The figures of a phase: percentiles are those of all presses of its slices together.

    Returns:
        JSON; a percentile among presses that did not come is None.
    """
    latencies = np.array([latency for each in slices for latency in each.latencies_ms])
    sent = len(latencies)
    return {
        **_percentiles(latencies),
        "sent": sent,
        "acknowledged": sum(len(each.acknowledged) for each in slices),
        "lost": sum(each.lost for each in slices),
        "repeats": sum(each.repeats for each in slices),
        "alerts_per_press": round(sum(each.records for each in slices) / max(1, sent), 3),
        "cpu_us_per_press": _per_press(slices, lambda time: time.run_ns),
        "run_queue_us_per_press": _per_press(slices, lambda time: time.wait_ns),
        "stolen": round(max((each.stolen for each in slices), default=0.0), 4),
        "slices": [_percentiles(np.array(each.latencies_ms)) for each in slices],
    }


def _percentiles(latencies_ms: "np.typing.NDArray[np.float64]") -> Figures:
    names = {"p50_ms": 50, "p90_ms": 90, "p99_ms": 99, "max_ms": 100}
    if not len(latencies_ms):
        return dict.fromkeys(names)
    # Without interpolation: between two presses that did not come there is nothing.
    found = np.percentile(latencies_ms, list(names.values()), method="inverted_cdf")
    return {
        name: round(float(value), 2) if np.isfinite(value) else None
        for name, value in zip(names, found, strict=True)
    }


def _per_press(slices: Sequence[Slice], part: Callable[[CpuTime], int]) -> dict[str, float]:
    """Microseconds a press, by process."""
    sent = max(1, sum(len(each.scheduled) for each in slices))
    names = dict.fromkeys(name for each in slices for name in each.cpu)
    return {
        name: round(sum(part(each.cpu[name]) for each in slices if name in each.cpu) / 1000 / sent, 1)
        for name in names
    }
