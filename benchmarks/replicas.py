"""How long no alert comes out after a worker is killed: with two replicas side by side, and with one set of workers.

    python -m benchmarks.replicas --json [--kills N] [--rate N] [--session-ms N] [--seed N]

The last line is one JSON object. One Apache Kafka, two rounds on brokers of their own: alarms and fusion twice (the
second with --replica b), then once. Presses go on at a rate while one worker after another is killed with SIGKILL and
started again; each kill waits until the one before is over. A press belongs to the gap if it was due within the
session time-out after a kill; its latency runs from its scheduled time to the first red alert that names it.
"""

import argparse
import itertools
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.support import registry_load
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import machine_time, stolen_share
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.codec import decode
from schemas.topics import ALERTS, MAINTENANCE, PILLAR_EVENTS
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.reader import read_all
from streams.worker.spec import REPLICABLE

CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
session_timeout_ms = {session_ms}
heartbeat_interval_ms = {heartbeat_ms}
"""

KINDS = REPLICABLE
EXAMPLE = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "once.py"))
"""The file that a consumer copies. It belongs to no package, so it is loaded by its path."""

READY_S = 60.0
WARM_UP_S = 30.0  # a fresh broker is five to ten times slower
BETWEEN_KILLS_S = 3.0  # after a worker is ready again, before the next kill
AFTER_S = 5.0
CHUNK = 20_000

BARS = {"gap_ms_p99": "<= 250 with replicas", "lost": "0", "conflicts": "0"}


class Slot(NamedTuple):
    """One of the workers: which, and of which replica."""

    name: str
    replica: str


class Kill(NamedTuple):
    """Which worker was killed, when, and how long it took until its successor was ready."""

    slot: Slot
    at_s: float
    ready_after_s: float


def main() -> None:
    """Run both rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--kills", type=int, default=12, help="with replicas; half of them without")
    parser.add_argument("--rate", type=int, default=100, help="presses a second")
    parser.add_argument("--session-ms", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with_replicas = _Round(given, ("", "b"), given.kills).run()
    without = _Round(given, ("",), max(len(KINDS), given.kills // 2)).run()
    figures = with_replicas | {"without_replicas": without, "session_ms": given.session_ms}
    figures |= {"rate": given.rate, "seed": given.seed, "bars": BARS, "machine": describe()}
    print(json.dumps(figures))


class _Round:
    """One broker, its workers, and their kills."""

    def __init__(self, given: argparse.Namespace, replicas: Sequence[str], kills: int) -> None:
        self._given, self._kills = given, kills
        self._slots = [Slot(name, replica) for name in KINDS for replica in replicas]
        self._random = random.Random(given.seed)

    def run(self) -> dict[str, object]:
        cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
        with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
            folder = Path(name)
            broker = ending.enter_context(ApacheKafka(cache, folder / "kafka.log"))
            self._begin(folder, broker.bootstrap)
            workers = {slot: self._start(slot) for slot in self._slots}
            ending.callback(lambda: [worker.stop(5) for worker in workers.values()])
            return self._measure(workers)

    def _begin(self, folder: Path, bootstrap: str) -> None:
        self._folder, self._kafka = folder, KafkaConfig(bootstrap=bootstrap)
        session = self._given.session_ms
        text = CONFIG.format(bootstrap=bootstrap, session_ms=session, heartbeat_ms=min(1000, session // 4))
        self._config = folder / "callbox.toml"
        self._config.write_text(text)
        topics.apply(self._kafka, i_lose_order=False)
        records = list(registry_load.records(range(int(self._given.rate * self._longest_s()))))
        for at in range(0, len(records), CHUNK):
            publish(self._kafka, records[at : at + CHUNK])

    def _longest_s(self) -> float:
        """For how long there are pillars to press."""
        settles_s = 9.0  # an heir waits out the session of the dead, and the next kill waits for it
        each_s: float = self._given.session_ms / 1000 + settles_s
        return WARM_UP_S + AFTER_S + self._kills * each_s

    def _start(self, slot: Slot) -> WorkerProcess:
        port = free_port()
        log_file = self._folder / f"{slot.name}-{slot.replica}-{port}.log"
        worker = WorkerProcess(
            slot.name, self._config, http_port=port, log_file=log_file, replica=slot.replica
        )
        worker.wait_until_ready(READY_S)
        return worker

    def _measure(self, workers: dict[Slot, WorkerProcess]) -> dict[str, object]:
        stop, sent, got = (self._folder / name for name in ("stop", "sent.json", "got.jsonl"))
        receiver = self._loop("receive", ALERTS, "--expect", "0", "--stop-file", str(stop), "--out", str(got))
        assert receiver.stdout is not None
        receiver.stdout.readline()
        before = machine_time()
        rate, seconds = str(self._given.rate), str(self._longest_s())
        sender = self._loop("send", PILLAR_EVENTS, "--rate", rate, "--seconds", seconds, "--out", str(sent))
        time.sleep(WARM_UP_S)
        kills = self._kill_each_in_turn(workers, sender)
        sender.wait(self._longest_s() + 60)
        after = machine_time()
        time.sleep(AFTER_S)
        stop.touch()
        receiver.wait(60)
        figures = _figures(json.loads(sent.read_text()), got, kills, self._given.session_ms / 1000)
        return figures | {
            "conflicts": len(_conflicts(self._kafka)),
            "stolen": round(stolen_share(before, after), 4),
            "load": round(os.getloadavg()[1], 1),
        }

    def _kill_each_in_turn(
        self, workers: dict[Slot, WorkerProcess], sender: "subprocess.Popen[str]"
    ) -> list[Kill]:
        """Kill every worker equally often, in an order that the seed decides, as long as there are presses."""
        kills: list[Kill] = []
        rounds = (self._random.sample(self._slots, len(self._slots)) for _ in itertools.count())
        for slot in itertools.islice(itertools.chain.from_iterable(rounds), self._kills):
            at_s = time.time()
            workers[slot].send(signal.SIGKILL)
            workers[slot].wait(10)
            workers[slot] = self._start(slot)
            kills.append(Kill(slot, at_s, time.time() - at_s))
            _say(f"killed {slot.name} {slot.replica or '(first)'}: {kills[-1].ready_after_s:.1f} s")
            rest_s = at_s + self._given.session_ms / 1000 + BETWEEN_KILLS_S - time.time()
            time.sleep(max(BETWEEN_KILLS_S, rest_s))
            if sender.poll() is not None:
                break
        return kills

    def _loop(self, role: str, topic: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-P",
            "-m",
            "benchmarks.support.open_loop",
            role,
            self._kafka.bootstrap,
            topic,
        ]
        return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


def _figures(sent: dict[str, dict[str, float]], got: Path, kills: list[Kill], s: float) -> dict[str, object]:
    """The figures of all presses, and of those that were due within `s` seconds after a kill."""
    scheduled = {int(number): at for number, at in sent["scheduled"].items()}
    arrived = _arrivals(got)
    heard = {number: (arrived[number] - at) * 1000 for number, at in scheduled.items() if number in arrived}
    gaps = [heard[n] for n in heard if any(0 <= scheduled[n] - kill.at_s < s for kill in kills)]
    began = min(scheduled.values())
    quiet = [heard[n] for n in heard if _is_quiet(scheduled[n] - began, scheduled[n], kills)]
    p50, p99, most = _percentiles(gaps)
    quiet_p50, quiet_p99, _ = _percentiles(quiet)
    return {
        "gap_ms_p50": p50,
        "gap_ms_p99": p99,
        "gap_ms_max": most,
        "presses_in_gaps": len(gaps),
        "quiet_ms_p50": quiet_p50,
        "quiet_ms_p99": quiet_p99,
        "kills": [f"{kill.slot.name} {kill.slot.replica or 'first'}" for kill in kills],
        "longest_by_kill_ms": [_longest(kill, scheduled, heard, s) for kill in kills],
        "sent": len(scheduled),
        "lost": len({int(number) for number in sent["acknowledged"]} - arrived.keys()),
    }


def _is_quiet(since_start_s: float, at_s: float, kills: list[Kill]) -> bool:
    """Whether a press was due while the broker was warm and every worker ran: the latency without kills."""
    gone = any(-0.5 <= at_s - kill.at_s < kill.ready_after_s + 1 for kill in kills)
    return since_start_s > WARM_UP_S / 2 and not gone


def _longest(kill: Kill, scheduled: dict[int, float], heard: dict[int, float], s: float) -> float:
    return round(max((heard[n] for n in heard if 0 <= scheduled[n] - kill.at_s < s), default=0.0), 1)


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    if not values:
        return (float("nan"),) * 3
    p50, p99, most = np.percentile(values, [50, 99, 100])
    return round(float(p50), 1), round(float(p99), 1), round(float(most), 1)


def _arrivals(got: Path) -> dict[int, float]:
    """When the first alert that names a press came."""
    arrived: dict[int, float] = {}
    with got.open() as lines:
        for line in lines:
            at, value = json.loads(line)
            press = first_named_press(decode(bytes.fromhex(value), Alert))
            if press is not None:
                arrived.setdefault(int(press.event_id.removeprefix("press-")), at)
    return arrived


def _conflicts(kafka: KafkaConfig) -> list[str]:
    """The alert ids under which two different contents were published."""
    once = EXAMPLE["Once"]()
    return [
        alert_id
        for topic in (ALERTS, MAINTENANCE)
        for record in read_all(kafka, topic)
        if once.see(alert_id := decode(record.value, Alert).alert_id, record.value or b"", 0.0)
        is EXAMPLE["Sight"].CONFLICT
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
