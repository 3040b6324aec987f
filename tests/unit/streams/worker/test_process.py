"""A worker as a process: a crash, a stop and a start that fails are kept apart, and its timer fails for all to see."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import pytest

from schemas.errors import DeliveryFailed
from streams.faust.app import create_app
from streams.worker import process
from tests.support.fakes import run
from tests.support.paths import ROOT
from tests.support.worker_parts import Ended, FakeApp, make_worker

if TYPE_CHECKING:
    from streams.faust.app import WorkerApp


pytestmark = pytest.mark.usefixtures("ends")


def test_a_crash_of_faust_is_distinguished_from_a_stop() -> None:
    async def scene() -> None:
        worker, app = make_worker(), FakeApp()
        app.over.set()
        assert await worker._until_stopped(cast("WorkerApp", app))
        worker._stopping.set()
        assert not await worker._until_stopped(cast("WorkerApp", app))

    run(scene())


def test_a_faust_that_cannot_start_ends_the_process(ends: list[int]) -> None:
    async def scene() -> None:
        app = FakeApp()
        app.start_failure = RuntimeError("no thread for it")
        with pytest.raises(Ended):
            await process._started(cast("WorkerApp", app))

    run(scene())
    assert ends == [70]


# --- once a second ------------------------------------------------------------------------------------------------


class TimedApp:
    """An app that gives its timer to the test."""

    def __init__(self) -> None:
        self.should_stop = False
        self.second: Callable[[], Coroutine[Any, Any, None]] | None = None

    def timer(
        self, interval_s: float, name: str
    ) -> Callable[[Callable[[], Coroutine[Any, Any, None]]], None]:
        assert (interval_s, name) == (1.0, "every_second")

        def take(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
            self.second = function

        return take


def second_of(work: Callable[[], Coroutine[Any, Any, None]], *, stopping: bool = False) -> None:
    """Let the worker's timer do this once."""
    app = TimedApp()
    app.should_stop = stopping
    process._run_every_second(cast("WorkerApp", app), "every_second", work)
    assert app.second is not None
    run(app.second())


@pytest.mark.parametrize("failure", [DeliveryFailed("a tick"), ValueError("a bug"), asyncio.CancelledError()])
def test_what_is_due_once_a_second_and_fails_ends_the_process(
    ends: list[int], failure: BaseException
) -> None:
    async def work() -> None:
        raise failure

    with pytest.raises(Ended):
        second_of(work)
    assert ends == [70]


def test_what_is_due_once_a_second_and_is_cancelled_by_a_stop_just_ends(ends: list[int]) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        second_of(work, stopping=True)
    assert ends == []


def test_the_timer_of_a_worker_runs_in_its_app_until_it_stops(ends: list[int]) -> None:
    async def scene() -> None:
        app, twice, count = create_app("group"), asyncio.Event(), 0

        async def work() -> None:
            nonlocal count
            count += 1
            if count == 2:
                twice.set()
                await asyncio.sleep(60)  # as one that waits for a delivery

        process._run_every_second(app, "every_second", work)
        await app.start()
        await twice.wait()
        await app.stop()
        assert count == 2

    run(scene())
    assert ends == []


# --- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worker", "signal_name"),
    [("alarms", "SIGTERM"), ("frames", "SIGTERM"), ("frames", "SIGINT"), ("alarms", "SIGHUP")],
)
def test_a_signal_before_everything_has_started_ends_with_0(worker: str, signal_name: str) -> None:
    """Also SIGHUP, which a closed terminal sends: unhandled, it would end the worker without a drain."""
    script = f"""
import asyncio, os, signal, time
from pathlib import Path
from streams.worker import process
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WORKERS
from tests.support.fakes import KAFKA
from tests.support.worker_parts import FakeAgent

class Slow:
    def __init__(self, _settings, **_more): ...
    def close(self, _within_s): ...
    def warm_up(self, *_):
        os.kill(os.getpid(), signal.{signal_name})
        time.sleep(60)

process.Delivery = process.Outbox = Slow
made = process._Worker(
    WORKERS["{worker}"], FakeAgent, KAFKA, WorkerSettings(http_port=0), RuntimeSettings(), {{}}, Path()
)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
asyncio.run(process._run_and_exit(made))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0
