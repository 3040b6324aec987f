"""Shipped workers as processes, each with a config of its own, and what an operator sees of them.

That is the probe, the metrics, the lines that it prints and its exit code; nothing here looks into a worker.
"""

import json
import signal
import time
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from streams.kafka.config import KafkaConfig
from tests.support.waiting import STEP_S, wait_until

READY_S = 60.0
"""A start takes 5 s; a loaded machine takes many times that."""

SESSION_MS, HEARTBEAT_MS = 6_000, 500
"""The shortest session that brokers allow unless they are told otherwise."""

COMMIT_S = 0.5

COMPLAINTS = frozenset({"warning", "error", "critical"})


def reached_at(bootstrap: str, session_ms: int = SESSION_MS) -> KafkaConfig:
    """How workers reach a broker without passwords."""
    return KafkaConfig(
        bootstrap=bootstrap,
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=min(HEARTBEAT_MS, session_ms // 3),
    )


class ShippedWorkers:
    """Starts workers, and ends those that still run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[WorkerProcess] = []

    def begin(self, name: str, kafka: KafkaConfig, **runtime: float) -> WorkerProcess:
        """Start a worker with these settings of `[runtime]`; it is not waited for."""
        config = self._folder / f"{name}-{len(self._running)}.toml"
        config.write_text(_config(kafka, {"commit_interval_s": COMMIT_S, **runtime}), encoding="utf-8")
        worker = WorkerProcess(name, config, http_port=free_port(), log_file=config.with_suffix(".log"))
        self._running.append(worker)
        return worker

    def start(self, name: str, kafka: KafkaConfig, **runtime: float) -> WorkerProcess:
        """Start a worker as `begin`, and wait until it is ready."""
        worker = self.begin(name, kafka, **runtime)
        worker.wait_until_ready(READY_S)
        return worker

    def close(self) -> None:
        """End what still runs: all are told first, so that none waits for another."""
        running = [worker for worker in self._running if worker.exit_code is None]
        for worker in running:
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGTERM)
        for worker in running:
            worker.stop(5.0)


@contextmanager
def shipped_workers(folder: Path) -> Iterator[ShippedWorkers]:
    """Workers that are ended whatever happens."""
    workers = ShippedWorkers(folder)
    try:
        yield workers
    finally:
        workers.close()


def _config(kafka: KafkaConfig, runtime: Mapping[str, float]) -> str:
    fields = {name: getattr(kafka, name) for name in kafka.__struct_fields__}
    tables = {
        "kafka": {name: value for name, value in fields.items() if value is not None},
        "runtime": runtime,
    }
    lines = [
        line
        for table, values in tables.items()
        for line in (f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    ]
    return "\n".join([*lines, ""])


# --- its probe ----------------------------------------------------------------------------------------------------


def readiness(worker: WorkerProcess) -> tuple[int, str]:
    """Status and text of `/readyz`; (0, "") where nothing answers."""
    try:
        return 200, worker.page("/readyz")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, HTTPException):
        return 0, ""


def wait_until_not_ready(worker: WorkerProcess, within_s: float) -> None:
    """Return once its probe says that it is not ready; its end counts too."""
    wait_until(
        lambda: readiness(worker)[0] == 503 or worker.exit_code is not None,
        within_s,
        lambda: f"{worker.name} says that it is ready: {worker.log_tail()}",
    )


def end_of(worker: WorkerProcess, within_s: float) -> int:
    """Wait for its end, during which it may never be ready; its exit code."""
    deadline = time.monotonic() + within_s
    while worker.exit_code is None:
        assert readiness(worker)[0] != 200, f"{worker.name} says that it is ready: {worker.log_tail()}"
        if time.monotonic() > deadline:
            pytest.fail(f"{worker.name} has not ended, readyz is {readiness(worker)}: {worker.log_tail()}")
        time.sleep(STEP_S)
    return worker.exit_code


# --- its metrics and its lines ------------------------------------------------------------------------------------


def metric_total(worker: WorkerProcess, name: str) -> float:
    """The sum of all samples of a metric, 0 where there is none."""
    samples = (line.rpartition(" ") for line in worker.page("/metrics").splitlines() if line.startswith(name))
    return sum(float(value) for _, _, value in samples)


def lines_of(worker: WorkerProcess) -> list[dict[str, Any]]:
    """What it printed; a line that is no log line is an `event` of level `error`."""
    lines = worker.log_file.read_text("utf-8", errors="replace").splitlines()
    return [_line(line) for line in lines if line]


def complaints_of(worker: WorkerProcess) -> list[dict[str, Any]]:
    """Its lines from warnings on."""
    return [line for line in lines_of(worker) if line["level"] in COMPLAINTS]


def _line(text: str) -> dict[str, Any]:
    if text.startswith("{"):
        line: dict[str, Any] = json.loads(text)
        return line
    return {"level": "error", "event": text}
