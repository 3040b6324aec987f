"""Half an hour under load: whether memory, threads, file descriptors and latency of the shipped workers stay flat.

    python -m benchmarks.long_run --json [--minutes N] [--rate N] [--presses N]

The last line is one JSON object. One Apache Kafka, one alarms and one fusion worker with shipped settings, 5,000
supervised pillars: heartbeats, presses among them, and every incident is accepted, cleared and closed. Each second
every worker's memory, threads and descriptors are read from proc(5). The slope is taken over the time after the
warm-up, by least squares, with its standard error: `flat` is below what is tolerated with confidence, `within noise`
cannot be distinguished from zero.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.endurance.long_feed import PILLARS, Answers, supervised
from benchmarks.endurance.slopes import slope
from benchmarks.support.machine import describe
from benchmarks.support.processor_time import cpu_seconds, machine_time, resident_mib, stolen_share
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from schemas.ack import AckResult
from schemas.codec import decode, encode
from schemas.enums import AckOutcome, InputKind
from schemas.ids import fingerprint
from schemas.registry import RegistryDevice
from schemas.topics import ACK_RESULTS, REGISTRY
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.worker.log_writer import fact

KINDS: Final = ("alarms", "fusion")
READY_S: Final = 60.0
WARM_UP_S: Final = (
    60.0  # before the minutes that count: buffers fill, a fresh broker is five to ten times slower
)
AFTER_S: Final = 15.0
MINUTE_S: Final = 60.0
TOLERATED: Final = {"rss_mib": 20.0, "threads": 1.0, "descriptors": 5.0}
"""Growth an hour, rounded, that fits into 16 GiB for a worker that is restarted once a month."""


class Sample(NamedTuple):
    """The resources of a process at one time."""

    at_s: float
    rss_mib: float
    threads: float
    descriptors: float


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=2000, help="events a second, presses among them")
    parser.add_argument("--presses", type=int, default=4, help="presses a second")
    given = parser.parse_args()
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        broker = ending.enter_context(ApacheKafka(cache, folder / "kafka.log"))
        figures = _run(given, folder, broker.bootstrap, ending)
    print(json.dumps(figures | {"machine": describe()}))


def _run(given: argparse.Namespace, folder: Path, bootstrap: str, ending: ExitStack) -> dict[str, object]:
    kafka, config = KafkaConfig(bootstrap=bootstrap), folder / "callbox.toml"
    config.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n')
    topics.apply(kafka, i_lose_order=False)
    publish(kafka, list(_registry(supervised(number) for number in range(PILLARS))))
    workers = [ending.enter_context(_worker(name, config, folder)) for name in KINDS]
    for worker in workers:
        worker.wait_until_ready(READY_S)
    answers = Answers(bootstrap)
    ending.callback(answers.close)
    before, seconds, out = machine_time(), WARM_UP_S + given.minutes * MINUTE_S, folder / "sent.json"
    command = [sys.executable, "-P", "-m", "benchmarks.endurance.long_feed", bootstrap, "--out", str(out)]
    options = ["--rate", given.rate, "--press-every", given.rate // given.presses, "--seconds", seconds]
    sender = subprocess.Popen([*command, *map(str, options)])
    ending.callback(sender.kill)
    samples = _watch(workers, sender)
    lag = {worker.name: _highest(worker.page("/metrics"), "callbox_lag_seconds") for worker in workers}
    cpu = {worker.name: round(cpu_seconds(worker.pid), 1) for worker in workers}
    time.sleep(AFTER_S)
    sent = json.loads(out.read_text())
    return {
        **latencies(sent["scheduled"], answers.named_at, WARM_UP_S),
        "not_taken": sent["failed"],
        "sender_late_s": sent["late_s"],
        "acknowledgements": answers.said,
        "acknowledgements_rejected": _rejected(kafka),
        "workers": {name: growth(series, WARM_UP_S) for name, series in samples.items()},
        "lag_s_at_the_end": lag,
        "cpu_s": cpu,
        "minutes": given.minutes,
        "rate": given.rate,
        "tolerated_per_hour": TOLERATED,
        "stolen": round(stolen_share(before, machine_time()), 4),
    }


def growth(series: Sequence[Sample], warm_up_s: float) -> dict[str, Any]:
    """Slope, standard error and verdict of each figure of one worker, the warm-up left out."""
    began = series[0].at_s
    warm = min(warm_up_s, (series[-1].at_s - began) / 3)
    rest = [sample for sample in series if sample.at_s - began >= warm]
    at_s = [sample.at_s for sample in rest]
    found: dict[str, Any] = {}
    for place, name in enumerate(Sample._fields[1:], start=1):
        values = [sample[place] for sample in rest]
        line = slope(at_s, values)
        found[name] = {
            "first": round(values[0], 2),
            "last": round(values[-1], 2),
            "most": round(max(values), 2),
            "per_hour": round(line.per_hour, 3),
            "standard_error": round(line.standard_error, 3),
            "verdict": line.verdict(TOLERATED[name]),
        }
    return found


def latencies(
    scheduled: Mapping[str, float], named_at: Mapping[str, float], warm_up_s: float
) -> dict[str, object]:
    """Press to alert in milliseconds: first minute after the warm-up, last minute; and presses without an alert."""
    began, ended = min(scheduled.values()) + warm_up_s, max(scheduled.values())
    heard = [(at, 1000 * (named_at[press] - at)) for press, at in scheduled.items() if press in named_at]
    return {
        "presses": len(scheduled),
        "lost": len(scheduled.keys() - named_at.keys()),
        "p99_ms_first_minute": _p99([took for at, took in heard if began <= at < began + MINUTE_S]),
        "p99_ms_last_minute": _p99([took for at, took in heard if at > ended - MINUTE_S]),
        "p50_ms": round(float(np.median([took for _, took in heard])), 1) if heard else None,
    }


def _rejected(kafka: KafkaConfig) -> int:
    """The number of rejected acknowledgements: if there are any, the traffic is not what it should be."""
    results = (decode(record.value or b"", AckResult) for record in read_all(kafka, ACK_RESULTS))
    return sum(result.outcome is not AckOutcome.ACCEPTED for result in results)


def _p99(values: Sequence[float]) -> float | None:
    return round(float(np.percentile(values, 99)), 1) if values else None


def _registry(devices: Iterable[RegistryDevice]) -> Iterable[ProducerRecord]:
    """The records that `callbox registry apply` writes: the log first, then the registry."""
    for device in (known := list(devices)):
        name = fingerprint(device.device_id, device.zone, device.revision)
        yield fact(InputKind.DEVICE, name, device.zone, device)
    for device in known:
        yield ProducerRecord(REGISTRY, device.device_id.encode(), encode(device))


def _worker(name: str, config: Path, folder: Path) -> WorkerProcess:
    return WorkerProcess(name, config, http_port=free_port(), log_file=folder / f"{name}.log")


def _watch(workers: Sequence[WorkerProcess], sender: "subprocess.Popen[bytes]") -> dict[str, list[Sample]]:
    """A sample of each worker each second, until the sender is done."""
    samples: dict[str, list[Sample]] = {worker.name: [] for worker in workers}
    due = time.time()
    while sender.poll() is None:
        for worker in workers:
            samples[worker.name].append(_sample(worker.pid, time.time()))
        due += 1
        time.sleep(max(0.0, due - time.time()))
    return samples


def _sample(pid: int, at_s: float) -> Sample:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(at_s, resident_mib(pid), float(fields["Threads"]), descriptors)


def _highest(page: str, metric: str) -> float | None:
    values = [float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(metric)]
    return max(values, default=None)


if __name__ == "__main__":
    main()
