"""Boundary: a worker's stderr. Who: a log collector that stops reading, and anybody who makes a worker complain.

Each test is a real process whose stderr is a pipe that nobody reads, or reads late.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

WITHIN_S = 60.0

AS_A_WORKER = """
import faulthandler, fcntl, os, sys, threading, time, warnings
import structlog
from callbox.logging import configure_logs
from callbox.log_thread import write_in_background, write_error
from callbox.stray_output import take_stderr
from streams.worker.ending import end_process, stop_now
from streams.worker.metrics import Metrics
metrics = Metrics()
told = fcntl.fcntl(1, fcntl.F_DUPFD, 10)  # not the number of a stream that is closed
configure_logs()
write_in_background(take_stderr(), lambda why: metrics.log_lines_suppressed.labels(why).inc())
log = structlog.get_logger("worker")

def went_on(after):
    os.write(told, f"{after}\\n".encode())
"""


def ended(program: str, stderr: int, within_s: float = WITHIN_S) -> tuple[int, bytes]:
    """Exit code, and what was written to the stdout that the process was given."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", AS_A_WORKER + program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            out, _ = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, out


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe into which nothing more goes."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    try:
        while True:
            os.write(writes, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writes, True)
    yield reads, writes
    os.close(reads)
    os.close(writes)


@contextmanager
def full_socket() -> Iterator[tuple[int, int]]:
    """The same as a stream socket, which is what journald gives to a service."""
    reads, writes = socket.socketpair()
    writes.setblocking(False)
    try:
        while True:
            writes.send(b"x" * 4096)
    except BlockingIOError:
        writes.setblocking(True)
    yield reads.fileno(), writes.fileno()
    reads.close()
    writes.close()


FLOODS = {
    "log": "for number in range(2_000): log.warning('said', number=number, text='x' * 500)",
    "kinds": "for number in range(2_000): log.warning(f'said {number}', text='x' * 500)",
    "library": "import logging\nfor n in range(2_000): logging.getLogger('aiohttp.server').error('x' * 500)",
    "critical": "for number in range(500): log.critical('said', text='x' * 500)",
    "print": "for number in range(2_000): print('x' * 100, file=sys.stderr)",
    "stdout": "for number in range(2_000): print('x' * 100)",
    "descriptor": (
        "for number in range(2_000):\n"
        "    try:\n        os.write(2, b'x' * 100 + b'\\n')\n"
        "    except BlockingIOError:\n        pass"
    ),
    "library in C": (
        "import ctypes\nlibc = ctypes.PyDLL(None)\n"  # PyDLL keeps the interpreter's lock meanwhile
        "for number in range(2_000): libc.dprintf(2, b'%s\\n', b'x' * 1000)"
    ),
    "warnings": "for number in range(2_000): warnings.warn(f'{number}', stacklevel=1)",
    "faulthandler": "for number in range(200): faulthandler.dump_traceback(file=2)",
    "excepthook": (
        "def fails(): raise ValueError('x' * 1000)\n"
        "for number in range(100):\n"
        "    thread = threading.Thread(target=fails)\n    thread.start()\n    thread.join()"
    ),
}

ENDS = {
    "in good order": ("end_process(7)", 7),
    "by a failure": ("stop_now(ValueError('x'))", 70),
    "by the interpreter": ("sys.exit(66)", 66),
    "by an error that is told": ("write_error('callbox: x')\nsys.exit(78)", 78),
    "by a thread": ("threading.Thread(target=stop_now, args=(ValueError('x'),)).start()\ntime.sleep(60)", 70),
}


ALL_FLOODS = "\n".join(f"{flood}\nwent_on({name!r})" for name, flood in FLOODS.items())
"""One after the other in one process, so that the one that does not go on is the first that is not named."""


@pytest.mark.parametrize("stalled", [full_pipe, full_socket])
def test_a_process_whose_stderr_nobody_reads_goes_on_whatever_writes_to_it(
    stalled: Callable[[], AbstractContextManager[tuple[int, int]]],
) -> None:
    with stalled() as (_, writes):
        code, out = ended(f"{ALL_FLOODS}\nend_process(7)", writes)
    assert out.decode().splitlines() == list(FLOODS)
    assert code == 7


@pytest.mark.parametrize("end", ENDS)
def test_a_process_whose_stderr_nobody_reads_ends_with_its_code(end: str) -> None:
    how, expected = ENDS[end]
    with full_pipe() as (_, writes):
        code, _ = ended(f"{FLOODS['log']}\n{how}", writes)
    assert code == expected


def test_a_crash_ends_a_process_whose_stderr_nobody_reads() -> None:
    with full_pipe() as (_, writes):
        code, _ = ended("os.abort()", writes)
    assert code == -signal.SIGABRT


def test_a_crash_tells_where_it_was_and_no_variable(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    with log_file.open("wb") as file:
        code, _ = ended("def crashes(plate):\n    os.abort()\ncrashes('B' + '12345')", file.fileno())
    assert code == -signal.SIGABRT
    said = log_file.read_text()
    assert "crashes" in said
    assert "B12345" not in said


def test_a_process_without_stderr_goes_on() -> None:
    command = [sys.executable, "-P", "-c", AS_A_WORKER + FLOODS["log"] + "\nend_process(7)"]
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(closing, cwd=ROOT, env=env, check=False, timeout=WITHIN_S).returncode == 7


def written(program: str, tmp_path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines of a log that is read, and its size."""
    log_file = tmp_path / "log"
    with log_file.open("wb") as file:
        code, _ = ended(f"{program}\nend_process(7)", file.fileno())
    assert code == 7
    return [json.loads(line) for line in log_file.read_bytes().splitlines()], log_file.stat().st_size


def suppressed(lines: Sequence[dict[str, Any]], kind: str) -> int:
    told = [
        line["lines"] for line in lines if line["event"] == "log.suppressed" and line["suppressed"] == kind
    ]
    return sum(told)


def test_a_flood_of_one_event_is_some_lines_and_its_number(tmp_path: Path) -> None:
    lines, size = written(FLOODS["log"], tmp_path)
    said = sum(line["event"] == "said" for line in lines)
    assert said + suppressed(lines, "said") == 2_000
    assert said < 500
    assert size < 1 << 20


def test_a_flood_of_texts_that_are_all_different_is_bounded_too(tmp_path: Path) -> None:
    lines, size = written(FLOODS["kinds"], tmp_path)
    assert len(lines) < 1_500
    assert size < 3 << 20


def test_a_flood_of_what_is_printed_is_bounded_and_each_line_of_it_an_object(tmp_path: Path) -> None:
    lines, size = written(FLOODS["print"], tmp_path)
    assert {line["event"] for line in lines} <= {"process.printed", "log.suppressed"}
    assert "x" * 100 in {line.get("text") for line in lines}
    assert size < 1 << 20


def test_what_was_not_written_is_counted_by_its_cause() -> None:
    program = (
        f"{FLOODS['log']}\n"
        "for sample in next(iter(metrics.log_lines_suppressed.collect())).samples:\n"
        "    if sample.name.endswith('_total'):\n"
        "        os.write(told, f'{sample.labels} {sample.value}\\n'.encode())\n"
        "end_process(7)"
    )
    with full_pipe() as (_, writes):
        code, out = ended(program, writes)
    assert code == 7
    assert b"repeated" in out


def test_lines_go_out_again_once_somebody_reads() -> None:
    """The first lines wait in the queue, and come when the reader is back."""
    with full_pipe() as (reads, writes):
        read = bytearray()

        def read_late() -> None:
            while b"the last" not in read:
                read.extend(os.read(reads, 1 << 16))

        program = (
            "log.info('the first')\ntime.sleep(0.5)\nlog.info('the last')\ntime.sleep(30)\nend_process(7)"
        )
        with subprocess.Popen(
            [sys.executable, "-P", "-c", AS_A_WORKER + program],
            cwd=ROOT,
            stderr=writes,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            reader = threading.Thread(target=read_late)
            reader.start()
            reader.join(WITHIN_S)
            process.kill()
    assert bytes(read).index(b"the first") < bytes(read).index(b"the last")
