"""The loop of one topic whose work is heavy: takes what waits, has the agent decide, marks as done what is delivered.

    inbox ──take──► agent.process: decided and handed over ──► under way ──delivered, in order──► done, committable
      ▲                                                                                     │
      └────────────── at most two under way; what comes then is merged ◄────────────────────┘

The next batches are decided about while the last are being delivered. Nothing is done before everything before it is,
and a delivery that fails ends the process, so that nothing is committed that follows it. An agent that decides in
microseconds runs in its consuming thread instead (streams/worker/hot_loop.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from streams.faust.inbox import Inbox
from streams.kafka.batch import Batch
from streams.kafka.group_state import GroupState
from streams.worker.agent import Agent
from streams.worker.ending import fail_stop
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics

UNDER_WAY: Final = 2
"""Lists of batches that are decided about and not delivered. With one the producer idles while the next is decided;
with three nothing was gained, and a crash repeats more."""

UnderWay = tuple[Sequence[Batch], Awaitable[object]]


class AgentLoop:
    """Runs an agent over one topic.

    Args:
        agent: The agent.
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
        state: GroupState,
        lag: LagMonitor,
        metrics: Metrics,
        *,
        merge_records: int,
        fail: Callable[[BaseException], object],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._agent, self._state, self._lag, self._metrics = agent, state, lag, metrics
        self._merge_records, self._fail, self._is_stopping = merge_records, fail, is_stopping

    async def run(self, inbox: Inbox) -> None:
        """Run until cancelled."""
        places = asyncio.Semaphore(UNDER_WAY)
        under_way: asyncio.Queue[UnderWay] = asyncio.Queue()
        finishing = asyncio.ensure_future(self._fail_stop(self._finish(under_way, places)))
        try:
            await self._fail_stop(self._decide(inbox, under_way, places))
        finally:
            finishing.cancel()

    async def _decide(
        self,
        inbox: Inbox,
        under_way: asyncio.Queue[UnderWay],
        places: asyncio.Semaphore,
    ) -> None:
        while True:
            await places.acquire()
            batches = await inbox.take(self._merge_records)
            under_way.put_nowait((batches, await self._begun(batches)))

    async def _begun(self, batches: Sequence[Batch]) -> Awaitable[object]:
        """What is awaited for batches; those of which workers have died are not processed."""
        deadly = [batch for batch in batches if batch.deaths]
        if not deadly:
            return await self._agent.process(batches)
        begun = [await self._agent.quarantine(batch) for batch in deadly]
        if others := [batch for batch in batches if not batch.deaths]:
            begun.append(await self._agent.process(others))
        return asyncio.gather(*begun)

    async def _finish(self, under_way: asyncio.Queue[UnderWay], places: asyncio.Semaphore) -> None:
        while True:
            batches, delivered = await under_way.get()
            await delivered
            self._done(batches)
            # Last: between this and the look at the next delivery nothing else runs, so that nothing more is decided
            # when that one has failed meanwhile.
            places.release()

    def _done(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if self._state.done(batch):
                self._lag.note_done(batch)
            self._metrics.records.labels(batch.topic).inc(len(batch))

    async def _fail_stop(self, work: Awaitable[None]) -> None:
        await fail_stop(work, is_stopping=self._is_stopping, fail=self._fail)
