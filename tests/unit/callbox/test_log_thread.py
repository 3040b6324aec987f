"""Log lines beside the worker: a real pipe that is full, closed, or read again."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import structlog

from callbox.log_limit import LineLimit, Rate
from callbox.log_thread import MOST_BYTES, BackgroundHandler, Unwritten, write_in_background
from callbox.logging import configure_logs
from tests.support.logs import restored_logs

WITHIN_S = 20.0
MORE_THAN_A_PIPE_HOLDS = 1 << 17


class Pipe:
    """A pipe whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        self._seen = b""

    def lines(self, until: str) -> list[str]:
        """Every line up to the first that has `until`."""
        deadline = time.monotonic() + WITHIN_S
        os.set_blocking(self.reads, False)
        while until.encode() not in self._seen or not self._seen.endswith(b"\n"):
            assert time.monotonic() < deadline, self._seen[-300:]
            try:
                self._seen += os.read(self.reads, 1 << 16)
            except BlockingIOError:
                time.sleep(0.005)
        return self._seen.decode().splitlines()

    def fill(self) -> None:
        os.set_blocking(self.writes, False)
        try:
            while True:
                os.write(self.writes, b"x" * 1000 + b"\n")
        except BlockingIOError:
            pass
        os.set_blocking(self.writes, True)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    with restored_logs():
        configure_logs()
        yield made
    for end in (made.reads, made.writes):
        with suppress(OSError):
            os.close(end)


NO_LIMIT = Rate(burst=1e9, per_s=1e9)


def handler_of(pipe: Pipe, most_lines: int = 10, **options: Any) -> BackgroundHandler:
    options = {"limit": LineLimit(NO_LIMIT, NO_LIMIT), **options}
    handler = BackgroundHandler(pipe.writes, most_lines, flush_s=0.05, **options)
    root = logging.getLogger()
    handler.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [handler]
    return handler


def test_lines_are_as_before_and_in_their_order(pipe: Pipe) -> None:
    write_in_background(pipe.writes)
    for number in range(100):
        structlog.get_logger("test").info("said", number=number)
    lines = [json.loads(line) for line in pipe.lines('"number": 99')]
    assert [line["number"] for line in lines] == list(range(100))
    assert lines[0]["logger"] == "test"


def test_a_full_pipe_stops_nobody_and_what_was_dropped_is_told_when_it_is_read_again(pipe: Pipe) -> None:
    handler_of(pipe, most_lines=10)
    pipe.fill()
    for number in range(1_000):
        structlog.get_logger("test").info("said", number=number)
    lines = [json.loads(line) for line in pipe.lines("log.dropped") if line.startswith("{")]
    said = [line["number"] for line in lines if line["event"] == "said"]
    (told,) = [line for line in lines if line["event"] == "log.dropped"]
    assert said == sorted(said)
    assert told["lines"] == 1_000 - len(said) > 900
    assert told["level"] == "warning"


def test_a_flush_returns_though_the_pipe_stays_full(pipe: Pipe) -> None:
    handler = handler_of(pipe)
    pipe.fill()
    structlog.get_logger("test").critical("last")
    handler.flush()


def test_a_line_is_out_when_a_flush_returns(pipe: Pipe) -> None:
    handler = write_in_background(pipe.writes)
    structlog.get_logger("test").critical("last")
    handler.flush()
    os.set_blocking(pipe.reads, False)
    assert b'"event": "last"' in os.read(pipe.reads, 1 << 16)


def test_a_line_is_out_also_after_dropped_ones_were_told(pipe: Pipe) -> None:
    handler_of(pipe, most_lines=10)
    pipe.fill()
    for _ in range(100):
        structlog.get_logger("test").info("said")
    pipe.lines("log.dropped")
    structlog.get_logger("test").critical("last")
    assert json.loads(pipe.lines('"event": "last"')[-1])["event"] == "last"


def test_a_reader_that_is_gone_ends_nothing(pipe: Pipe) -> None:
    handler = handler_of(pipe)
    os.close(pipe.reads)
    for _ in range(100):
        structlog.get_logger("test").info("said")
    handler.flush()


PROGRAM = f"""
import sys
import structlog
from streams.worker.ending import end_process
from callbox.logging import configure_logs
from callbox.log_thread import write_in_background
configure_logs()
write_in_background(sys.stderr.fileno())
log = structlog.get_logger("worker")
for number in range(3_000):
    log.info("said", number=number, text="x" * {MORE_THAN_A_PIPE_HOLDS // 100})
print("went on", flush=True)
log.critical("worker.failed")
if sys.argv[1] == "ends":
    end_process(70)
sys.exit(70)
"""


@pytest.mark.parametrize("how", ["ends", "exits"])
def test_a_process_whose_stderr_nobody_reads_goes_on_and_ends(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"went on\n"
        assert process.wait(WITHIN_S) == 70


@pytest.mark.parametrize("how", ["ends", "exits"])
def test_the_last_line_of_a_process_is_out_where_somebody_reads(how: str) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, check=False)
    assert ended.returncode == 70
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines][-2:] == ["worker.failed", "log.suppressed"]
    assert sum(line["event"] == "said" for line in lines) + lines[-1]["lines"] == 3_000
    assert lines[-1]["suppressed"] == "said"


def test_what_was_suppressed_is_told_after_a_while_and_counted(pipe: Pipe) -> None:
    counted: list[Unwritten] = []
    handler = handler_of(pipe, 10_000, limit=LineLimit(Rate(5, 0)), count=counted.append, told_every_s=0.05)
    for number in range(1_000):
        structlog.get_logger("test").info("said", number=number)
    lines = [json.loads(line) for line in pipe.lines("log.suppressed")]
    assert [line["number"] for line in lines if line["event"] == "said"] == list(range(5))
    told = sum(line["lines"] for line in lines if line["event"] == "log.suppressed")
    assert 0 < told <= 995
    handler.flush()  # nothing is left that its thread could tell in another test
    assert counted == [Unwritten.REPEATED] * 995


def test_lines_of_a_library_are_told_apart_by_their_text_without_values(pipe: Pipe) -> None:
    handler = handler_of(pipe, 10_000, limit=LineLimit(Rate(2, 0)))
    for number in range(100):
        logging.getLogger("library").error("no node %s", number)
        logging.getLogger("library").error("another text")
    handler.flush()
    lines = [json.loads(line) for line in pipe.lines("library: another text") if "library" in line]
    assert [line["event"] for line in lines[:4]] == ["no node 0", "another text", "no node 1", "another text"]
    told = {line["suppressed"]: line["lines"] for line in lines[4:]}
    assert told == {"library: no node %s": 98, "library: another text": 98}


def test_a_queue_holds_so_many_bytes(pipe: Pipe) -> None:
    counted: list[Unwritten] = []
    handler = handler_of(pipe, 10_000_000, count=counted.append)
    pipe.fill()
    for _ in range(100):
        handler.put("x" * (MOST_BYTES // 10))
    assert counted.count(Unwritten.UNREAD) >= 88


def test_a_line_that_cannot_be_formatted_is_counted_and_nothing_is_printed(
    pipe: Pipe, capfd: pytest.CaptureFixture[str]
) -> None:
    counted: list[Unwritten] = []
    handler_of(pipe, count=counted.append)
    logging.getLogger("library").error("%d", "no number")
    structlog.get_logger("test").error("said", a={(): 1})
    assert counted == [Unwritten.MALFORMED, Unwritten.MALFORMED]
    assert capfd.readouterr().err == ""


def test_a_line_that_stderr_refuses_is_counted(pipe: Pipe) -> None:
    counted: list[Unwritten] = []
    handler = handler_of(pipe, count=counted.append)
    os.close(pipe.reads)
    structlog.get_logger("test").info("said")
    handler.flush()
    assert Unwritten.REFUSED in counted
