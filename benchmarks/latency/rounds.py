"""The rounds of the latency bench: one slice of each phase after the other, then the searches for the capacity."""

import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from benchmarks.endurance.earlier_tree import EarlierTree
from benchmarks.latency import plan
from benchmarks.latency.bars import EARLIER
from benchmarks.latency.capacity import Search, Tried, search_in_turn
from benchmarks.latency.hops import BARE, HONEST, Hops
from benchmarks.latency.phases import Line, Meter
from benchmarks.latency.plan import Phase, Plan
from benchmarks.latency.releases import WARM_UP_PRESSES, Release
from benchmarks.latency.slices import Figures, Slice, pooled
from benchmarks.support import backlog
from benchmarks.support.open_loop import press_numbers
from callbox_testkit.brokers.apache import ApacheKafka
from streams.kafka import topics
from streams.kafka.config import KafkaConfig

TODAY = "today"
MOST_STOLEN = 0.10
OVER_CAPACITY_S = 5.0
"""A rate is not held once presses are so late; there is no need to wait for them for as long as for lost ones."""

PICTURES = ("frames", "plates")
BACKLOG_WITHIN_S = 60.0
LOOK_S = 0.5
WARM_UP_RATES = (200, 1000, 1000, 1000)
"""Slices with which a run begins. The broker's JVM compiles what each rate needs: after presses at 200 a second only,
its compiler took a fifth of a core while 1,000 were measured."""


class Rounds:
    """Measures on one broker.

    Args:
        broker: It runs.
        folder: Folder for logs and measurements.
        meter: Measures slices.
        earlier: The release before; None: there is nothing to compare with.
    """

    def __init__(self, broker: ApacheKafka, folder: Path, meter: Meter, earlier: EarlierTree | None) -> None:
        self._kafka = KafkaConfig(bootstrap=broker.bootstrap)
        self._broker_pid, self._meter = broker.pid, meter
        self._releases = {TODAY: Release(broker.bootstrap, folder, meter)}
        if earlier is not None:
            self._releases[EARLIER] = Release(broker.bootstrap, folder, meter, earlier)
        self._ending = ExitStack()
        self._slices: dict[str, list[Slice]] = defaultdict(list)
        self._pictures: dict[str, float] = defaultdict(float)

    def run(self, wanted: Plan) -> Figures:
        """Warm up, run the rounds, search the capacities.

        Returns:
            The figures of each phase by its name, and those of the whole run.
        """
        alert_bytes = self._warm_up(wanted.warm_up_s)
        hops = {name: self._hops(kind, alert_bytes) for name, kind in (("honest", HONEST), ("bare", BARE))}
        for line in hops.values():
            for rate in dict.fromkeys(WARM_UP_RATES):
                self._meter.press(line, first=0, rate=rate, seconds=wanted.warm_up_s / 6)
        for number in range(wanted.rounds):
            self._round(number, wanted.phases, hops)
        figures: Figures = {name: pooled(self._slices[name]) for name in wanted.phases}
        if plan.BUSY_200 in wanted.phases:
            figures["pictures"] = {name: round(value, 1) for name, value in self._pictures.items()}
        return {**figures, **self._capacities(wanted), "alert_bytes": alert_bytes}

    def _warm_up(self, seconds: float) -> int:
        """Press until the broker is warm.

        Returns:
            The median size of the alerts that presses cause, bytes.
        """
        _say("warm-up")
        for rate in WARM_UP_RATES:
            self._slice_of(TODAY, Phase(rate, seconds))
        return int(statistics.median(len(value) for value in self._meter.received()))

    def _hops(self, kind: Hops, alert_bytes: int) -> Line:
        topics.apply(self._kafka, kind.topics, i_lose_order=False)
        module = "benchmarks.latency.hops"
        pids = [
            self._ending.enter_context(running(module, *command)).pid
            for command in kind.commands(self._kafka.bootstrap, alert_bytes)
        ]
        return Line(kind.source, kind.target, press_numbers, {"first_hop": pids[0], "second_hop": pids[1]})

    def _round(self, number: int, phases: Mapping[str, Phase], hops: Mapping[str, Line]) -> None:
        beside_pictures = (plan.BUSY_200, plan.HONEST_BUSY_200)
        for name, phase in phases.items():
            if name not in beside_pictures:
                self._note(name, self._repeated(self._way_to_measure(name, phase, hops)))
        busy = {name: phases[name] for name in beside_pictures if name in phases}
        if busy:
            # What comes second has more behind it, so they change places.
            turns = list(busy.items())[:: -1 if number % 2 else 1]
            self._busy(dict(turns), hops["honest"])

    def _way_to_measure(self, name: str, phase: Phase, hops: Mapping[str, Line]) -> Callable[[], Slice]:
        kind = name.partition("_")[0]
        if kind in hops:
            return partial(self._measure, hops[kind], 0, phase)
        return partial(self._slice_of, EARLIER if kind == EARLIER else TODAY, phase)

    def _busy(self, phases: Mapping[str, Phase], honest: Line) -> None:
        presses = sum(_presses(phase) for phase in phases.values())
        started = self._releases[TODAY].started(
            presses, prepare=lambda: backlog.register(self._kafka), beside=PICTURES
        )
        with (
            started as (line, workers),
            running("benchmarks.support.backlog", self._kafka.bootstrap),
        ):
            self._wait_for_backlog()
            before, began = {name: _items(workers[name].page("/metrics")) for name in PICTURES}, time.time()
            for name, phase in phases.items():
                ours = name == plan.BUSY_200
                self._note(
                    name, self._measure(line if ours else honest, WARM_UP_PRESSES if ours else 0, phase)
                )
            for name in PICTURES:
                items = _items(workers[name].page("/metrics")) - before[name]
                self._pictures[f"{name}_per_s"] = items / (time.time() - began)
            for topic, (name, _wanted) in backlog.FEEDS.items():
                self._pictures[f"{name}_backlog"] = backlog.waiting(self._kafka.bootstrap, topic)

    def _wait_for_backlog(self) -> None:
        deadline = time.monotonic() + BACKLOG_WITHIN_S
        for topic, (name, wanted) in backlog.FEEDS.items():
            while backlog.waiting(self._kafka.bootstrap, topic) < wanted / 2:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} has no backlog after {BACKLOG_WITHIN_S:g} s")
                time.sleep(LOOK_S)

    def _slice_of(self, release: str, phase: Phase, lost_after_s: float | None = None) -> Slice:
        with self._releases[release].started(_presses(phase)) as (line, _workers):
            return self._measure(line, WARM_UP_PRESSES, phase, lost_after_s)

    def _measure(self, line: Line, first: int, phase: Phase, lost_after_s: float | None = None) -> Slice:
        whole = line._replace(processes={**line.processes, "broker": self._broker_pid})
        waiting = {} if lost_after_s is None else {"lost_after_s": lost_after_s}
        return self._meter.measure(whole, first=first, rate=phase.rate, seconds=phase.seconds, **waiting)

    def _repeated(self, measure: Callable[[], Slice]) -> Slice:
        """Measure; once more if the host took too much, and the better of the two counts."""
        once = measure()
        if once.stolen <= MOST_STOLEN:
            return once
        _say(f"{once.stolen:.0%} of the CPU time was stolen: once more")
        return min(once, measure(), key=lambda each: each.stolen)

    def _note(self, name: str, measured: Slice) -> None:
        self._slices[name].append(measured)
        _say(f"{name}: {pooled([measured])}")

    def _capacities(self, wanted: Plan) -> Figures:
        if not wanted.rates:
            return {}
        searches = {name: Search(wanted.rates) for name in self._releases}
        search_in_turn(searches, lambda name, rate: self._try(name, Phase(rate, wanted.rate_s)))
        figures: Figures = {}
        for name, search in searches.items():
            prefix = "" if name == TODAY else f"{name}_"
            figures[f"{prefix}capacity_per_s"] = search.capacity_per_s
            figures[f"{prefix}capacity_tried"] = [tried._asdict() for tried in search.tried]
        return figures

    def _try(self, release: str, phase: Phase) -> Tried:
        measured = self._repeated(lambda: self._slice_of(release, phase, OVER_CAPACITY_S))
        tried = Tried.of(phase.rate, pooled([measured]))
        _say(f"capacity, {release}: {tried}")
        return tried

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()


def _presses(phase: Phase) -> int:
    return int(phase.rate * phase.seconds)


def _items(page: str) -> float:
    """Records that a worker has processed so far, by its metrics."""
    counted = (line for line in page.splitlines() if line.startswith("callbox_records_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted)


@contextmanager
def running(module: str, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A helper process of the bench, until the block ends."""
    process = subprocess.Popen([sys.executable, "-P", "-m", module, *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
