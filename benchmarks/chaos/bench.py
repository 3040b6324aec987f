"""Chaos: shipped workers on Apache Kafka, presses that keep coming, faults on schedule, and the account afterwards.

    python -m benchmarks.chaos --json [--presses N --kills K --seed S --brokers 1|3 --rate R]
                               [--only FAULT | --sabotage NAME]

The last line is one JSON object. Exit code 0: the broker took every press and read, every fault had its effect, each
worker that got a SIGTERM ended with 0, and the account is clean; with `--sabotage`: damage was seen. Else 1. A press
is sent with a plate read of a listed vehicle, from which one verification request must follow. The gap of a press runs
from when it was due to the arrival of its first alert; the quantiles are over the presses that were due during a fault
of a broker, of the feed, or of an `alarms` or `fusion` worker. `recovery_s` is the longest time from the beginning of
a fault until each press in flight had its alert.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.chaos.account import account, gaps, quantiles
from benchmarks.chaos.bars import bars
from benchmarks.chaos.faults import Effect, Faults
from benchmarks.chaos.feed import Arrivals, Presses
from benchmarks.chaos.plates import lists
from benchmarks.chaos.schedule import SEEN_BY, WORKERS, Fault, Planned, plan
from benchmarks.chaos.small_disk import reason_why_none
from benchmarks.chaos.workers import WorkerPool
from benchmarks.support import registry_load
from benchmarks.support.machine import describe
from benchmarks.support.proxy import SlowProxy
from callbox_testkit.brokers.cluster import KafkaCluster
from callbox_testkit.sabotage import VARIABLE, Sabotage
from processors.state.policy import ByGrade, FusionPolicy, policy_record
from schemas.enums import InputKind
from schemas.ids import fingerprint
from schemas.topics import FUSION_INPUT
from schemas.units import MINUTE_MS, SECOND_MS
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.topics import partition_count
from streams.replay.refold import read_alerts, read_log, refold
from streams.worker.log_writer import broadcast

SESSION_MS = {1: 2_000, 3: 6_000}  # three brokers share two cores: shorter ones end without a fault
CHUNK = 5_000
PATIENCE_S = 90.0
SABOTAGED_PATIENCE_S = 8.0  # an alert that has not come by then is not waited for: it was damaged

POLICY = FusionPolicy(
    acknowledge_ms=ByGrade(red=3 * SECOND_MS, yellow=120 * SECOND_MS, blue=600 * SECOND_MS),
    notify_ms=ByGrade(red=30 * MINUTE_MS, yellow=30 * MINUTE_MS, blue=30 * MINUTE_MS),
)
"""Escalations within the run, and no reminders between them."""


class Struck:
    """One fault and its effect; times in seconds."""

    def __init__(self, planned: Planned, began: float, ended: float, effect: Effect) -> None:
        self.planned, self.began, self.ended, self.effect = planned, began, ended, effect

    def report(self, pressed_at: dict[str, float], arrived_at: dict[str, float]) -> dict[str, Any]:
        """The entry for the JSON; a fault without a press in flight does not count."""
        own = {
            name: at
            for name, at in pressed_at.items()
            if self.began <= at <= self.ended or (at < self.began < arrived_at.get(name, self.began))
        }
        found = gaps(own, arrived_at)
        recovered = max((arrived_at[name] for name in found), default=self.began)
        return {
            "fault": self.planned.fault,
            "worker": self.planned.worker,
            **self.effect,
            "presses_in_flight": len(own),
            "counts": bool(self.effect["seen"]) and bool(own),
            **quantiles(found.values()),
            "recovery_s": round(recovered - self.began, 2),
        }


def main() -> int:
    """Run the schedule and print the figures.

    Returns:
        0 if the run is complete and clean, with `--sabotage` if damage was seen; else 1.
    """
    given = _arguments()
    no_disk = reason_why_none()
    possible = tuple(fault for fault in Fault if fault is not Fault.FULL_DISK or no_disk is None)
    kinds = (Fault.KILL,) if given.sabotage else tuple(map(Fault, given.only or possible))
    schedule = plan(given.presses, given.kills, given.seed, kinds)
    cache = Path(os.environ.get("CALLBOX_CACHE", ".cache"))
    proxy = SlowProxy()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with KafkaCluster(cache, given.brokers, advertised=proxy.in_front_of) as cluster:
                run = _Run(cluster, proxy, Path(folder), given.brokers, given.sabotage)
                figures = run.run(schedule, given.rate)
        finally:
            proxy.close()
    damaged, complete = bool(figures["damaged"]), bool(figures["complete"])
    figures |= {"not_applicable": {} if no_disk is None else {Fault.FULL_DISK: no_disk}}
    figures |= {"seed": given.seed, "brokers": given.brokers, "rate": given.rate, "sabotage": given.sabotage}
    print(json.dumps(figures | {"machine": describe()}))
    return int(not damaged if given.sabotage else damaged or not complete)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="(always) print one JSON object last")
    parser.add_argument("--presses", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50, help="faults of all kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--rate", type=float, default=50.0, help="presses a second while a fault is at work")
    parser.add_argument(
        "--only", choices=[fault.value for fault in Fault], action="append", help="repeatable"
    )
    parser.add_argument("--sabotage", choices=[name.value for name in Sabotage], default=None)
    given = parser.parse_args()
    if given.only and given.sabotage:
        parser.error("--sabotage comes with SIGKILLs: it takes no --only")
    return given


class _Run:
    def __init__(
        self, cluster: KafkaCluster, proxy: SlowProxy, folder: Path, brokers: int, sabotage: str | None
    ) -> None:
        self._kafka = KafkaConfig(bootstrap=cluster.bootstrap)
        self._sabotage, self._session_ms, self._brokers = sabotage, SESSION_MS[brokers], brokers
        environment = {VARIABLE: sabotage} if sabotage else {}
        self._pool = WorkerPool(cluster.bootstrap, folder, self._session_ms, environment)
        self._presses = Presses(cluster.bootstrap)
        self._faults = Faults(self._kafka, cluster, proxy, self._pool, self._presses, self._session_ms)

    def run(self, schedule: list[Planned], rate: float) -> dict[str, Any]:
        _say("topics, policy, registry")
        presses = sum(planned.presses for planned in schedule)
        self._lay_out(presses)
        arrivals = Arrivals(self._kafka.bootstrap)
        try:
            for name in WORKERS:
                self._pool.settle(name)
            struck = [self._one(planned, rate, arrivals) for planned in schedule]
            unsent = self._presses.flush()
            _say("settling")
            self._wait_for_all(arrivals)
        finally:
            self._pool.close()
            self._faults.close()
            arrivals.close()
        _say("account")
        return self._figures(struck, arrivals, presses, unsent)

    def _lay_out(self, presses: int) -> None:
        topics.apply(self._kafka, i_lose_order=False)
        partitions = range(partition_count(self._kafka, FUSION_INPUT))
        record = policy_record(POLICY, 1)
        name = fingerprint("chaos", record.version)
        publish(self._kafka, broadcast(InputKind.POLICY, name, record, partitions))
        publish(self._kafka, list(lists(now_ms())))
        records = list(registry_load.records(range(presses)))
        for at in range(0, len(records), CHUNK):
            publish(self._kafka, records[at : at + CHUNK])

    def _one(self, planned: Planned, rate: float, arrivals: Arrivals) -> Struck:
        self._faults.prepare(planned)
        sending = self._presses.send(planned.first, planned.presses, rate)
        time.sleep(planned.strike_at * planned.presses / rate)
        began = time.time()
        effect = self._faults.strike(planned)
        struck = Struck(planned, began, time.time(), effect)
        sending.join(120)
        self._faults.mend()
        # Until every press has its alert, so that no gap counts for two faults.
        self._wait_until(lambda: self._presses.taken.copy() <= arrivals.raised_at.keys())
        _say(f"{planned.number}: {planned.fault} {planned.worker} {effect}")
        return struck

    def _wait_for_all(self, arrivals: Arrivals) -> None:
        """Until each press has its alert and its escalation and each read its question, or for some patience."""
        taken, to_ask = self._presses.taken, self._presses.to_ask
        self._wait_until(
            lambda: (
                taken <= arrivals.raised_at.keys()
                and len(arrivals.escalated) >= len(taken)
                and to_ask <= arrivals.questions.contents.keys()
            )
        )

    def _wait_until(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + (SABOTAGED_PATIENCE_S if self._sabotage else PATIENCE_S)
        while not is_done() and time.monotonic() < deadline:
            time.sleep(0.2)

    def _figures(self, struck: list[Struck], arrivals: Arrivals, presses: int, unsent: int) -> dict[str, Any]:
        log, live = read_log(self._kafka), read_alerts(self._kafka)
        found = account(self._presses.taken, live, refold(log.entries, log.partitions))._replace(
            questions_lost=len(self._presses.to_ask - arrivals.questions.contents.keys()),
            questions_wrong=arrivals.questions.wrong(self._presses.may_ask),
        )
        pressed_at, arrived_at = self._presses.pressed_at, arrivals.raised_at
        reports = [one.report(pressed_at, arrived_at) for one in struck]
        of_presses = [one for one in struck if one.planned.worker in SEEN_BY]  # no press waits for `plates`
        window = {
            name: at
            for name, at in pressed_at.items()
            if any(one.began <= at <= one.ended for one in of_presses)
        }
        seen = sum(report["counts"] for report in reports)
        measured = bars(
            found,
            reports,
            self._session_ms,
            self._pool.drains_s,
            self._pool.codes,
            with_gaps=self._brokers == 1,
        )
        taken, asked = len(self._presses.taken), len(self._presses.to_ask)
        is_whole = unsent == 0 and taken == asked == presses and seen == len(reports)
        return {
            "presses": presses,
            "presses_taken": taken,
            "presses_unsent": unsent,
            "questions": asked,
            "faults": seen,
            "faults_without_effect": len(reports) - seen,
            **found._asdict(),
            **quantiles(gaps(window, arrived_at).values()),
            "recovery_s": max(report["recovery_s"] for report in reports),
            "workers_ended_by_themselves": self._pool.ended_by_themselves,
            "fault_list": reports,
            "bars": measured,
            "damaged": not found.is_clean,
            "complete": is_whole and measured["drain_s"]["holds"] and measured["exit_codes"]["holds"],
        }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
