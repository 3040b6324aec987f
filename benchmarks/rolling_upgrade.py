"""Upgrade: the workers of an earlier commit are replaced, kind by kind, by today's, while presses go on.

    python -m benchmarks.rolling_upgrade --json [--from COMMIT] [--rate N] [--seconds N]

The last line is one JSON object. One Apache Kafka, two workers of each kind that emits, all of the earlier commit;
then the order of docs/guides/upgrade.md: topics, consumers (they read with today's schemas from the beginning),
fusion, alarms, and the gateway last: the sender is the earlier one until every worker is today's. Nobody
acknowledges, so that what the earlier release raised must be escalated by today's. It ends with 66 when the clone
does not hold the commit.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.chaos.account import escalations, presses_of, wrong_repeats
from benchmarks.endurance.earlier_tree import TODAY, EarlierTree, release_before
from benchmarks.support.machine import describe
from benchmarks.support.open_loop import SENDER
from benchmarks.support.processor_time import machine_time, stolen_share
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import COMMAND, WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Action
from schemas.errors import DecodeError, InputMissing
from schemas.topics import ALERTS, FUSION_INPUT, MAINTENANCE, PILLAR_EVENTS, dead_letter_topic
from schemas.units import SECOND_MS
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import read_all
from streams.replay.refold import repeats

CONFIG = '[kafka]\nbootstrap = "{bootstrap}"\n'
ORDER = ("fusion", "fusion", "alarms", "alarms")
READY_S = 60.0
REBALANCE_S = 2.0  # the rebalance after a worker joins
AFTER_S = 10
ESCALATED_S = 150.0  # a red waits 60 s for an answer; a loaded machine is late
BARS = {
    "lost": "0",
    "wrong_repeats": "0",
    "unreadable": "0",
    "escalations_missing": "0",
    "never_raised": "0",
    "dead_letters": "0",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the upgrade and print the figures.

    Returns:
        0, or 66 when the earlier commit is not there.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--from", dest="commit", help="default: the last release")
    parser.add_argument("--rate", type=int, default=100, help="presses a second")
    parser.add_argument("--seconds", type=int, default=90, help="for how long the earlier gateway presses")
    parser.add_argument("--warm-up", type=int, default=25, help="seconds before the first worker is replaced")
    given = parser.parse_args(arguments)
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    with tempfile.TemporaryDirectory() as name, ExitStack() as ending:
        folder = Path(name)
        try:
            earlier = EarlierTree(given.commit or release_before(), folder / "earlier")
        except InputMissing as error:
            print(f"rolling_upgrade: {error}", file=sys.stderr)
            return error.exit_code
        broker = ending.enter_context(ApacheKafka(cache, folder / "kafka.log"))
        figures = _Upgrade(given, earlier, broker.bootstrap, folder, ending).run()
    print(json.dumps(figures))
    return 0


class _Upgrade:
    """One broker, the workers of two releases, the presses, and the account."""

    def __init__(
        self,
        given: argparse.Namespace,
        earlier: EarlierTree,
        bootstrap: str,
        folder: Path,
        ending: ExitStack,
    ) -> None:
        self._given, self._earlier, self._folder, self._ending = given, earlier, folder, ending
        self._kafka = KafkaConfig(bootstrap=bootstrap)
        self._config = folder / "callbox.toml"
        self._config.write_text(CONFIG.format(bootstrap=bootstrap))
        self._presses = given.rate * given.seconds

    def run(self) -> dict[str, object]:
        earlier = self._earlier
        versions = earlier.versions
        _say(f"from {self._earlier.commit}, {versions}, to {TODAY}")
        self._apply_topics(self._earlier.environment)
        after = self._given.rate * AFTER_S
        earlier.register_pillars(self._kafka.bootstrap, self._presses + after)
        workers = [self._start(name, self._earlier.environment) for name in ORDER]
        stop, got = self._folder / "stop", self._folder / "got.jsonl"
        receiver = self._loop(
            {}, "receive", ALERTS, "--expect", "0", "--stop-file", str(stop), "--out", str(got)
        )
        before = machine_time()
        sender = self._sender(self._earlier.environment, "earlier.json", 0, self._given.seconds)
        time.sleep(self._given.warm_up)
        replaced = self._replace(workers)
        under_load = sender.poll() is None
        sender.wait(self._given.seconds + 60)
        self._sender({}, "today.json", self._presses, AFTER_S).wait(AFTER_S + 60)
        stolen = stolen_share(before, machine_time())
        self._wait_for_escalations()
        stop.touch()
        receiver.wait(60)
        figures = self._account(got, replaced)
        return figures | {
            "from": {"commit": self._earlier.commit, **versions._asdict()},
            "to": TODAY._asdict(),
            "replaced_under_load": under_load,
            "rate": self._given.rate,
            "stolen": round(stolen, 4),
            "bars": BARS,
            "machine": describe(),
        }

    def _replace(self, workers: list[WorkerProcess]) -> "Replaced":
        """Apply topics, then replace one kind of worker after the other: all of it stop before one of today starts."""
        began = fold_ended = time.time()
        self._apply_topics({})
        for kind in dict.fromkeys(ORDER):
            at = time.time()
            leaving = [old for old in workers if old.name == kind]
            for (
                old
            ) in leaving:  # together: one that is stopped while the group rebalances for another may hang
                old.send(signal.SIGTERM)
            codes = [old.stop() for old in leaving]
            _say(f"{kind}: ended with {codes} after {time.time() - at:.1f} s")
            fold_ended = time.time() if kind == "fusion" else fold_ended
            for _ in codes:
                self._start(kind, {})
                _say(f"{kind}: one of today is ready after {time.time() - at:.1f} s")
            time.sleep(REBALANCE_S)
        return Replaced(began, fold_ended, time.time())

    def _account(self, got: Path, replaced: "Replaced") -> dict[str, object]:
        scheduled, taken = self._sent("earlier.json", "today.json")
        live = {
            topic: [record.value or b"" for record in read_all(self._kafka, topic)]
            for topic in (ALERTS, MAINTENANCE)
        }
        readable, unreadable = _readable([value for values in live.values() for value in values])
        named = {press for alert in readable for press in presses_of(alert)}
        missing, doubled = escalations(readable)
        arrived = _arrivals(got)
        gaps = [
            1000 * (arrived[press] - at)
            for press, at in scheduled.items()
            if press in arrived and replaced.began <= at < replaced.ended
        ]
        figures: dict[str, object] = {
            "presses": len(taken),
            "lost": len(taken - named),
            "repeats": repeats(live),
            "wrong_repeats": -1 if unreadable else wrong_repeats(live),
            "unreadable": unreadable,
            "escalations_missing": missing,
            "escalations_doubled": doubled,
            "dead_letters": sum(
                1
                for topic in (PILLAR_EVENTS, FUSION_INPUT)
                for _ in read_all(self._kafka, dead_letter_topic(topic))
            ),
            "handover_gap_ms_max": round(max(gaps), 1) if gaps else None,
            "presses_while_replacing": len(gaps),
        }
        return figures | taken_over(readable, replaced)

    def _wait_for_escalations(self) -> None:
        deadline = time.monotonic() + ESCALATED_S
        while time.monotonic() < deadline:
            readable, _ = _readable([record.value or b"" for record in read_all(self._kafka, ALERTS)])
            missing, _ = escalations(readable)
            if not missing:
                return
            time.sleep(5)

    def _sent(self, *files: str) -> tuple[dict[str, float], set[str]]:
        scheduled: dict[str, float] = {}
        taken: set[str] = set()
        for name in files:
            sent = json.loads((self._folder / name).read_text())
            scheduled |= {f"press-{number}": at for number, at in sent["scheduled"].items()}
            taken |= {f"press-{number}" for number in sent["acknowledged"]}
        return scheduled, taken

    def _apply_topics(self, environment: dict[str, str]) -> None:
        command = [*COMMAND, "--config", str(self._config), "topics", "apply"]
        subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)

    def _start(self, name: str, environment: dict[str, str]) -> WorkerProcess:
        port = free_port()
        log_file = self._folder / f"{name}-{port}.log"
        worker = WorkerProcess(name, self._config, http_port=port, log_file=log_file, environment=environment)
        self._ending.enter_context(worker)
        worker.wait_until_ready(READY_S)
        return worker

    def _sender(
        self, environment: dict[str, str], out: str, first: int, seconds: int
    ) -> "subprocess.Popen[str]":
        rate, sent = str(self._given.rate), str(self._folder / out)
        options = ("--first", str(first), "--rate", rate, "--seconds", str(seconds), "--out", sent)
        return self._loop(environment, "send", PILLAR_EVENTS, *options)

    def _loop(
        self, environment: dict[str, str], role: str, topic: str, *options: str
    ) -> "subprocess.Popen[str]":
        command = [*SENDER, role, self._kafka.bootstrap, topic]
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self._ending.callback(process.kill)
        if role == "receive" and process.stdout is not None:
            process.stdout.readline()
        return process


class Replaced(NamedTuple):
    """When the workers were replaced, seconds since 1970: broker and bench have one clock.

    Attributes:
        began: The first worker of the earlier release is stopped after this.
        fold_ended: No fusion worker of the earlier release runs after this.
        ended: Every worker is today's.
    """

    began: float
    fold_ended: float
    ended: float


def taken_over(alerts: Sequence[Alert], replaced: Replaced) -> dict[str, int]:
    """What became of the incidents that the earlier release raised: today's alerts name them by the same ids.

    Who sent an alert is told by its time: before the first worker was stopped only the earlier release folded, and
    after its last fusion worker had ended only today's.
    """
    raised = {alert.incident_id for alert in alerts if alert.action is Action.RAISE}
    before = {
        alert.incident_id
        for alert in alerts
        if alert.action is Action.RAISE and alert.sent < replaced.began * SECOND_MS
    }
    after = [alert for alert in alerts if alert.sent >= replaced.fold_ended * SECOND_MS]
    return {
        "incidents_before": len(before),
        "never_raised": len({alert.incident_id for alert in alerts} - raised),
        "incidents_raised_today": len({a.incident_id for a in after if a.action is Action.RAISE} - before),
        "escalated_by_today": len({a.incident_id for a in after if a.action is Action.ESCALATE} & before),
    }


def _readable(values: Sequence[bytes]) -> tuple[list[Alert], int]:
    """The alerts that today's schemas decode, and the number of the others."""
    alerts: list[Alert] = []
    unreadable = 0
    for value in values:
        try:
            alerts.append(decode(value, Alert))
        except DecodeError:
            unreadable += 1
    return alerts, unreadable


def _arrivals(got: Path) -> dict[str, float]:
    """When the first alert of each press came."""
    arrived: dict[str, float] = {}
    with got.open() as lines:
        for line in lines:
            at, value = json.loads(line)
            for alert in _readable([bytes.fromhex(value)])[0]:
                for press in presses_of(alert):
                    arrived.setdefault(press, at)
    return arrived


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
