"""The loop of one topic: takes what waits, has the agent decide, and marks as done what is delivered, in order.

    inbox ──take──► agent.process: decided and handed over ──► under way ──urgent delivered──► calm part ─┐
      ▲                                                          │                                         │
      └──── at most two under way; what comes then is merged ────┘            done, committable ◄──all─────┘

The next batches are decided about while the last are being delivered. What is not urgent, such as the copy of an
incident, is collected by its producer for a moment, and no batch waits for that. Nothing is done before everything
before it is, and a delivery that fails ends the process, so that nothing is committed that follows it. Nothing is
decided after an urgent delivery that is known to have failed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from streams.faust.inbox import Inbox
from streams.kafka.batch import Batch
from streams.kafka.group_state import GroupState
from streams.worker.agent import Agent, Delivered, Hooks
from streams.worker.ending import fail_stop
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics

UNDER_WAY: Final = 2
"""Lists of batches that are decided about and not delivered. With one the producer idles while the next is decided;
with three nothing was gained, and a crash repeats more."""

CALM: Final = 32
"""Lists whose urgent part is delivered and whose calm part is not: at 1,000 a second about 15 come in the time for
which that part is collected."""

UnderWay = tuple[Sequence[Batch], Awaitable[object]]


class AgentLoop:
    """Runs an agent over one topic.

    Args:
        agent: The agent.
        hooks: Its hooks.
        state: Told what is done.
        lag: Told how far it is.
        metrics: The counters.
        merge_records: About the most records that are processed together.
        fail: Ends the process.
        is_stopping: Whether a cancellation means the end of the worker.
    """

    def __init__(
        self,
        agent: Agent,
        hooks: Hooks,
        state: GroupState,
        lag: LagMonitor,
        metrics: Metrics,
        *,
        merge_records: int,
        fail: Callable[[BaseException], object],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._agent, self._hooks, self._state, self._lag, self._metrics = agent, hooks, state, lag, metrics
        self._merge_records, self._fail, self._is_stopping = merge_records, fail, is_stopping

    async def run(self, inbox: Inbox) -> None:
        """Run until cancelled."""
        places = asyncio.Semaphore(UNDER_WAY)
        under_way: asyncio.Queue[UnderWay] = asyncio.Queue()
        calm: asyncio.Queue[UnderWay] = asyncio.Queue(CALM)
        behind = [
            asyncio.ensure_future(self._fail_stop(work))
            for work in (self._confirm(under_way, calm, places), self._finish(calm))
        ]
        try:
            await self._fail_stop(self._decide(inbox, under_way, places))
        finally:
            for task in behind:
                task.cancel()

    async def _decide(
        self,
        inbox: Inbox,
        under_way: asyncio.Queue[UnderWay],
        places: asyncio.Semaphore,
    ) -> None:
        while True:
            await places.acquire()
            batches = await inbox.take(self._merge_records)
            under_way.put_nowait((batches, await self._agent.process(batches)))

    async def _confirm(
        self, under_way: asyncio.Queue[UnderWay], calm: asyncio.Queue[UnderWay], places: asyncio.Semaphore
    ) -> None:
        while True:
            batches, delivered = await under_way.get()
            if isinstance(delivered, Delivered):
                await delivered.urgent()
                await calm.put((batches, delivered))
            else:
                await calm.join()  # nothing is done before what is before it
                await delivered
                await self._done(batches)
            # Last: between this and the look at the next delivery nothing else runs, so that nothing more is decided
            # when that one has failed meanwhile.
            places.release()

    async def _finish(self, calm: asyncio.Queue[UnderWay]) -> None:
        while True:
            batches, delivered = await calm.get()
            await delivered
            await self._done(batches)
            calm.task_done()

    async def _done(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if self._state.done(batch):
                self._lag.note_done(batch)
            self._metrics.records.labels(batch.topic).inc(len(batch))
        await self._hooks.after_batch()

    async def _fail_stop(self, work: Awaitable[None]) -> None:
        await fail_stop(work, is_stopping=self._is_stopping, fail=self._fail)
