"""`callbox worker` as an operator meets it: how it starts, what its probes say, and what it ends with."""

import json
import os
import signal
import socket
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.topics import PILLAR_EVENTS
from streams.clock import monotonic, pause
from streams.kafka import topics
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish

pytestmark = pytest.mark.embedded

READY_S = 30.0
DRAIN_S = 2.0
ENDS_WITHIN_S = DRAIN_S + 8.0  # flushing, and a machine that others share

Start = Callable[..., WorkerProcess]
"""(name="alarms", bootstrap=…, http_port=a free one, log_file=one of its own) -> the process."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker with the topics of the catalogue."""
    with EmbeddedBroker(tmp_path_factory.mktemp("workers") / "broker.log") as embedded:
        topics.apply(KafkaConfig(bootstrap=embedded.bootstrap, kind=embedded.kind), i_lose_order=False)
        yield embedded


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workers, and ends those that still run."""
    running: list[WorkerProcess] = []

    def begin(
        bootstrap: str, name: str = "alarms", http_port: int | None = None, log_file: Path | None = None
    ) -> WorkerProcess:
        config = tmp_path / "callbox.toml"
        config.write_text(
            f'[kafka]\nbootstrap = "{bootstrap}"\nkind = "embedded"\n[runtime]\ndrain_s = {DRAIN_S}\n',
            encoding="utf-8",
        )
        port = free_port() if http_port is None else http_port
        log_file = log_file or tmp_path / f"{name}-{len(running)}.log"
        running.append(WorkerProcess(name, config, http_port=port, log_file=log_file))
        return running[-1]

    yield begin
    for worker in running:
        if worker.exit_code is None:
            worker.send(signal.SIGKILL)
            worker.wait(10)


POISON = 6_000
"""Each is a line of the log: more than a pipe holds, and more than may wait for it."""


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[Path]:
    """A pipe that is full, with a reader that does not read."""
    path = tmp_path / "stderr"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(fd, b"x" * 1000 + b"\n")
    yield path
    os.close(fd)


def complaints(worker: WorkerProcess) -> list[str]:
    """What it printed that is no log line."""
    return [line for line in log_lines(worker) if not line.startswith("{")]


def log_lines(worker: WorkerProcess) -> list[str]:
    return worker.log_file.read_text("utf-8").splitlines()


def wait_until_alive(worker: WorkerProcess) -> None:
    deadline = monotonic() + READY_S
    while monotonic() < deadline:
        try:
            worker.page("/healthz")
        except OSError:
            pause(0.02)
        else:
            return
    pytest.fail(worker.log_tail())


def status_of(worker: WorkerProcess, path: str) -> int:
    try:
        worker.page(path)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


# --- it cannot start ----------------------------------------------------------------------------------------------


def test_a_broker_that_is_not_there_is_one_clear_line_and_exit_code_69(start: Start) -> None:
    address = f"127.0.0.1:{free_port()}"
    worker = start(address)
    assert worker.wait(30) == 69
    (line,) = complaints(worker)
    assert line.startswith("callbox: no broker answers")
    assert address in line


def test_missing_topics_are_named_with_the_command_that_makes_them(start: Start, tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as bare:
        worker = start(bare.bootstrap)
        assert worker.wait(30) == 66
    (line,) = complaints(worker)
    assert "alarm.pillar-event.v1" in line
    assert "callbox topics apply" in line


def test_a_port_in_use_is_named_and_exit_code_78(broker: EmbeddedBroker, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start(broker.bootstrap, http_port=port)
        assert worker.wait(30) == 78
    (line,) = complaints(worker)
    assert str(port) in line
    assert "--http-port" in line


# --- it runs ------------------------------------------------------------------------------------------------------


def test_the_probes_answer_and_nothing_else_does(broker: EmbeddedBroker, start: Start) -> None:
    worker = start(broker.bootstrap)
    worker.wait_until_ready(READY_S)
    assert worker.page("/healthz") == "ok\n"
    assert worker.page("/readyz") == "ready\n"
    assert "callbox_lag_seconds" in worker.page("/metrics")
    nothing = ("/", "/table", "/table/", "/tables", "/graph", "/stats", "/router", "/production", "/docs")
    assert {path: status_of(worker, path) for path in nothing} == dict.fromkeys(nothing, 404)


def test_the_probes_are_on_loopback_only(broker: EmbeddedBroker, start: Start) -> None:
    worker = start(broker.bootstrap)
    wait_until_alive(worker)
    listening = Path(f"/proc/{worker.pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    addresses = [fields[1] for line in listening if (fields := line.split())[3] == "0A"]
    ours = [address for address in addresses if address.endswith(f":{worker.http_port:04X}")]
    assert ours == [f"0100007F:{worker.http_port:04X}"]


def test_a_worker_is_alive_before_it_is_ready(broker: EmbeddedBroker, start: Start) -> None:
    worker = start(broker.bootstrap)
    wait_until_alive(worker)
    assert status_of(worker, "/readyz") in {200, 503}
    worker.wait_until_ready(READY_S)


def test_every_log_line_is_an_object(broker: EmbeddedBroker, start: Start) -> None:
    worker = start(broker.bootstrap)
    worker.wait_until_ready(READY_S)
    worker.stop(ENDS_WITHIN_S)
    assert complaints(worker) == []
    events = [json.loads(line)["event"] for line in log_lines(worker)]
    ours = [event for event in events if event.startswith("worker.")]
    assert ours == ["worker.started", "worker.draining", "worker.stopped"]


def dead_letters(worker: WorkerProcess) -> float:
    lines = worker.page("/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("callbox_dead_letters_total{"))


def told_of(seen: bytes, event: str) -> int:
    """How many lines of an event were written, or told as suppressed; of what is read up to the last whole line."""
    lines = [
        json.loads(line) for line in seen.splitlines(keepends=True) if line[:1] == b"{" and line[-1:] == b"\n"
    ]
    told = sum(line["lines"] for line in lines if line.get("suppressed") == event)
    return told + sum(line["event"] == event for line in lines)


def test_a_worker_whose_stderr_nobody_reads_works_on_and_tells_what_it_left_out(
    broker: EmbeddedBroker, start: Start, unread: Path
) -> None:
    worker = start(broker.bootstrap, log_file=unread)
    worker.wait_until_ready(READY_S)
    kafka = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
    publish(kafka, [ProducerRecord(PILLAR_EVENTS, b"nobody", b"no record")] * POISON)
    deadline = monotonic() + 4 * READY_S
    while dead_letters(worker) < POISON:
        assert monotonic() < deadline
        pause(0.1)
    assert status_of(worker, "/readyz") == 200
    fd, seen = os.open(unread, os.O_RDONLY | os.O_NONBLOCK), b""
    while told_of(seen, "record.dead_lettered") < POISON:
        assert monotonic() < deadline
        with suppress(BlockingIOError):
            seen += os.read(fd, 1 << 16)
    os.close(fd)
    assert told_of(seen, "record.dead_lettered") == POISON
    worker.send(signal.SIGTERM)
    assert worker.wait(ENDS_WITHIN_S) == 0


# --- it stops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("alarms", signal.SIGTERM),
        ("fusion", signal.SIGTERM),
        ("alarms", signal.SIGHUP),
        ("fusion", signal.SIGHUP),
    ],
)
def test_an_idle_worker_drains_on_a_signal_and_ends_with_0(
    broker: EmbeddedBroker, start: Start, name: str, number: signal.Signals
) -> None:
    worker = start(broker.bootstrap, name)
    worker.wait_until_ready(READY_S)
    worker.send(number)
    assert worker.wait(ENDS_WITHIN_S) == 0
    assert "worker.draining" in worker.log_file.read_text("utf-8")


def test_a_worker_that_is_still_starting_ends_on_sigterm_with_0(broker: EmbeddedBroker, start: Start) -> None:
    worker = start(broker.bootstrap)
    wait_until_alive(worker)
    worker.send(signal.SIGTERM)
    assert worker.wait(ENDS_WITHIN_S) == 0


def test_a_worker_whose_broker_is_gone_still_ends_on_sigterm(start: Start, tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as doomed:
        topics.apply(KafkaConfig(bootstrap=doomed.bootstrap, kind=doomed.kind), i_lose_order=False)
        worker = start(doomed.bootstrap, "fusion")
        worker.wait_until_ready(READY_S)
    worker.send(signal.SIGTERM)
    assert worker.wait(ENDS_WITHIN_S) == 0
