"""Press to alert on Apache Kafka: the shipped workers with shipped settings, beside two bare hops.

    python -m benchmarks.latency --json [--quick]

The last line is one JSON object. Open loop; a press's latency runs from its scheduled time to the arrival of the
first red alert that names it at a process of its own. Phases, one after another on one broker: warm-up, idle_200,
bare_200, idle_1000, bare_1000, busy_200. A phase during which the host took more than 10 % of the CPU time is
repeated.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.latency import two_hops
from benchmarks.latency.phases import Ids, Phase
from benchmarks.support import backlog, registry_load
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import cpu_seconds
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.codec import decode
from schemas.errors import DecodeError
from schemas.feeds import PillarEvent
from schemas.topics import ALERTS, BY_NAME, CATALOGUE, PILLAR_EVENTS, Topic
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.worker.spec import WORKERS

BROKER_JVM = (
    "-Dlog4j2.level=WARN",
    "-Xms2g",
    "-Xmx2g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:G1HeapRegionSize=16M",
)
"""The options of Kafka's documentation ("Java version") with a third of its heap. In smaller regions, batches of
pictures would be humongous objects, and each would start a collection."""

WARM_UP_S = 30.0
MOST_STOLEN = 0.10
MOST_TRIES = 3
READY_S = 60.0
CHUNK = 20_000
BACKLOG_SETTLES_S = 5.0
REGISTRY_SETTLES_S = 5.0  # workers look at the registry once a second
SHIPPED = ("warm_up", "idle_200", "idle_1000", "busy_200")

BARS = {
    "idle_200": "p50 <= 2.5 x and p99 <= 4 x bare_200",
    "idle_1000": "p50 <= 2.5 x bare_1000, last 10 s <= 1.5 x first 10 s",
    "busy_200": "p50 <= 25 ms, p99 <= 150 ms",
    "lost": "0",
}


def first_named(value: bytes) -> Iterator[int]:
    """The number of the press that an alert names for the first time."""
    press = first_named_press(decode(value, Alert))
    if press is not None:
        yield int(press.event_id.removeprefix("press-"))


def pressed(value: bytes) -> Iterator[int]:
    """The number of a press, as the bare hops forward it."""
    with contextlib.suppress(DecodeError):
        event = decode(value, PillarEvent)
        yield int((event.event_id or "press--1").removeprefix("press-"))


def main() -> None:
    """Run the phases and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--quick", action="store_true", help="a sixth of each phase, to see that it runs")
    given = parser.parse_args()
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ApacheKafka(cache, folder / "kafka.log", jvm=BROKER_JVM) as broker:
            figures = _Bench(broker.bootstrap, folder, 6 if given.quick else 1).run()
    print(json.dumps(figures))


class _Bench:
    def __init__(self, bootstrap: str, folder: Path, shorter: int) -> None:
        self._kafka = KafkaConfig(bootstrap=bootstrap)
        self._folder, self._shorter = folder, shorter
        self._next = 0
        self._config = folder / "callbox.toml"
        self._config.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n')

    def run(self) -> dict[str, object]:
        topics.apply(self._kafka, (*CATALOGUE, *_bare_topics()), i_lose_order=False)
        with contextlib.ExitStack() as running:
            alarms, fusion = (running.enter_context(self._worker(name)) for name in ("alarms", "fusion"))
            for worker in (alarms, fusion):
                worker.wait_until_ready(READY_S)
            for source, target in ((two_hops.IN, two_hops.MIDDLE), (two_hops.MIDDLE, two_hops.OUT)):
                running.enter_context(
                    _running("benchmarks.latency.two_hops", self._kafka.bootstrap, source, target)
                )
            figures = self._phases()
        return figures | {"bars": BARS, "machine": describe()}

    def _phases(self) -> dict[str, object]:
        shipped = self._phase(PILLAR_EVENTS, ALERTS, first_named)
        bare = self._phase(two_hops.IN, two_hops.OUT, pressed)
        _say("warm-up")
        self._measured("warm_up", shipped, 200, WARM_UP_S)
        bare.run(first=0, rate=200, seconds=WARM_UP_S / self._shorter)
        figures: dict[str, object] = {}
        figures["idle_200"] = self._measured("idle_200", shipped, 200, 60)
        figures["bare_200"] = self._measured("bare_200", bare, 200, 60)
        figures["idle_1000"] = self._measured("idle_1000", shipped, 1000, 30)
        figures["bare_1000"] = self._measured("bare_1000", bare, 1000, 30)
        figures["busy_200"] = self._busy(shipped)
        return figures

    def _busy(self, shipped: Phase) -> dict[str, object]:
        backlog.register(self._kafka)
        with contextlib.ExitStack() as running:
            running.enter_context(_running("benchmarks.support.backlog", self._kafka.bootstrap))
            pictures = [running.enter_context(self._worker(name)) for name in ("frames", "plates")]
            for worker in pictures:
                worker.wait_until_ready(READY_S)
            time.sleep(BACKLOG_SETTLES_S)
            before = {worker.name: _work(worker) for worker in pictures}
            figures = self._measured("busy_200", shipped, 200, 60)
            for worker in pictures:
                items, seconds = (
                    now - then for now, then in zip(_work(worker), before[worker.name], strict=True)
                )
                figures[f"{worker.name}_items"] = items
                figures[f"{worker.name}_cpu_s"] = round(seconds, 1)
            for topic, (worker_name, _wanted) in backlog.FEEDS.items():
                figures[f"{worker_name}_backlog"] = backlog.waiting(self._kafka.bootstrap, topic)
        return figures

    def _measured(self, name: str, phase: Phase, rate: int, seconds: float) -> dict[str, object]:
        for attempt in range(1, MOST_TRIES + 1):
            _say(f"{name}, try {attempt}")
            first = self._next_pillars(int(rate * seconds / self._shorter)) if name in SHIPPED else 0
            figures = phase.run(first=first, rate=rate, seconds=seconds / self._shorter)
            pairs = figures.pop("arrivals")
            figures["tries"] = attempt
            figures |= _first_and_last(pairs)
            _say(f"{name}: {figures}")
            if float(str(figures["stolen"])) <= MOST_STOLEN:
                break
        return figures

    def _next_pillars(self, count: int) -> int:
        """Register pillars that have not been pressed yet, and wait until the workers know them."""
        first, self._next = self._next, self._next + count
        records = list(registry_load.records(range(first, self._next)))
        for at in range(0, len(records), CHUNK):
            publish(self._kafka, records[at : at + CHUNK])
        time.sleep(REGISTRY_SETTLES_S)
        return first

    def _phase(self, send_to: str, receive_from: str, numbers_in: Ids) -> Phase:
        return Phase(
            self._kafka.bootstrap,
            self._folder,
            send_to=send_to,
            receive_from=receive_from,
            numbers_in=numbers_in,
        )

    def _worker(self, name: str) -> WorkerProcess:
        port = WORKERS[name].settings.http_port + 10_000  # beside workers that run as shipped
        return WorkerProcess(name, self._config, http_port=port, log_file=self._folder / f"{name}.log")


@contextlib.contextmanager
def _running(module: str, *arguments: str) -> Iterator[None]:
    """A helper process of the bench, until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _first_and_last(pairs: object) -> dict[str, float]:
    """The p50 of the first and the last ten seconds, which shows whether the latency grows."""
    arrivals = np.array(pairs)
    if not len(arrivals):
        return {}
    began, ended = arrivals[0, 0], arrivals[-1, 0]
    early = arrivals[arrivals[:, 0] < began + 10, 1]
    late = arrivals[arrivals[:, 0] > ended - 10, 1]
    return {
        "first_10s_p50_ms": round(float(np.median(early)), 2),
        "last_10s_p50_ms": round(float(np.median(late)), 2),
    }


def _work(worker: WorkerProcess) -> tuple[float, float]:
    """Records processed and CPU seconds used so far."""
    lines = worker.page("/metrics").splitlines()
    done = sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("callbox_records_total{"))
    return done, cpu_seconds(worker.pid)


def _bare_topics() -> list[Topic]:
    like = BY_NAME[PILLAR_EVENTS]
    return [
        Topic(
            name=name,
            key=like.key,
            record=like.record,
            partitions=like.partitions,
            retention_ms=like.retention_ms,
        )
        for name in (two_hops.IN, two_hops.MIDDLE, two_hops.OUT)
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
