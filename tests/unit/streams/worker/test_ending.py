"""How a worker ends that must not go on: with the code of its error, whatever its threads and its output do."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import structlog

from schemas.errors import (
    AccessDenied,
    BrokerUnavailable,
    DeliveryFailed,
    FileRefused,
    InputMissing,
    LogBroken,
)
from streams.worker.ending import end_process, fail_stop, stop_now
from tests.support.fakes import run
from tests.support.paths import ROOT
from tests.support.worker_parts import FULL_PIPE, Ended


def exit_code(script: str) -> int:
    """Of a process that does this; one that hangs fails the test."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, env=buffered, check=False, timeout=60).returncode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("a bug"), 70),
        (DeliveryFailed("not confirmed"), 70),
        (LogBroken("a gap"), 70),
        (BrokerUnavailable("gone"), 69),
        (AccessDenied("revoked"), 77),
        (FileRefused("broken"), 78),
        (InputMissing("gone"), 66),
        (MemoryError(), 70),
        (asyncio.CancelledError(), 70),
    ],
)
def test_a_failure_ends_the_process_with_the_code_of_its_error_and_one_line(
    ends: list[int], error: BaseException, code: int
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(Ended):
        stop_now(error)
    assert ends == [code]
    assert [line["event"] for line in lines] == ["worker.failed"]


def test_a_line_that_cannot_be_written_keeps_nothing_from_ending(ends: list[int]) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("closed")

    structlog.configure(processors=[refuse])
    try:
        with pytest.raises(Ended):
            stop_now(AccessDenied("revoked"))
    finally:
        structlog.reset_defaults()
    assert ends == [77]


def test_a_thread_ends_the_process_although_the_main_thread_waits() -> None:
    script = (
        "import threading, time\n"
        "from schemas.errors import BrokerUnavailable\n"
        "from streams.worker.ending import stop_now\n"
        "threading.Thread(target=stop_now, args=(BrokerUnavailable('gone'),)).start()\n"
        "time.sleep(60)"
    )
    assert exit_code(script) == 69


LEAVES_A_LINE = "print('in the buffer', file=sys.stderr, end='')"


@pytest.mark.parametrize(
    "call",
    ["stop_now(AccessDenied('revoked'))", f"{LEAVES_A_LINE}; end_process(77)"],
    ids=["failed", "stopped"],
)
def test_output_that_nobody_reads_keeps_nothing_from_ending(call: str) -> None:
    script = (
        f"import sys\n{FULL_PIPE}\n"
        "from schemas.errors import AccessDenied\n"
        "from streams.worker.ending import end_process, stop_now\n"
        f"{call}"
    )
    assert exit_code(script) == 77


def test_output_that_is_closed_keeps_nothing_from_ending() -> None:
    script = "import sys; from streams.worker.ending import end_process; sys.stdout.close(); end_process(7)"
    assert exit_code(script) == 7


def test_the_process_ends_with_its_code(ends: list[int]) -> None:
    with pytest.raises(Ended):
        end_process(7)
    assert ends == [7]


# --- fail-stop ----------------------------------------------------------------------------------------------------


async def raises(error: BaseException) -> None:
    raise error


def stopped(work: Callable[[], object], *, stopping: bool) -> list[BaseException]:
    """What ended the process."""
    failures: list[BaseException] = []

    async def scene() -> None:
        await fail_stop(work(), is_stopping=lambda: stopping, fail=failures.append)  # type: ignore[arg-type]

    run(scene())
    return failures


@pytest.mark.parametrize("stopping", [False, True])
def test_whatever_is_raised_ends_the_process_also_while_it_stops(stopping: bool) -> None:
    for error in (ValueError("a bug"), DeliveryFailed("no"), SystemExit(3)):
        assert stopped(lambda error=error: raises(error), stopping=stopping) == [error]


def test_what_ends_by_itself_ends_no_process() -> None:
    assert stopped(lambda: asyncio.sleep(0), stopping=False) == []


@pytest.mark.parametrize("stopping", [False, True])
def test_a_task_that_is_dropped_is_a_failure_unless_a_worker_that_stops_leaves_it(*, stopping: bool) -> None:
    failures: list[BaseException] = []
    forever = asyncio.Queue[None]().get
    dropped = fail_stop(forever(), is_stopping=lambda: stopping, fail=failures.append)

    async def scene() -> None:
        dropped.send(None)

    run(scene())
    dropped.close()
    assert [type(each) for each in failures] == ([] if stopping else [GeneratorExit])


def test_a_cancellation_while_the_worker_stops_goes_on_and_any_other_is_a_failure() -> None:
    error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        stopped(lambda: raises(error), stopping=True)
    assert stopped(lambda: raises(error), stopping=False) == [error]
