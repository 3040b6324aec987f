"""The loop of one topic: decided in order, delivered in order, done in order, and nothing after a failure."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

from schemas.errors import DeliveryFailed
from streams.faust.app import WorkerApp, create_app
from streams.faust.inbox import Inbox
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.worker.agent_loop import UNDER_WAY, AgentLoop
from streams.worker.metrics import Metrics
from tests.support.fakes import consumed, run
from tests.support.noted_lag import NotedLag

if TYPE_CHECKING:
    from streams.worker.lag import LagMonitor

PLACE = PartitionPlace("topic", 0)


class Following:
    """What follows from a list; nothing of it happens before it is awaited."""

    def __init__(self, deliver: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._deliver = deliver

    def __await__(self) -> Generator[Any, None, None]:
        return self._deliver().__await__()


class PipelineAgent:
    """Hands a list over at once; the test says when it is delivered, in whichever order."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.deliveries: dict[int, asyncio.Future[None]] = {}
        self.failures: dict[int, BaseException] = {}
        """Of `process`, by the first offset of a list."""
        self.deciding: dict[int, asyncio.Event] = {}
        """Lists about which it takes long to decide."""

    async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
        first = batches[0].start
        self.seen.append(f"decides {first}")
        if first in self.deciding:
            await self.deciding[first].wait()
        if first in self.failures:
            raise self.failures[first]
        return Following(lambda: self._delivered(first))

    async def quarantine(self, batch: Batch) -> Awaitable[None]:
        self.seen.append(f"quarantines {batch.start} after {batch.deaths}")
        return Following(lambda: self._delivered(batch.start))

    async def _delivered(self, first: int) -> None:
        await self.delivery(first)
        self.seen.append(f"delivered {first}")

    def delivery(self, first: int) -> asyncio.Future[None]:
        if first not in self.deliveries:
            self.deliveries[first] = asyncio.get_running_loop().create_future()
        return self.deliveries[first]


class Running:
    """The loop of one topic over one partition."""

    def __init__(self, *, merge_records: int = 1) -> None:
        self._before = asyncio.all_tasks()
        self.agent, self.lag, self.metrics = PipelineAgent(), NotedLag(), Metrics()
        self.state = GroupState(["topic"])
        self.state.begin(PLACE, 0, None, is_held=False)
        self.app = create_app("group")
        self.inbox = self.app.inbox(self.state.take)
        self.inbox.open()
        self.failures: list[BaseException] = []
        self.stopping = False
        self.loop = self.make(merge_records)
        self.task = asyncio.ensure_future(self.loop.run(self.inbox))
        self._next = 0

    def make(self, merge_records: int) -> AgentLoop:
        return AgentLoop(
            self.agent,
            self.state,
            cast("LagMonitor", self.lag),
            self.metrics,
            merge_records=merge_records,
            fail=self.fail,
            is_stopping=lambda: self.stopping,
        )

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.agent.seen.append("process ends")
        raise asyncio.CancelledError  # nothing of it goes on

    def arrives(self, count: int = 1, *, size: int = 1, deaths: int = 0) -> None:
        """Batches that follow each other, each handed over by itself."""
        for _ in range(count):
            position = self.state.position(PLACE)
            assert position is not None
            records = [consumed(b"", topic="topic", offset=self._next + each) for each in range(size)]
            made = Batch(records, self._next, position[0], deaths=deaths)
            self._next = made.end
            self.state.fetched(made)
            self.inbox.put_batches([made])

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """What runs of it."""
        return asyncio.all_tasks() - self._before

    def delivers(self, first: int) -> None:
        self.agent.delivery(first).set_result(None)

    @property
    def committable(self) -> int:
        """The offset up to which a commit may go."""
        return self.state.due([PLACE], lambda *_: None).get(PLACE, (0, 0))[0]


async def settled() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def over(running: Running) -> list[BaseException]:
    """What ended the process."""
    await settled()
    running.stopping = True
    for task in running.tasks:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    return running.failures


# --- order --------------------------------------------------------------------------------------------------------


def test_the_next_list_is_decided_about_while_the_last_is_delivered_and_the_one_after_it_is_not() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives(UNDER_WAY + 1)
        await settled()
        assert running.agent.seen == [f"decides {each}" for each in range(UNDER_WAY)]
        running.delivers(0)
        await settled()
        assert running.agent.seen[UNDER_WAY:] == ["delivered 0", f"decides {UNDER_WAY}"]
        await over(running)

    run(scene())


def test_what_comes_while_the_places_are_taken_is_merged() -> None:
    async def scene() -> None:
        running = Running(merge_records=1_000)
        for _ in range(UNDER_WAY):
            running.arrives()
            await settled()
        running.arrives(5)
        running.delivers(0)
        await settled()
        assert running.agent.seen[-1] == f"decides {UNDER_WAY}"
        for first in range(1, UNDER_WAY + 1):
            running.delivers(first)
        await settled()
        assert running.committable == UNDER_WAY + 5
        assert running.lag.noted == list(range(1, UNDER_WAY + 6))
        await over(running)

    run(scene())


def test_nothing_is_done_before_what_is_before_it_although_it_is_delivered_earlier() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives(2)
        await settled()
        running.delivers(1)
        await settled()
        assert (running.committable, running.lag.noted) == (0, [])
        running.delivers(0)
        await settled()
        assert (running.committable, running.lag.noted) == (2, [1, 2])
        assert [each for each in running.agent.seen if each.startswith("delivered")] == [
            "delivered 0",
            "delivered 1",
        ]
        await over(running)

    run(scene())


def test_a_list_is_done_when_it_is_delivered_and_then_counted() -> None:
    async def scene() -> None:
        running = Running(merge_records=1_000)
        running.arrives(2, size=3)
        await settled()
        assert running.committable == 0
        running.delivers(0)
        await settled()
        assert running.committable == 6
        counted = running.metrics.registry.get_sample_value("callbox_records_total", {"topic": "topic"})
        assert counted == 6
        await over(running)

    run(scene())


def test_a_list_of_a_partition_that_was_assigned_anew_meanwhile_is_neither_committed_nor_noted() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives()
        await settled()
        running.state.begin(PLACE, 0, None, is_held=False)
        running.delivers(0)
        await settled()
        assert running.agent.seen[-1] == "delivered 0"
        assert (running.committable, running.lag.noted) == (0, [])
        assert not running.state.has_begun_any()
        await over(running)

    run(scene())


def test_topics_do_not_wait_for_each_other() -> None:
    async def scene() -> None:
        running = Running()
        running.agent.deciding[0] = asyncio.Event()
        running.arrives()
        await settled()
        state = GroupState(["other"])
        epoch = state.begin(PartitionPlace("other", 0), 0, None, is_held=False)
        inbox = running.app.inbox(state.take)
        inbox.open()
        beside = asyncio.ensure_future(running.loop.run(inbox))
        inbox.put_batches([Batch([consumed(b"", topic="other", offset=7)], 7, epoch)])
        await settled()
        assert running.agent.seen == ["decides 0", "decides 7"]
        assert not beside.done()
        await over(running)

    run(scene())


# --- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ValueError("a bug"), DeliveryFailed("no"), KeyboardInterrupt()])
def test_whatever_deciding_raises_ends_the_process_and_what_is_under_way_is_not_done(
    failure: BaseException,
) -> None:
    async def scene() -> None:
        running = Running()
        running.agent.failures[1] = failure
        running.arrives(3)
        assert await over(running) == [failure]
        assert running.agent.seen == ["decides 0", "decides 1", "process ends"]
        assert running.committable == 0

    run(scene())


def test_a_delivery_that_fails_ends_the_process_and_nothing_that_follows_it_is_done() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives(2)
        await settled()
        failure = DeliveryFailed("refused")
        running.agent.delivery(0).set_exception(failure)
        running.delivers(1)
        assert await over(running) == [failure]
        assert (running.committable, running.lag.noted) == (0, [])

    run(scene())


def test_what_was_delivered_before_a_failure_stays_done() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives(2)
        await settled()
        running.delivers(0)
        running.agent.delivery(1).set_exception(DeliveryFailed("refused"))
        assert len(await over(running)) == 1
        assert running.committable == 1

    run(scene())


def test_nothing_is_decided_after_a_delivery_that_is_known_to_have_failed() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives(3)
        await settled()
        running.agent.delivery(1).set_exception(DeliveryFailed("refused"))
        running.delivers(0)
        assert len(await over(running)) == 1
        until_the_end = running.agent.seen[: running.agent.seen.index("process ends")]
        assert until_the_end == ["decides 0", "decides 1", "delivered 0"]

    run(scene())


def test_a_delivery_that_fails_while_the_next_list_is_decided_about_is_not_kept_waiting() -> None:
    async def scene() -> None:
        running = Running()
        running.agent.deciding[1] = asyncio.Event()
        running.arrives(2)
        await settled()
        failure = DeliveryFailed("refused")
        running.agent.delivery(0).set_exception(failure)
        await settled()
        assert running.failures == [failure]
        await over(running)

    run(scene())


# --- cancellation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", ["for records", "while deciding", "for a delivery"])
def test_an_agent_that_is_cancelled_while_the_worker_stops_just_ends(waits: str) -> None:
    async def scene() -> None:
        running = Running()
        if waits != "for records":
            running.arrives()
        if waits == "while deciding":
            running.agent.deciding[0] = asyncio.Event()
        await settled()
        running.stopping = True
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
        await settled()
        assert running.failures == []
        assert running.committable == 0
        assert running.tasks == set(), "what waits for deliveries ends too"

    run(scene())


@pytest.mark.parametrize("waits", ["for records", "while deciding", "for a delivery"])
def test_an_agent_that_something_else_cancels_ends_the_process(waits: str) -> None:
    """Faust would start another one, without what this one holds."""

    async def scene() -> None:
        running = Running()
        if waits != "for records":
            running.arrives()
        if waits == "while deciding":
            running.agent.deciding[0] = asyncio.Event()
        await settled()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
        assert isinstance(running.failures[0], asyncio.CancelledError)

    run(scene())


def test_a_delivery_that_something_cancels_ends_the_process() -> None:
    async def scene() -> None:
        running = Running()
        running.arrives()
        await settled()
        running.agent.delivery(0).cancel()
        (failure,) = await over(running)
        assert isinstance(failure, asyncio.CancelledError)
        assert running.committable == 0

    run(scene())


# --- inside Faust -------------------------------------------------------------------------------------------------


class Hosted:
    """The loop as the agent of a Faust app."""

    def __init__(self, make: Callable[[WorkerApp, Callable[[BaseException], None]], AgentLoop]) -> None:
        self.app, self.failed, self.failures = create_app("group"), asyncio.Event(), list[BaseException]()
        self.loop = make(self.app, self.fail)
        self.begun = 0

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()

    async def consume(self, inbox: Inbox) -> None:
        self.begun += 1
        await self.loop.run(inbox)
        await asyncio.sleep(60)  # the process has ended


def test_faust_starts_no_second_agent_and_a_stop_is_no_failure() -> None:
    async def scene() -> None:
        agent, state = PipelineAgent(), GroupState(["topic"])
        epoch = state.begin(PLACE, 0, None, is_held=False)
        hosted = Hosted(
            lambda app, fail: AgentLoop(
                agent,
                state,
                cast("LagMonitor", NotedLag()),
                Metrics(),
                merge_records=1,
                fail=fail,
                is_stopping=lambda: app.should_stop,
            )
        )
        inbox = hosted.app.inbox(state.take)
        hosted.app.add_agent("agent", inbox, hosted.consume)
        await hosted.app.start()
        inbox.put_batches(
            [Batch([consumed(b"", topic="topic", offset=each)], each, epoch) for each in (0, 1)]
        )
        while len(agent.seen) < 2:  # noqa: ASYNC110 - an agent has no event to wait for
            await asyncio.sleep(0.005)
        await hosted.app.stop()
        assert (hosted.begun, hosted.failures) == (1, [])
        assert agent.seen == ["decides 0", "decides 1"]
        assert hosted.app.crash_reason is None

    run(scene())


def test_a_record_of_which_workers_died_is_quarantined_beside_what_is_processed() -> None:
    async def scene() -> None:
        running = Running(merge_records=10)
        running.arrives(deaths=3)
        running.arrives()
        await settled()
        assert running.agent.seen == ["quarantines 0 after 3", "decides 1"]
        running.delivers(1)
        await settled()
        assert running.committable == 0
        running.delivers(0)
        await settled()
        assert running.committable == 2
        assert await over(running) == []

    run(scene())
