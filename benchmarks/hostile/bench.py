"""Presses at 200 a second beside each attack, one credential each: who is heard, how fast, and what ends.

    python -m benchmarks.hostile --json [--quick] [--only ATTACK ...] [--seconds N]

The last line is one JSON object: for each attack `presses heard p99_ms memory_mib exits`. The workers, as shipped, are
started anew for each attack, on the same warm broker; `nothing` is measured first and last, and the slower of the two
is what the others are compared with. It takes about fifteen minutes, with --quick three.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.hostile.attacks import ALL, Attack
from benchmarks.latency.phases import Line, Meter
from benchmarks.latency.releases import WARM_UP_PRESSES, Release
from benchmarks.latency.rounds import running
from benchmarks.latency.slices import Slice, pooled
from benchmarks.support.bench_broker import bench_broker
from benchmarks.support.machine import describe
from callbox.demo.processes.worker_process import WorkerProcess
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.codec import decode

RATE: Final = 200
SECONDS: Final = 60.0
QUICK_SECONDS: Final = 5.0
WARM_UP_S: Final = 15.0
NOTHING: Final = "nothing"
P99_BAR: Final = 2.0
"""How many times as long the slowest hundredth of presses may take beside an attack as beside nothing."""

_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_KB_PER_MIB: Final = 1_024
_PRESS: Final = re.compile(r"press-(\d+)")


class Measured(NamedTuple):
    """Presses beside one attack.

    Attributes:
        name: Of the attack.
        slice: What was measured.
        memory_mib: The most memory that each worker has held, MiB.
        exits: Workers that have ended.
    """

    name: str
    slice: Slice
    memory_mib: Mapping[str, int]
    exits: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Go through the attacks and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--quick", action="store_true", help="each attack for 5 s, to see that it runs")
    names = [attack.name for attack in ALL]
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="these attacks, else all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each attack takes")
    given = parser.parse_args(arguments)
    began, load_before = time.monotonic(), os.getloadavg()[0]
    seconds = QUICK_SECONDS if given.quick else given.seconds
    with tempfile.TemporaryDirectory() as name, bench_broker(Path(name)) as broker:
        run = Run(broker.bootstrap, Path(name), seconds)
        run.warm_up(WARM_UP_S / 3 if given.quick else WARM_UP_S)
        chosen = [attack for attack in ALL if attack.name in given.only]
        measured = [run.beside(attack) for attack in (None, *chosen, None)]
    result = {
        **report(measured),
        "rate_per_s": RATE,
        "seconds": seconds,
        "quick": given.quick,
        "load_before": round(load_before, 2),
        "took_s": round(time.monotonic() - began),
        "machine": describe(),
    }
    print(json.dumps(result))
    return 0


class Run:
    """One run on one broker.

    Args:
        bootstrap: The broker.
        folder: Folder for configs, logs and measurements.
        seconds: How long each attack takes.
    """

    def __init__(self, bootstrap: str, folder: Path, seconds: float) -> None:
        self._bootstrap, self._seconds = bootstrap, seconds
        self._meter = Meter(bootstrap, folder)
        self._release = Release(bootstrap, folder, self._meter)

    def warm_up(self, seconds: float) -> None:
        """Press until the broker's JVM is warm."""
        with self._release.started(int(RATE * seconds)) as (line, _workers):
            self._meter.measure(line, first=WARM_UP_PRESSES, rate=RATE, seconds=seconds)

    def beside(self, attack: Attack | None) -> Measured:
        """Press beside an attack, or beside nothing."""
        others = (attack.worker,) if attack is not None and attack.worker else ()
        with self._release.started(int(RATE * self._seconds), beside=others) as (ours, workers):
            line = ours._replace(first_named=named_presses)
            if attack is None:
                found = self._measure(line)
            else:
                ports = [text for each in workers.values() for text in ("--port", str(each.http_port))]
                with running("benchmarks.hostile.attacks", attack.name, self._bootstrap, *ports):
                    found = self._measure(line)
            ends = {name: code for name, each in workers.items() if (code := each.exit_code) is not None}
            memory = {name: _peak_mib(each) for name, each in workers.items() if name not in ends}
        measured = Measured(NOTHING if attack is None else attack.name, found, memory, ends)
        figures = pooled([found])
        print(
            f"{measured.name}: p99 {figures['p99_ms']} ms, {memory}, exits {ends}",
            file=sys.stderr,
            flush=True,
        )
        return measured

    def _measure(self, line: Line) -> Slice:
        return self._meter.measure(line, first=WARM_UP_PRESSES, rate=RATE, seconds=self._seconds)


def named_presses(value: bytes) -> Iterator[int]:
    """The number of the press that an alert names first, where it is one of ours."""
    press = first_named_press(decode(value, Alert))
    if press is not None and (found := _PRESS.fullmatch(press.event_id)) is not None:
        yield int(found[1])


def report(measured: Sequence[Measured]) -> dict[str, object]:
    """The figures of each attack, and the verdict on each bar."""
    without = [pooled([each.slice])["p99_ms"] for each in measured if each.name == NOTHING]
    finite = [value for value in without if isinstance(value, float)]
    reference = max(finite) if len(finite) == len(without) and finite else None
    figures: dict[str, dict[str, Any]] = {}
    for each in measured:
        found = pooled([each.slice])
        p99 = found["p99_ms"]
        ratio = round(p99 / reference, 2) if isinstance(p99, float) and reference else None
        figures.setdefault(
            each.name,
            {
                "presses": len(each.slice.acknowledged),
                "heard": len(each.slice.acknowledged) - each.slice.lost,
                "p50_ms": found["p50_ms"],
                "p99_ms": p99,
                "p99_to_nothing": ratio,
                "memory_mib": dict(each.memory_mib),
                "exits": len(each.exits),
                "exit_codes": dict(each.exits),
            },
        )
    attacks = {name: each for name, each in figures.items() if name != NOTHING}
    return {
        "attacks": figures,
        "nothing_p99_ms": without,
        "bars": {
            "heard = presses": all(each["heard"] == each["presses"] for each in figures.values()),
            f"p99 <= {P99_BAR:g} x nothing": {
                name: each["p99_to_nothing"] is not None and each["p99_to_nothing"] <= P99_BAR
                for name, each in attacks.items()
            },
            "exits = 0": not any(each["exits"] for each in figures.values()),
        },
    }


def _peak_mib(worker: WorkerProcess) -> int:
    found = _PEAK.search(Path(f"/proc/{worker.pid}/status").read_text("ascii"))
    return 0 if found is None else round(int(found[1]) / _KB_PER_MIB)
