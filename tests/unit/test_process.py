"""A worker as a process: what it ends with, that it always ends, and that nothing is acked that was not delivered."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
import structlog
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import (
    AccessDenied,
    BrokerUnavailable,
    DeliveryFailed,
    FileRefused,
    InputMissing,
    LogBroken,
)
from streams import process
from streams.batching import Batch, BatchApp
from streams.context import Agent, Context
from streams.kafka_config import KafkaConfig
from streams.process import AgentClass, _stop_now, _Worker, leave_no_core, run_worker
from streams.settings import RuntimeSettings, WorkerSettings
from tests.fakes import KAFKA, batch, run

if TYPE_CHECKING:
    from streams.progress import Progress

SETTINGS = WorkerSettings(http_port=0)


class Ended(BaseException):
    """Stands for the end of the process: `os._exit` does not return."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes that the process ended with."""
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended(code)

    monkeypatch.setattr("os._exit", end)
    return codes


class FakeAgent:
    """Does what it is told to, and remembers in which order."""

    topic = "topic"
    uses: ClassVar[tuple[str, ...]] = ("other",)

    def __init__(self, context: Context | None = None) -> None:
        self.done: list[str] = []
        self.failure: BaseException | None = None
        self.at_end: BaseException | None = None
        self.working: asyncio.Event | None = None

    async def start(self) -> None:
        self.done.append("start")

    async def process(self, batches: Sequence[Batch]) -> None:
        self.done.append("process")
        if self.working is not None:
            self.working.set()
            await asyncio.sleep(60)
        if self.failure is not None:
            raise self.failure

    async def after_ack(self) -> None:
        self.done.append("after_ack")

    async def every_second(self) -> None:
        if self.failure is not None:
            raise self.failure

    def is_ready(self) -> bool:
        return True

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
        self.agent_function: Callable[[Any], Any] = lambda _stream: None
        self.over = asyncio.Event()

    def topic(self, name: str, **_: object) -> str:
        return name

    def agent(self, topic: str, name: str) -> Callable[[Any], None]:
        def take(function: Callable[[Any], Any]) -> None:
            self.agent_function = function

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


class FakeProgress:
    """Counts what is noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []

    def note(self, partition: int, processed: Batch) -> None:
        self.noted.append((partition, processed.end))

    def sample(self) -> None: ...


def make_worker(drain_s: float = 5.0) -> _Worker:
    runtime = RuntimeSettings(drain_s=drain_s)
    return _Worker("alarms", cast("AgentClass", FakeAgent), KAFKA, SETTINGS, runtime, {}, Path())


async def drained(worker: _Worker, app: FakeApp, agent: FakeAgent) -> int:
    return await worker._drain(cast("BatchApp", app), cast("Agent", agent))


# --- failing ------------------------------------------------------------------------------------------------------


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
def test_a_failure_ends_the_process_with_the_code_of_its_error(
    ends: list[int], error: BaseException, code: int
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(Ended):
        _stop_now(error)
    assert ends == [code]
    assert [line["event"] for line in lines] == ["worker.failed"]


async def consume(worker: _Worker, agent: FakeAgent, *events: FakeEvent) -> FakeProgress:
    """Run the worker's loop over these events for a moment."""
    app, progress = FakeApp(), FakeProgress()
    worker._attach(cast("BatchApp", app), cast("Agent", agent), cast("Progress", progress))
    loop = asyncio.ensure_future(app.agent_function(FakeStream(*events)))
    done, _ = await asyncio.wait({loop}, timeout=0.05)
    if done:
        loop.result()
    app.should_stop = True
    loop.cancel()
    return progress


def event(start: int = 0) -> FakeEvent:
    return FakeEvent(batch(b"1", b"2", topic="topic", start=start))


def test_batches_are_acked_after_they_are_processed_and_then_counted() -> None:
    async def scene() -> None:
        worker, agent, events = make_worker(), FakeAgent(), [event(0), event(2)]
        progress = await consume(worker, agent, *events)
        assert agent.done == ["process", "after_ack"]
        assert all(each.acked for each in events)
        assert progress.noted == [(0, 2), (0, 4)]
        counted = worker._metrics.registry.get_sample_value("callbox_records_total", {"topic": "topic"})
        assert counted == 4

    run(scene())


@pytest.mark.parametrize("failure", [ValueError("a bug"), DeliveryFailed("no"), KeyboardInterrupt()])
def test_whatever_an_agent_raises_ends_the_process_without_an_ack(
    ends: list[int], failure: BaseException
) -> None:
    async def scene() -> FakeEvent:
        agent, taken = FakeAgent(), event()
        agent.failure = failure
        with pytest.raises(Ended):
            await consume(make_worker(), agent, taken)
        return taken

    assert not run(scene()).acked
    assert ends == [70]


def test_an_agent_that_something_cancels_is_not_started_again_without_what_it_held(ends: list[int]) -> None:
    async def scene() -> FakeEvent:
        agent, taken = FakeAgent(), event()
        agent.failure = asyncio.CancelledError()
        with pytest.raises(Ended):
            await consume(make_worker(), agent, taken)
        return taken

    assert not run(scene()).acked
    assert ends == [70]


def test_an_agent_that_is_cancelled_while_the_worker_stops_just_ends(ends: list[int]) -> None:
    async def scene() -> FakeEvent:
        worker, agent, app, taken = make_worker(), FakeAgent(), FakeApp(), event()
        agent.working = asyncio.Event()
        worker._attach(cast("BatchApp", app), cast("Agent", agent), cast("Progress", FakeProgress()))
        loop = asyncio.ensure_future(app.agent_function(FakeStream(taken)))
        await agent.working.wait()
        app.should_stop = True
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop
        return taken

    assert not run(scene()).acked
    assert ends == []


def test_a_timer_that_fails_ends_the_process(ends: list[int]) -> None:
    async def scene() -> None:
        agent = FakeAgent()
        agent.failure = DeliveryFailed("a tick")
        with pytest.raises(Ended):
            await make_worker()._every_second(cast("Agent", agent), cast("Progress", FakeProgress()))

    run(scene())
    assert ends == [70]


def test_a_crash_of_faust_is_told_from_a_stop() -> None:
    async def scene() -> None:
        worker, app = make_worker(), FakeApp()
        app.over.set()
        assert await worker._until_stopped(cast("BatchApp", app))
        worker._stopping.set()
        assert not await worker._until_stopped(cast("BatchApp", app))

    run(scene())


def test_a_faust_that_cannot_start_ends_the_process(ends: list[int]) -> None:
    async def scene() -> None:
        app = FakeApp()
        app.start_failure = RuntimeError("no consumer thread")
        with pytest.raises(Ended):
            await process._started(cast("BatchApp", app))

    run(scene())
    assert ends == [70]


# --- stopping -----------------------------------------------------------------------------------------------------


def test_a_worker_in_good_order_stops_faust_then_finishes_then_ends_with_0() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        assert await drained(make_worker(), app, agent) == 0
        assert app.stopped
        assert agent.done == ["finish"]

    run(scene())


def test_a_faust_that_hangs_and_ignores_cancellation_does_not_keep_the_worker() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        app.stop_hangs = True
        with structlog.testing.capture_logs() as lines:
            assert await drained(make_worker(drain_s=0.05), app, agent) == 0
        assert "worker.drain_timed_out" in [line["event"] for line in lines]
        assert agent.done == []
        app.stop_hangs = False

    run(scene())


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DeliveryFailed("a snapshot"), 0, "worker.finish_failed"),
        (ValueError("a bug"), 70, "worker.drain_failed"),
        (TimeoutError(), 70, "worker.drain_failed"),
    ],
)
def test_a_last_step_that_fails_is_told_of(error: BaseException, code: int, told: str) -> None:
    async def scene() -> None:
        agent = FakeAgent()
        agent.at_end = error
        with structlog.testing.capture_logs() as lines:
            assert await drained(make_worker(), FakeApp(), agent) == code
        assert told in [line["event"] for line in lines]

    run(scene())


def test_a_worker_that_never_began_has_nothing_to_drain() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        app.started = False
        assert await drained(make_worker(), app, agent) == 0
        assert not app.stopped
        assert agent.done == []

    run(scene())


def test_a_signal_while_the_worker_starts_is_not_kept_waiting() -> None:
    async def scene() -> None:
        worker = make_worker()
        asyncio.get_running_loop().call_later(0.01, worker._stopping.set)
        assert not await worker._unless_stopped(asyncio.sleep(60))

    run(scene())


def test_what_keeps_a_worker_from_starting_reaches_the_command_line() -> None:
    async def start() -> None:
        raise InputMissing("no models")

    with pytest.raises(InputMissing, match="no models"):
        run(make_worker()._unless_stopped(start()))


def test_the_process_ends_although_tasks_are_left_that_do_not(
    ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving the loop would wait for them: the process ends from inside it."""

    class Left:
        async def run(self) -> int:
            return 7

    async def scene() -> None:
        with pytest.raises(Ended):
            await process._run_and_exit(cast("_Worker", Left()))

    run(scene())
    assert ends == [7]


# --- starting -----------------------------------------------------------------------------------------------------


class FakeAdmin:
    """A broker with these topics, or one that refuses us."""

    def __init__(self, *topics: str, error: KafkaError | None = None) -> None:
        self._topics, self._error = topics, error

    def __call__(self, _kafka: KafkaConfig, _seen: list[KafkaError]) -> "FakeAdmin":
        return self

    def list_topics(self, timeout: float) -> SimpleNamespace:
        if self._error is not None:
            raise KafkaException(self._error)
        return SimpleNamespace(
            topics={name: SimpleNamespace(partitions={0: 0, 1: 1}) for name in self._topics}
        )


def started(monkeypatch: pytest.MonkeyPatch, admin: FakeAdmin) -> None:
    monkeypatch.setattr(process, "assert_reachable", lambda _kafka, timeout_s: None)
    monkeypatch.setattr(process, "admin_client", admin)
    make_agent = cast("AgentClass", FakeAgent)
    run_worker("alarms", make_agent, KAFKA, SETTINGS, RuntimeSettings(), Path())


def test_a_worker_names_the_topics_that_are_missing_and_what_makes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputMissing, match="other; run `callbox topics apply`") as missing:
        started(monkeypatch, FakeAdmin("topic"))
    assert missing.value.exit_code == 66


def test_a_broker_that_refuses_us_is_told_from_one_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccessDenied):
        started(monkeypatch, FakeAdmin(error=KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED)))
    with pytest.raises(BrokerUnavailable):
        started(monkeypatch, FakeAdmin(error=KafkaError(KafkaError._TRANSPORT)))


def test_the_partitions_of_every_topic_that_is_used_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "admin_client", FakeAdmin("topic", "other", "third"))
    assert process._partitions(KAFKA, ["topic", "other"]) == {"topic": 2, "other": 2}


def test_no_core_is_dumped(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _what, limit: limits.append(limit))
    monkeypatch.setattr("resource.getrlimit", lambda _what: (0, resource.RLIM_INFINITY))
    leave_no_core()
    monkeypatch.setattr("resource.getrlimit", lambda _what: (0, 0))
    leave_no_core()
    assert limits == [(1, 1), (0, 0)]


def test_a_fault_leaves_no_core(tmp_path: Path) -> None:
    code = (
        "import os, signal; from streams.process import leave_no_core; "
        "leave_no_core(); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    command = ["bash", "-c", 'ulimit -c unlimited; exec "$0" "$@"', sys.executable, "-c", code]
    house = {"PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(command, cwd=tmp_path, env=house, capture_output=True, check=False)
    assert ended.returncode < 0
    assert list(tmp_path.iterdir()) == []
