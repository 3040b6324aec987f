"""A worker as a process: what it ends with, and that nothing is committed that was not delivered."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, cast

import pytest
import structlog
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from schemas.errors import (
    AccessDenied,
    BrokerUnavailable,
    DeliveryFailed,
    FileRefused,
    InputMissing,
    LogBroken,
    WorkerStalled,
)
from streams.faust.batching import Batch
from streams.worker import process
from streams.worker.agent import hooks_of
from streams.worker.process import _crash_code, _stop_now, _Worker
from tests.support.fakes import batch, run
from tests.support.worker_parts import (
    Ended,
    FakeAgent,
    FakeApp,
    FakeEvent,
    FakeLag,
    FakeStream,
    make_worker,
)

if TYPE_CHECKING:
    from streams.faust.batching import BatchApp
    from streams.worker.lag import LagMonitor


pytestmark = pytest.mark.usefixtures("ends")


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


async def consume(worker: _Worker, agent: FakeAgent, *events: FakeEvent) -> FakeLag:
    """Run the worker's loop over these events for a moment."""
    app, lag = FakeApp(), FakeLag()
    worker._attach(cast("BatchApp", app), agent, hooks_of(agent), cast("LagMonitor", lag), "topic")
    loop = asyncio.ensure_future(app.agent_functions["topic"](FakeStream(*events)))
    done, _ = await asyncio.wait({loop}, timeout=0.05)
    if done:
        loop.result()
    app.should_stop = True
    loop.cancel()
    return lag


def event(start: int = 0) -> FakeEvent:
    return FakeEvent(batch(b"1", b"2", topic="topic", start=start))


def test_batches_are_committed_after_they_are_processed_and_then_counted() -> None:
    async def scene() -> None:
        worker, agent, events = make_worker(), FakeAgent(), [event(0), event(2)]
        lag = await consume(worker, agent, *events)
        assert agent.done == ["process", "delivered", "after_batch"]
        assert all(each.acked for each in events)
        assert lag.noted == [(0, 2), (0, 4)]
        counted = worker._metrics.registry.get_sample_value("callbox_records_total", {"topic": "topic"})
        assert counted == 4

    run(scene())


def test_what_waits_in_one_topic_keeps_no_other_one_waiting() -> None:
    class Slow(FakeAgent):
        """Hangs on acknowledgements."""

        async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
            if batches[0][0].topic == "acks":
                await asyncio.sleep(60)
            self.done.append(batches[0][0].topic)
            return self._delivered()

    async def scene() -> list[str]:
        worker, app, agent = make_worker(), FakeApp(), Slow()
        for topic in ("presses", "acks"):
            worker._attach(
                cast("BatchApp", app), agent, hooks_of(agent), cast("LagMonitor", FakeLag()), topic
            )
        streams = {
            topic: FakeStream(FakeEvent(batch(b"1", topic=topic)), FakeEvent(batch(b"2", topic=topic)))
            for topic in ("acks", "presses")
        }
        loops = [
            asyncio.ensure_future(app.agent_functions[topic](stream)) for topic, stream in streams.items()
        ]
        await asyncio.wait(loops, timeout=0.05)
        app.should_stop = True
        for loop in loops:
            loop.cancel()
        return agent.done

    assert run(scene()) == ["presses", "delivered", "after_batch"]


@pytest.mark.parametrize("failure", [ValueError("a bug"), DeliveryFailed("no"), KeyboardInterrupt()])
def test_whatever_an_agent_raises_ends_the_process_without_a_commit(
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
        worker._attach(cast("BatchApp", app), agent, hooks_of(agent), cast("LagMonitor", FakeLag()), "topic")
        loop = asyncio.ensure_future(app.agent_functions["topic"](FakeStream(taken)))
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
            await make_worker()._every_second(hooks_of(agent), cast("LagMonitor", FakeLag()))

    run(scene())
    assert ends == [70]


def test_a_worker_that_stands_still_ends_also_when_it_never_became_ready(ends: list[int]) -> None:
    async def scene() -> None:
        lag = FakeLag()
        lag.standing_still = WorkerStalled("topic/0")
        with pytest.raises(Ended):
            await make_worker()._every_second(hooks_of(FakeAgent()), cast("LagMonitor", lag))

    run(scene())
    assert ends == [70]


def test_restoring_is_no_standing_still(ends: list[int]) -> None:
    async def scene() -> FakeLag:
        agent, lag = FakeAgent(), FakeLag()
        agent.restoring, lag.standing_still = True, WorkerStalled("topic/0")
        seconds = asyncio.ensure_future(make_worker()._every_second(hooks_of(agent), cast("LagMonitor", lag)))
        for _ in range(5):
            await asyncio.sleep(0)
        seconds.cancel()
        with pytest.raises(asyncio.CancelledError):
            await seconds
        return lag

    assert run(scene()).excused == 1
    assert ends == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (TopicAuthorizationFailedError("topic"), 77),
        (GroupAuthorizationFailedError("group"), 77),
        (RuntimeError("a bug"), 70),
        (None, 70),
    ],
)
def test_an_acl_that_was_removed_has_an_exit_code_of_its_own(reason: BaseException | None, code: int) -> None:
    assert _crash_code(reason) == code


def test_a_crash_of_faust_is_distinguished_from_a_stop() -> None:
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
