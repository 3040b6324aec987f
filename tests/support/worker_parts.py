"""The parts of a worker process without Faust and a broker: they do what a test tells them to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from streams.kafka.batch import Batch
from streams.worker.agent import hooks_of
from streams.worker.context import Context
from streams.worker.process import _Worker
from streams.worker.settings import RuntimeSettings, WorkerSettings
from streams.worker.spec import WORKERS
from tests.support.fakes import KAFKA

if TYPE_CHECKING:
    from schemas.errors import WorkerStalled

SETTINGS = WorkerSettings(http_port=0)


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
        self.working: asyncio.Event | None = None
        self.restoring = False

    async def start(self) -> None:
        self.done.append("start")

    async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
        self.done.append("process")
        if self.working is not None:
            self.working.set()
            await asyncio.sleep(60)
        if self.failure is not None:
            raise self.failure
        return self._delivered()

    async def _delivered(self) -> None:
        self.done.append("delivered")

    async def after_batch(self) -> None:
        self.done.append("after_batch")

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
        self.agent_functions: dict[str, Callable[[Any], Any]] = {}
        self.over = asyncio.Event()

    def topic(self, name: str, **_: object) -> str:
        return name

    def agent(self, topic: str, name: str) -> Callable[[Any], None]:
        def take(function: Callable[[Any], Any]) -> None:
            self.agent_functions[topic] = function

        return take

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


class FakeEvent:
    """An event of a Faust stream."""

    def __init__(self, value: Batch) -> None:
        self.value = value
        self.message = SimpleNamespace(partition=value[0].partition)
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class FakeStream:
    """A Faust stream of given events, that then waits."""

    def __init__(self, *events: FakeEvent) -> None:
        self._events = events

    def noack(self) -> "FakeStream":
        return self

    async def events(self) -> AsyncIterator[FakeEvent]:
        for event in self._events:
            yield event
        await asyncio.sleep(60)


class FakeLag:
    """Counts what is noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []
        self.standing_still: WorkerStalled | None = None
        self.excused = 0

    def note_done(self, processed: Batch) -> None:
        self.noted.append((processed[0].partition, processed.end))

    def sample(self) -> None: ...

    def excuse(self) -> None:
        self.excused += 1

    def assert_advancing(self, within_s: float) -> None:
        if self.standing_still is not None and not self.excused:
            raise self.standing_still


def make_worker(drain_s: float = 5.0) -> _Worker:
    runtime = RuntimeSettings(drain_s=drain_s)
    return _Worker(WORKERS["alarms"], FakeAgent, KAFKA, SETTINGS, runtime, {}, Path())


async def drained(worker: _Worker, app: FakeApp, agent: FakeAgent) -> int:
    return await worker._drain(cast("BatchApp", app), hooks_of(agent))
