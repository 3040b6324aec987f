"""The shipped `frames` worker and its picture process, as an operator and an attacker meet them.

The credential at stake is the worker's own: its user may write into the log.
"""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.worker_process import WorkerProcess
from streams.clock import monotonic, pause
from streams.kafka import topics
from streams.kafka.config import KafkaConfig

pytestmark = pytest.mark.embedded

READY_S = 60.0
ENDS_WITHIN_S = 20.0
SECRET = "the password of the broker"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker with the topics of the catalogue."""
    with EmbeddedBroker(tmp_path_factory.mktemp("pictures") / "broker.log") as embedded:
        topics.apply(KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind), i_lose_order=False)
        yield embedded


@pytest.fixture
def worker(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A `frames` worker that is ready, without models."""
    config = tmp_path / "callbox.toml"
    config.write_text(
        f'[kafka]\nbootstrap = "{broker.bootstrap}"\nkind = "embedded"\n[models]\ncache = "{tmp_path}"\n',
        encoding="utf-8",
    )
    started = WorkerProcess(
        "frames",
        config,
        http_port=free_port(),
        log_file=tmp_path / "frames.log",
        environment={"CALLBOX_TEST_PASSWORD": SECRET},
    )
    started.wait_until_ready(READY_S)
    yield started
    if started.exit_code is None:
        started.send(signal.SIGKILL)
        started.wait(10)


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text("ascii").split()]


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = monotonic() + ENDS_WITHIN_S
    while is_there(pid):
        assert monotonic() < deadline, "the picture process has outlived its worker"
        pause(0.02)


def events(worker: WorkerProcess) -> list[str]:
    return [json.loads(line)["event"] for line in worker.log_file.read_text("utf-8").splitlines()]


def test_the_picture_process_has_none_of_the_worker_s_secrets_and_ends_with_a_stop_for_all(
    worker: WorkerProcess,
) -> None:
    (child,) = children_of(worker.pid)
    folder = Path(f"/proc/{child}")
    assert SECRET.encode() in Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert SECRET.encode() not in (folder / "environ").read_bytes()
    assert b"toml" not in (folder / "cmdline").read_bytes()
    assert len(list((folder / "fd").iterdir())) == 3
    assert len(list((folder / "task").iterdir())) == 1
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.http_port}/metrics", timeout=5) as page:
        assert b'callbox_picture_sandbox{kind="limits"} 1.0' in page.read()
    assert os.sched_getscheduler(child) == os.SCHED_IDLE, "it leaves the CPU to presses, as its worker does"
    for pid in (child, worker.pid):  # as a service manager does
        os.kill(pid, signal.SIGTERM)
    assert worker.wait(ENDS_WITHIN_S) == 0
    wait_until_gone(child)
    assert "pictures.process_ended" not in events(worker)
    assert "pictures.models_missing" in events(worker)


def test_the_picture_process_does_not_outlive_a_worker_that_is_killed(worker: WorkerProcess) -> None:
    (child,) = children_of(worker.pid)
    worker.send(signal.SIGKILL)
    worker.wait(10)
    wait_until_gone(child)
