"""Throughput on Apache Kafka: the shipped worker beside Faust with its defaults, Quix, Bytewax and a bare loop.

    python -m benchmarks.throughput --json [--topic plates|pillars] [--records N] [--rounds 3]

The last line is one JSON object. Every runner reads the same preloaded topic in a consumer group of its own and does
the same job: decode, look up, decide, send what follows with its delivery awaited, commit. Plate reads carry a text;
one in a hundred is a hit. Every pillar event has an answer. Rounds are interleaved, one runner at a time, and the
order rotates; the answers of all must be the same set. A run during which the host took more than 10 % of the CPU
time is repeated.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.support.bench_broker import bench_broker
from benchmarks.support.machine import describe
from benchmarks.throughput.feed import bench_topics, feed_records, lists
from benchmarks.throughput.figures import RUNNERS, Run, figures
from benchmarks.throughput.peers.environment import peers_python
from benchmarks.throughput.peers.jobs import INPUTS
from benchmarks.throughput.runs import Rounds, callbox_config, checked_records
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish

CHUNK = 20_000
MOST_STOLEN = 0.10
MOST_TRIES = 3


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--topic", choices=tuple(INPUTS), default="plates")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=RUNNERS, action="append", help="this runner, repeatable; else all")
    given = parser.parse_args()
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    records = checked_records(given.topic, given.records)
    runners = tuple(given.only or RUNNERS)
    python = peers_python(cache)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with bench_broker(folder) as broker:
            _preload(KafkaConfig(bootstrap=broker.bootstrap), given.topic, records)
            rounds = Rounds(broker.bootstrap, given.topic, records, folder, python)
            runs = interleaved(rounds.run, runners, given.rounds)
    report = {"topic": given.topic, "records": records, "rounds": given.rounds, **figures(given.topic, runs)}
    settings = callbox_config("", "", "plates" if given.topic == "plates" else "alarms").partition(
        "[workers"
    )[2]
    print(json.dumps(report | {"callbox_settings": settings.split("\n")[1:-1], "machine": describe()}))


def interleaved(
    run_once: Callable[[str, int], Run], runners: tuple[str, ...], count: int
) -> dict[str, list[Run]]:
    """Every runner once a round; each round begins with another.

    Args:
        run_once: From a runner and the number of this run to what was measured.
        runners: Their names.
        count: How many rounds.
    """
    runs: dict[str, list[Run]] = {runner: [] for runner in runners}
    tried = 0
    for number in range(count):
        first = number % len(runners)
        for runner in (*runners[first:], *runners[:first]):
            for attempt in range(1, MOST_TRIES + 1):
                tried += 1
                run = run_once(runner, tried)
                _say(f"round {number + 1}, {runner}, try {attempt}: {run}")
                if run.stolen <= MOST_STOLEN:
                    break
            runs[runner].append(run)
    return runs


def _preload(kafka: KafkaConfig, feed: str, count: int) -> None:
    topics.apply(kafka, bench_topics(), i_lose_order=False)
    at = now_ms()
    publish(kafka, lists(at))
    for chunk in _chunks(feed_records(feed, count, at)):
        publish(kafka, chunk)
    _say(f"{count} records of {feed} preloaded")


def _chunks(records: Iterator[ProducerRecord]) -> Iterator[list[ProducerRecord]]:
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
