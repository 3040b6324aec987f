"""Work in slices of a few milliseconds: what one slice has decided is on its way before the next one begins.

    decide ─► the slice is over ─► hand over ─► whatever else the loop has to do ─► decide … ─► all of it is delivered

A batch may hold a thousand records, and a tick may fire hundreds of timers. In one go the first press would wait until
the last one is decided about, and probes, commits and other topics would wait for all of them.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.worker.context import Context

SLICE_S: Final = 0.003
"""About ten presses. Handing over costs 0.1 ms, and a hop on a quiet machine takes 1 ms (benchmarks/latency)."""


class Slices:
    """The slices of one call of an agent's `process`.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._delivery, self._monotonic = context.delivery, context.clock.monotonic
        self._under_way: list[asyncio.Future[list[RecordMetadata]]] = []
        self.urgent: list[asyncio.Future[list[RecordMetadata]]] = []
        """What is waited for before much more is decided."""
        self._began_at = self._monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the slice has taken long enough."""
        return self._monotonic() - self._began_at >= SLICE_S

    async def hand_over(
        self, records: Sequence[ProducerRecord], *, is_urgent: bool = True
    ) -> asyncio.Future[list[RecordMetadata]]:
        """Send records, in order after those before; returns before the broker has them."""
        future = await self._delivery.begin(records)
        self._under_way.append(future)
        if is_urgent:
            self.urgent.append(future)
        return future

    async def rest(self) -> None:
        """End the slice: let everything else go first that waits in the loop.

        Raises:
            DeliveryFailed: What an earlier slice sent was not delivered: nothing is decided after that.
        """
        await asyncio.sleep(0)
        for future in self._under_way:
            if future.done():
                future.result()
        self._began_at = self._monotonic()

    async def delivered(self) -> None:
        """Wait until everything is delivered.

        Raises:
            DeliveryFailed: Something was not.
        """
        for future in self._under_way:
            await future
