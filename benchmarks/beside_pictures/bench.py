"""What makes presses wait beside pictures, and what helps: presses at 200 a second, each condition in one run.

    python -m benchmarks.beside_pictures --json [--quick] [--only CONDITION ...] [--rounds N]

The last line is one JSON object. Every condition (benchmarks/beside_pictures/conditions.py) is measured with the
shipped workers and with honest bare hops in turns, as in benchmarks.latency, on the same warm brokers, one for
everything and one that pictures can have for themselves. Workers are started anew for each condition, so that none
carries another's incidents. It takes about twelve minutes, with --quick three.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.beside_pictures.beside import Beside
from benchmarks.beside_pictures.conditions import (
    ALL,
    BY_NAME,
    RATE,
    SHIPPED,
    SLICES,
    STEADY_UNMEASURED,
    Plan,
    turns,
)
from benchmarks.beside_pictures.gc_pauses import GcLog
from benchmarks.beside_pictures.report import Measured, pictures_per_s, report
from benchmarks.beside_pictures.site import Site, may_reschedule
from benchmarks.latency.hops import HONEST
from benchmarks.latency.phases import Line, Meter
from benchmarks.latency.releases import WARM_UP_PRESSES, Release
from benchmarks.latency.rounds import running
from benchmarks.latency.slices import pooled
from benchmarks.support.machine import describe
from benchmarks.support.open_loop import press_numbers
from callbox_testkit.brokers.quotas import Quotas

QUICK_SLICES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Go through the conditions and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument(
        "--quick", action="store_true", help="few conditions, each short, to see that it runs"
    )
    names = [condition.name for condition in ALL if may_reschedule() or not condition.is_background]
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="these conditions, else all")
    parser.add_argument("--rounds", type=int, default=1, help="how often to go through them")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    load_before = os.getloadavg()[0]
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    with tempfile.TemporaryDirectory() as name, Site(cache) as site, ExitStack() as ending:
        run = Run(site, Quotas(cache, site.main.address), Path(name), ending, quick=given.quick)
        measured = list(run.through(Plan.of(given.only, quick=given.quick, rounds=given.rounds)))
    result = {
        "conditions": report(measured),
        "rate_per_s": RATE,
        "quick": given.quick,
        "load_before": round(load_before, 2),
        "took_s": round(time.monotonic() - began),
        "machine": describe(),
    }
    print(json.dumps(result))
    return 0


class Run:
    """One run.

    Args:
        site: The brokers, running.
        quotas: Sets quotas on them.
        folder: Folder for configs, logs and measurements.
        ending: Ends what lives as long as the run.
        quick: Whether it is to show only that it runs.
    """

    def __init__(self, site: Site, quotas: Quotas, folder: Path, ending: ExitStack, *, quick: bool) -> None:
        self._site, self._quotas, self._folder, self._ending = site, quotas, folder, ending
        self._slices = QUICK_SLICES if quick else SLICES
        self._meter = Meter(site.main.address, folder)
        self._release = Release(site.main.address, folder, self._meter, make_topics=site.make_catalogue)
        self._gc = {"broker": GcLog(site.main.gc_log), "own_broker": GcLog(site.own.gc_log)}
        self._steady_per_s: Mapping[str, float] = STEADY_UNMEASURED

    def through(self, plan: Plan) -> Iterator[Measured]:
        """Warm up, then measure each start."""
        honest = self._honest(self._warm_up(plan.warm_up_s))
        self._meter.press(honest, first=0, rate=RATE, seconds=plan.warm_up_s / 3)
        for start in plan.starts:
            measured = list(self._start(start, plan.slice_s, honest))
            if SHIPPED in start:
                self._steady_per_s = {**STEADY_UNMEASURED, **pictures_per_s(measured, SHIPPED)}
            yield from measured

    def _warm_up(self, seconds: float) -> int:
        """Press beside pictures until the brokers are warm.

        Returns:
            The median size of the alerts that presses cause, bytes.
        """
        _say("warm-up")
        self._site.warm()
        with (
            self._beside(SHIPPED) as beside,
            self._release.started(int(RATE * seconds), prepare=beside.prepare) as (line, _workers),
        ):
            beside.enter(BY_NAME[SHIPPED])
            self._meter.measure(line, first=WARM_UP_PRESSES, rate=RATE, seconds=seconds)
            return int(statistics.median(len(value) for value in self._meter.received()))

    def _honest(self, alert_bytes: int) -> Line:
        self._site.make(HONEST.topics)
        pids = [
            self._ending.enter_context(running("benchmarks.latency.hops", *command)).pid
            for command in HONEST.commands(self._site.main.address, alert_bytes)
        ]
        return Line(
            HONEST.source, HONEST.target, press_numbers, dict(zip(("hop_1", "hop_2"), pids, strict=True))
        )

    def _start(self, start: tuple[str, ...], seconds: float, honest: Line) -> Iterator[Measured]:
        slices = max(self._slices, 2 * len(start))
        presses = int(RATE * seconds)
        self._site.pictures_on = BY_NAME[start[0]].broker
        with (
            self._beside(start[0]) as beside,
            self._release.started(presses * slices, prepare=beside.prepare) as (line, _workers),
        ):
            first = WARM_UP_PRESSES
            for name, ours in turns(start, slices):
                beside.enter(BY_NAME[name])
                yield self._measure(name, beside, line if ours else honest, first, seconds, is_ours=ours)
                first += presses
            _say(f"{', '.join(start)}: waiting at the end {beside.backlogs()}")

    def _measure(
        self, name: str, beside: Beside, line: Line, first: int, seconds: float, *, is_ours: bool
    ) -> Measured:
        whole = line._replace(processes={**line.processes, **beside.processes})
        for log in self._gc.values():
            log.new_pauses_ms()
        before, began = beside.processed(), time.monotonic()
        found = self._meter.measure(whole, first=first, rate=RATE, seconds=seconds)
        after, took = beside.processed(), time.monotonic() - began
        pauses = {node: log.new_pauses_ms() for node, log in self._gc.items()}
        pictures = {worker: count - before[worker] for worker, count in after.items()}
        measured = Measured(name, is_ours, found, took, pictures, beside.ready(), pauses)
        shown = {figure: pooled([found])[figure] for figure in ("p50_ms", "p99_ms", "lost", "stolen")}
        _say(f"{name}, {'workers' if is_ours else 'honest'}: {shown} {pictures}")
        return measured

    def _beside(self, name: str) -> Beside:
        return Beside(self._site, self._quotas, self._folder, BY_NAME[name], self._steady_per_s)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
