"""The workers of a run, two of each kind, kept at that number as a supervisor would.

They are the shipped ones, started by the wrapper program that can sabotage them. What a worker owns and has done is
read from its metrics page, as an operator would read it.
"""

import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.chaos.schedule import WORKERS
from benchmarks.support.scrape import samples
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerFailed, WorkerProcess
from callbox_testkit.worker import PROGRAM
from models.weights import cache_root
from schemas.topics import BY_NAME
from streams.worker.spec import WORKERS as SPECS

EACH = 2
READY_S = 120.0
STEP_S = 0.1
ANSWERS_S = 10.0

CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
session_timeout_ms = {session_ms}
heartbeat_interval_ms = {heartbeat_ms}

[runtime]
commit_interval_s = 0.5
snapshot_interval_s = 1.0

# As shipped it takes the CPU only while nobody else wants it, which on two full cores is never.
[workers.plates]
background = false
nice = 0
"""


class Unsettled(Exception):
    """The workers of one kind do not share its partitions in time."""


class WorkerPool:
    """The workers of a run.

    Attributes:
        drains_s: How long each SIGTERM took.
        codes: The exit code after each SIGTERM; None: killed, for it took too long.
        ended_by_themselves: Exit codes of workers that ended without a signal from us, rather than lose something.
    """

    def __init__(self, bootstrap: str, folder: Path, session_ms: int, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # An absolute path of the cache: a worker on a small disk has another working folder. And output through
        # buffers, as in production: what is still in one when the disk is full fails at the exit.
        cache = str(cache_root().resolve())
        self._environment = {**environment, "CALLBOX_CACHE": cache, "PYTHONUNBUFFERED": ""}
        self._config = folder / "callbox.toml"
        self._config.write_text(
            CONFIG.format(bootstrap=bootstrap, session_ms=session_ms, heartbeat_ms=session_ms // 6)
        )
        self._workers: dict[str, list[WorkerProcess]] = {name: [] for name in WORKERS}
        self.drains_s: list[float] = []
        self.codes: list[int | None] = []
        self.ended_by_themselves: list[int] = []

    def start(self, name: str, disk: Path | None = None) -> WorkerProcess:
        """Start one; it may not be ready yet.

        Args:
            name: Which worker.
            disk: Holds everything that it may write: working folder, home, temporary files, log.
        """
        port = free_port()
        home = {} if disk is None else {"HOME": str(disk), "TMPDIR": str(disk)}
        worker = WorkerProcess(
            name,
            self._config,
            http_port=port,
            log_file=(disk or self._folder) / f"{name}-{port}.log",
            environment={**self._environment, **home},
            folder=disk,
            program=PROGRAM,
        )
        self._workers[name].append(worker)
        return worker

    def owner(self, name: str, but: Collection[WorkerProcess] = ()) -> WorkerProcess:
        """The worker of a kind that owns most partitions.

        Raises:
            Unsettled: None owns any.
        """
        running = [worker for worker in self._running(name) if worker not in but]
        best = max(running, key=lambda worker: len(self.owned(worker)), default=None)
        if best is None or not self.owned(best):
            raise Unsettled(f"no {name} worker owns a partition")
        return best

    def owned(self, worker: WorkerProcess) -> frozenset[int]:
        """The partitions that a worker says it owns; none if it does not answer."""
        wanted = SPECS[worker.name].reads[0]
        return frozenset(
            int(labels["partition"])
            for labels, _ in samples(worker, "callbox_commit_age_seconds") or ()
            if labels["topic"] == wanted
        )

    def count(self, name: str, metric: str, but: WorkerProcess | None, **labels: str) -> float:
        """The sum of a counter over the workers of a kind but one.

        Raises:
            Unsettled: One of them does not answer: its count would look new later.
        """
        total = 0.0
        for worker in self._running(name):
            if worker is but:
                continue
            deadline = time.monotonic() + ANSWERS_S
            while (found := samples(worker, metric)) is None:
                if worker.exit_code is not None or time.monotonic() > deadline:
                    raise Unsettled(f"a {name} worker does not answer")
                time.sleep(STEP_S)
            total += sum(value for known, value in found if labels.items() <= known.items())
        return total

    def wait_taken_over(self, victim: WorkerProcess, partitions: frozenset[int], within_s: float) -> bool:
        """Whether others own the victim's partitions, in time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            others = [worker for worker in self._running(victim.name) if worker is not victim]
            if partitions <= frozenset().union(*(self.owned(worker) for worker in others)):
                return True
            time.sleep(STEP_S)
        return False

    def terminate(self, worker: WorkerProcess, within_s: float) -> int | None:
        """SIGTERM; the exit code, or None when the worker outlasts the bound and is killed."""
        began = time.monotonic()
        worker.send(signal.SIGTERM)
        try:
            code = worker.wait(within_s)
        except subprocess.TimeoutExpired:
            worker.send(signal.SIGKILL)
            worker.wait(10)
            code = None
        self.drains_s.append(time.monotonic() - began)
        self.codes.append(code)
        self.forget(worker)
        return code

    def forget(self, worker: WorkerProcess) -> None:
        """Forget a worker that was ended on purpose."""
        self._workers[worker.name].remove(worker)

    def trim(self, name: str, within_s: float) -> None:
        """Terminate the workers of a kind that are more than two, those with the fewest partitions first."""
        while len(running := self._running(name)) > EACH:
            self.terminate(min(running, key=lambda worker: len(self.owned(worker))), within_s)

    def settle(self, name: str) -> None:
        """Return once exactly two workers of a kind share all partitions; one that has ended is replaced.

        Raises:
            Unsettled: That does not happen in time.
        """
        deadline = time.monotonic() + READY_S
        every = frozenset(range(BY_NAME[SPECS[name].reads[0]].partitions))
        while True:
            self._replace(name)
            running = self._running(name)
            shares = [self.owned(worker) for worker in running]
            total = sum(map(len, shares))
            is_shared = all(shares) and total == len(every) and frozenset().union(*shares) == every
            if is_shared and all(worker.is_ready() for worker in running):
                return
            if time.monotonic() > deadline:
                tails = "\n".join(worker.log_tail()[-600:] for worker in running)
                raise Unsettled(f"{name}: {[sorted(share) for share in shares]}\n{tails}")
            time.sleep(STEP_S)

    def close(self) -> None:
        """SIGTERM to all at once, then wait."""
        workers = [worker for name in WORKERS for worker in self._running(name)]
        for worker in workers:
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGTERM)
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(20)
            if worker.exit_code is None:
                worker.stop(1)

    def _replace(self, name: str) -> None:
        for worker in list(self._workers[name]):
            if worker.exit_code is not None:
                self.ended_by_themselves.append(worker.exit_code)
                self.forget(worker)
        if len(self.ended_by_themselves) > 50:
            raise WorkerFailed(f"{name} workers end again and again")
        while len(self._workers[name]) < EACH:
            self.start(name)

    def _running(self, name: str) -> list[WorkerProcess]:
        return [worker for worker in self._workers[name] if worker.exit_code is None]
