"""Memory under back pressure: a log that takes no records, and pictures that come faster than they are processed.

    python -m benchmarks.back_pressure --json [--records N] [--frames N] [--seconds N]

The last line is one JSON object. One Apache Kafka, shipped workers with shipped settings.

log       pillar events wait, and a proxy holds every Produce request on its way to the broker; after --seconds it lets
          them through, and then every event must be in the log
pictures  frames of 1080p wait, and the one thread for OpenCV is always busy

Memory is read from proc(5) four times a second. In hand are the records that a worker has fetched and not processed,
by its own metrics, which it updates once a second. Their limit is `waiting_batches` times `batch_records` of its
settings, a quarter more until it is looked at, and one poll. Faust with its defaults runs after `alarms`,
with the same backlog and with producers held for the same time. Exit code 1: something was written while producers
were held, an event is missing, a limit was exceeded, or pictures ran out.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks.support.backlog import frames, register
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import machine_time, resident_mib, stolen_share
from benchmarks.support.proxy import SlowProxy
from benchmarks.support.scrape import samples, scrape_metrics
from benchmarks.throughput.feed import feed_records, lists
from benchmarks.throughput.runs import PeerProcess, Program
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.cluster import KafkaCluster
from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput
from schemas.topics import FRAMES, FUSION_INPUT, PILLAR_EVENTS
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.group_consumer import BALANCE_PARTS, MOST
from streams.kafka.group_settings import FETCHED_AHEAD_BYTES
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import bounds, read_all
from streams.kafka.topics import partition_count
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WorkersSettings

CHUNK: Final = {PILLAR_EVENTS: 20_000, FRAMES: 200}
"""Records that are sent together: a few MiB."""

LOOK_S: Final = 0.25
DRAIN_S: Final = 300.0
MOST_S: Final = RuntimeSettings().give_up_s / 2


class Stuck(Exception):
    """The backlog was not processed in time."""


def main() -> int:
    """Run both parts and print the figures.

    Returns:
        0, or 1 if a bar is not met or the run proves nothing.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--frames", type=int, default=4_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="below what a watchdog allows")
    given = parser.parse_args()
    if given.seconds > MOST_S:
        parser.error(
            f"--seconds {given.seconds:g}: after {MOST_S:g} s the worker's own watchdog would end it"
        )
    before = machine_time()
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
        proxy = SlowProxy()
        ending.callback(proxy.close)
        cluster = ending.enter_context(KafkaCluster(cache, 1, advertised=proxy.in_front_of))
        bench = _Bench(KafkaConfig(bootstrap=cluster.bootstrap), folder, proxy)
        figures = {
            "log": bench.log(given.records, given.seconds),
            "pictures": bench.pictures(given.frames, given.seconds),
        }
    stolen = round(stolen_share(before, machine_time()), 4)
    print(json.dumps({**figures, "seconds": given.seconds, "stolen": stolen, "machine": describe()}))
    return int(not all(part["holds"] for part in figures.values()))


class _Bench:
    def __init__(self, kafka: KafkaConfig, folder: Path, proxy: SlowProxy) -> None:
        self._kafka, self._folder, self._proxy = kafka, folder, proxy
        self._config = folder / "callbox.toml"
        self._config.write_text(f'[kafka]\nbootstrap = "{kafka.bootstrap}"\n')
        topics.apply(kafka, i_lose_order=False)

    def log(self, records: int, seconds: float) -> dict[str, Any]:
        """The producer is full."""
        at = now_ms()
        publish(self._kafka, lists(at))
        sizes = self._preload(PILLAR_EVENTS, feed_records("pillars", records, at))
        self._proxy.hold_producers(hold=True)
        written = self._ends()
        with self._worker("alarms") as worker:
            figures = self._held(worker, PILLAR_EVENTS, WorkersSettings().alarms, min(sizes), seconds)
            written = self._ends() - written
            self._proxy.hold_producers(hold=False)
            began = time.monotonic()
            peak = self._until(lambda: self._missing(records) == 0, worker)
            worked_off_s = round(time.monotonic() - began, 1)
            figures["rss_mib_most"] = round(max(figures["rss_mib_most"], peak), 1)
        held, lost = self._proxy.produce_held, self._missing(records)
        self._proxy.hold_producers(hold=True)
        return figures | {
            "records_waiting": records,
            "written_while_held": written,
            "produce_requests_held": held,
            "worked_off_s": worked_off_s,
            "lost": lost,
            "default_faust_rss_mib_most": self._default_faust(seconds),
            "holds": figures["within_limit"] and written == lost == 0 < held,
        }

    def pictures(self, count: int, seconds: float) -> dict[str, Any]:
        """The executor is full."""
        self._proxy.hold_producers(hold=False)
        register(self._kafka)
        sizes = self._preload(FRAMES, frames(count))
        with self._worker("frames") as worker:
            figures = self._held(worker, FRAMES, WorkersSettings().frames, min(sizes), seconds)
            done = int(sum(value for _, value in samples(worker, "callbox_records_total") or ()))
        return figures | {
            "frames_waiting": count,
            "waiting_mib": round(sum(sizes) / (1 << 20)),
            "frames_done": done,
            "holds": figures["within_limit"] and 0 < done < count,
        }

    def _held(
        self, worker: WorkerProcess, topic: str, settings: WorkerSettings, smallest: int, seconds: float
    ) -> dict[str, Any]:
        """What a worker holds for so long, from the moment that it answers."""
        most_in_hand = settings.waiting_batches * settings.batch_records
        fetched_ahead = max(FETCHED_AHEAD_BYTES, 2 * settings.fetch_bytes) // smallest
        limit = most_in_hand + most_in_hand // BALANCE_PARTS + min(MOST, fetched_ahead)
        self._until(lambda: bool(samples(worker, "callbox_fetch_position")), worker)
        at_first, most, held = resident_mib(worker.pid), 0.0, []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(LOOK_S)
            if worker.exit_code is not None:
                raise Stuck(f"{worker.name}: exit code {worker.exit_code}: {worker.log_tail()}")
            most = max(most, resident_mib(worker.pid))
            held.append(_in_hand(worker, topic))
        return {
            "in_hand_most": max(held),
            "in_hand_limit": limit,
            "within_limit": max(held) <= limit,
            "rss_mib_at_first": round(at_first, 1),
            "rss_mib_most": round(most, 1),
        }

    def _default_faust(self, seconds: float) -> float:
        """The most that Faust as it comes holds in the same time with the same in front of it."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "benchmarks.throughput.peers.default_faust",
            self._kafka.bootstrap,
        ]
        program = PeerProcess([*command, "pillars", "default-faust", str(free_port())], self._folder / "peer")
        try:
            return round(self._most(program, seconds), 1)
        finally:
            program.stop()

    def _most(self, program: Program, seconds: float) -> float:
        deadline, most = time.monotonic() + seconds, 0.0
        while time.monotonic() < deadline:
            if program.exit_code is not None:
                raise Stuck(program.log_tail())
            most = max(most, resident_mib(program.pid))
            time.sleep(LOOK_S)
        return most

    def _until(self, done: Callable[[], bool], worker: WorkerProcess) -> float:
        """Wait; the most memory that the worker held meanwhile, MiB."""
        deadline, most = time.monotonic() + DRAIN_S, 0.0
        while not done():
            if worker.exit_code is not None or time.monotonic() > deadline:
                raise Stuck(f"{worker.name}: exit code {worker.exit_code}: {worker.log_tail()}")
            most = max(most, resident_mib(worker.pid))
            time.sleep(LOOK_S)
        return most

    def _missing(self, records: int) -> int:
        """How many events are not in the log."""
        if self._ends() < records:
            return records - self._ends()
        facts = (decode(record.value, FusionInput) for record in read_all(self._kafka, FUSION_INPUT))
        found = {fact.event_id for fact in facts if fact.kind is InputKind.PILLAR_EVENT}
        return len({f"event-{number}" for number in range(records)} - found)

    def _ends(self) -> int:
        """Records of the log, whatever they are: a look that costs nothing."""
        partitions = range(partition_count(self._kafka, FUSION_INPUT))
        return sum(bounds(self._kafka, FUSION_INPUT, number)[1] or 0 for number in partitions)

    def _preload(self, topic: str, records: Iterable[ProducerRecord]) -> list[int]:
        """Send them; the size of each, bytes."""
        rest, sizes = iter(records), list[int]()
        while chunk := list(islice(rest, CHUNK[topic])):
            publish(self._kafka, chunk)
            sizes += [len(record.key or b"") + len(record.value or b"") for record in chunk]
        return sizes

    def _worker(self, name: str) -> WorkerProcess:
        return WorkerProcess(name, self._config, http_port=free_port(), log_file=self._folder / f"{name}.log")


def _in_hand(worker: WorkerProcess, topic: str) -> int:
    """Records that a worker has fetched and not processed, by its metrics; 0 if it does not answer."""
    page = scrape_metrics(worker) or {}
    fetched, done = (
        sum(value for labels, value in page.get(metric, ()) if labels["topic"] == topic)
        for metric in ("callbox_fetch_position", "callbox_records_total")
    )
    return max(0, int(fetched - done))


if __name__ == "__main__":
    sys.exit(main())
