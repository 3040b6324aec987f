"""What runs beside the presses in one condition: feeder, picture workers, burners, quotas.

    prepared (topics are there) ─► feeder and workers start ─► ready, a backlog lies there ─► quotas ─► measured

It starts while `alarms` and `fusion` do, and is awaited when these are warm.
"""

import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.beside_pictures.conditions import (
    FED_TOPICS,
    PICTURES,
    Condition,
    Feeder,
    Quota,
)
from benchmarks.beside_pictures.site import LISTENER, Site
from benchmarks.latency.rounds import running
from benchmarks.support import backlog
from benchmarks.support.scrape import samples
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.quotas import CLIENTS, Quotas
from streams.kafka.acls import group_of
from streams.kafka.group_settings import CLIENT_PREFIX
from streams.worker.settings import RuntimeSettings

if TYPE_CHECKING:
    import subprocess

READY_S = 90.0
"""SCHED_IDLE processes start as slowly as the rest of the machine lets them."""

BACKLOG_WITHIN_S = 90.0
LOOK_S = 0.5
SCRAPE_TRIES = 5
_FEEDER = "benchmarks.support.backlog"
_BURNER = "benchmarks.beside_pictures.burner"


class Beside:
    """What runs beside the presses; a start may go through several conditions that share it.

    Args:
        site: The brokers.
        quotas: Sets quotas.
        folder: Folder for configs and logs.
        condition: The first condition of the start.
        steady_per_s: What `Feeder.STEADY` sends, by worker.
    """

    def __init__(
        self,
        site: Site,
        quotas: Quotas,
        folder: Path,
        condition: Condition,
        steady_per_s: Mapping[str, float],
    ) -> None:
        self._site, self._quotas, self._folder, self._first = site, quotas, folder, condition
        self._steady = [str(steady_per_s[name]) for name in PICTURES]
        self._ending = ExitStack()
        self._condition: Condition | None = None
        self._feeder: subprocess.Popen[bytes] | None = None
        self._workers: dict[str, WorkerProcess] = {}
        self._burners: list[subprocess.Popen[bytes]] = []
        self._bootstrap = site.main.more[LISTENER] if condition.has_listener else site.main.address

    def prepare(self) -> None:
        """Start what the first condition needs; the topics are there, and no worker is."""
        backlog.register(self._site.kafka)
        if self._first.feeder is not Feeder.NONE:
            self._feed()
        if self._first.has_workers:
            config = self._folder / f"pictures-{self._first.name}.toml"
            config.write_text(config_of(self._first, self._bootstrap))
            for name in PICTURES:
                worker = WorkerProcess(
                    name, config, http_port=free_port(), log_file=self._folder / f"{name}.log"
                )
                self._workers[name] = self._ending.enter_context(worker)

    def enter(self, condition: Condition) -> None:
        """Be as a condition wants it: the first of the start, or one that follows it."""
        if condition == self._condition:
            return
        self._condition = condition
        for worker in self._workers.values():
            worker.wait_until_ready(READY_S)
        if self._feeder is not None:
            self._wait_for_backlog()
        if condition.feeder in {Feeder.FILLED, Feeder.STEADY}:
            self._stop_feeding()
        if condition.feeder is Feeder.STEADY:
            self._feed("--steady", *self._steady)
        if condition.has_burners:
            self._burners = [self._ending.enter_context(running(_BURNER)) for _name in PICTURES]
        if condition.is_background:
            self._ending.enter_context(self._site.in_background(self._site.own))
        if condition.quota is not None:
            self._limit(condition.quota)

    @property
    def processes(self) -> dict[str, int]:
        """Process ids of all that runs, by name."""
        found = {name: worker.pid for name, worker in self._workers.items()}
        if self._feeder is not None:
            found["cameras"] = self._feeder.pid
        found |= {f"burner_{number}": burner.pid for number, burner in enumerate(self._burners, 1)}
        return {**found, "broker": self._site.main.pid, "own_broker": self._site.own.pid}

    def processed(self) -> dict[str, float]:
        """How many pictures each worker has processed so far."""
        return {name: _processed(worker) for name, worker in self._workers.items()}

    def ready(self) -> dict[str, bool]:
        """Whether each picture worker says that it is ready."""
        return {name: worker.is_ready() for name, worker in self._workers.items()}

    def backlogs(self) -> dict[str, int]:
        """How many pictures wait, by the worker that is to read them."""
        return {name: backlog.waiting(self._site.main.address, FED_TOPICS[name]) for name in self._workers}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _feed(self, *options: str) -> None:
        self._feeder = self._ending.enter_context(running(_FEEDER, self._bootstrap, *options))

    def _stop_feeding(self) -> None:
        if self._feeder is not None:
            self._feeder.kill()
            self._feeder.wait()
            self._feeder = None

    def _wait_for_backlog(self) -> None:
        deadline = time.monotonic() + BACKLOG_WITHIN_S
        for topic, (name, wanted) in backlog.FEEDS.items():
            while backlog.waiting(self._site.main.address, topic) < wanted / 2:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} has no backlog after {BACKLOG_WITHIN_S:g} s")
                time.sleep(LOOK_S)

    def _limit(self, quota: Quota) -> None:
        for names, limits in ((client_ids(), quota.workers), ([backlog.CLIENT_ID], quota.cameras)):
            if limits:
                self._ending.callback(self._quotas.lift, CLIENTS, names, tuple(limits))
                self._quotas.limit(CLIENTS, names, limits)


def client_ids() -> list[str]:
    """By which quotas know the consumers of the picture workers on this machine."""
    prefix = RuntimeSettings().group_prefix
    return [f"{CLIENT_PREFIX}{group_of(name, prefix)}-{socket.gethostname()}" for name in PICTURES]


def config_of(condition: Condition, bootstrap: str) -> str:
    """The config file of the picture workers."""
    lines = ["[kafka]", f'bootstrap = "{bootstrap}"']
    if condition.settings:
        settings = [f"{name} = {value}" for name, value in condition.settings.items()]
        lines += [line for name in PICTURES for line in (f"[workers.{name}]", *settings)]
    return "\n".join(lines) + "\n"


def _processed(worker: WorkerProcess) -> float:
    for _try in range(SCRAPE_TRIES):  # SCHED_IDLE: an answer may take longer than one is waited for
        counted = samples(worker, "callbox_records_total")
        if counted is not None:
            return sum(value for _labels, value in counted)
    raise TimeoutError(f"{worker.name} does not answer: {worker.log_tail()}")
