"""The parts of a worker process without Faust and a broker: they do what a test tells them to."""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from streams.kafka.batch import Batch
from streams.worker.agent import hooks_of
from streams.worker.context import Context
from streams.worker.process import _Worker
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WORKERS
from tests.support.fakes import KAFKA

if TYPE_CHECKING:
    from streams.faust.app import WorkerApp

SETTINGS = WorkerSettings(http_port=0)

FULL_PIPE = """
import os
unread, full = os.pipe()
os.set_blocking(full, False)
try:
    while True:
        os.write(full, b"x" * 4096)
except BlockingIOError:
    os.set_blocking(full, True)
os.dup2(full, 2)
"""
"""Standard error as a service manager leaves it that reads no more."""


class Ended(BaseException):
    """Stands for the end of the process: `os._exit` does not return."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class FakeAgent:
    """Does what it is told to, and remembers in which order."""

    def __init__(self, context: Context | None = None) -> None:
        self.done: list[str] = []
        self.failure: BaseException | None = None
        self.at_end: BaseException | None = None
        self.restoring = False

    async def start(self) -> None:
        self.done.append("start")

    async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
        self.done.append("process")
        if self.failure is not None:
            raise self.failure
        return self._delivered()

    async def _delivered(self) -> None:
        self.done.append("delivered")

    async def every_second(self) -> None:
        if self.failure is not None:
            raise self.failure

    def is_restoring(self) -> bool:
        return self.restoring

    async def finish(self) -> None:
        self.done.append("finish")
        if self.at_end is not None:
            raise self.at_end


class FakeApp:
    """A Faust app that can hang and crash."""

    def __init__(self) -> None:
        self.started, self.should_stop, self.stopped = True, False, False
        self.crash_reason: BaseException | None = None
        self.stop_hangs = False
        self.start_failure: Exception | None = None
        self.over = asyncio.Event()

    async def start(self) -> None:
        if self.start_failure is not None:
            raise self.start_failure

    async def wait_until_stopped(self) -> None:
        await self.over.wait()

    async def stop(self) -> None:
        self.should_stop = True
        while self.stop_hangs:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:  # as mode does while it gathers its tasks
                continue
        self.stopped = True


def make_worker(drain_s: float = 5.0) -> _Worker:
    runtime = RuntimeSettings(drain_s=drain_s)
    return _Worker(WORKERS["plates"], FakeAgent, KAFKA, SETTINGS, runtime, {}, Path())


async def drained(worker: _Worker, app: FakeApp, agent: FakeAgent) -> int:
    return await worker._drain(cast("WorkerApp", app), hooks_of(agent))
