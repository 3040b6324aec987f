"""Ticks: one a second for each partition that is ours, numbered, with the time of the machine that writes them.

    a second begins ─► partitions without a state ─► the others, one after another, until the second is nearly over

A tick is folded and what is due by then goes out. Of all partitions at once that would be a peak each second, and a
press behind it would wait: two thirds of the p99 at 200 presses a second.

Stream time is the broker's append time. The writer's time stands beside it, so that the fold has a second clock for a
record whose append time leaps. A worker whose clock differs from the broker's ticks like any other, because the broker
stamps its ticks; the difference is told (streams/worker/clock_watch.py).
"""

import asyncio
from collections.abc import Callable, Collection

from processors.state.partition_state import State
from schemas.enums import InputKind
from schemas.fusion_log import Tick
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.producer import ProducerRecord
from streams.worker.clock_watch import ClockWatch, Reading
from streams.worker.context import Context
from streams.worker.log_writer import broadcast

WAKE = 0
"""A tick with this number does not advance the fold; it brings the first batch of a partition that has no state here.
"""

StateOf = Callable[[int], State | None]


class Ticker:
    """Makes ticks.

    Args:
        replica: Part of a tick's name: two replicas may write the same number.
        clock: Ours.
    """

    def __init__(self, replica: str = "", clock: Clock = SYSTEM_CLOCK) -> None:
        self._replica, self._clock = replica, clock
        self._numbers: dict[int, int] = {}
        self._wakes = 0

    def tick(self, partition: int, state: State | None) -> ProducerRecord:
        """The next tick of a partition; it wakes the partition where there is no state of it yet."""
        at = self._clock.now_ms()
        if state is None:
            # Its number is that of all the others; no two of them are equal all the same.
            self._wakes += 1
            number, name = WAKE, f"wake-{partition}-{at}-{self._wakes}"
        else:
            number = max(state.tick, self._numbers.get(partition, 0)) + 1
            self._numbers[partition], name = number, f"tick-{partition}-{number}"
        name += f"-{self._replica}" if self._replica else ""
        (record,) = broadcast(InputKind.TICK, name, Tick(number=number, at=at), [partition])
        return record


class TickWriter:
    """Writes the ticks of our partitions, spread over the second.

    Args:
        context: The worker.
        spread_s: The time over which they are spread.
    """

    def __init__(self, context: Context, spread_s: float = 1.0) -> None:
        self._context, self._spread_s = context, spread_s
        self._ticker = Ticker(context.replica, context.clock)
        self._clock_watch = ClockWatch(context)
        self._writing: asyncio.Task[None] | None = None

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the ticks that were delivered last."""
        return self._clock_watch.agrees()

    def begin(self, partitions: Collection[int], state_of: StateOf) -> None:
        """Write one tick to each partition in the second that begins now, unless the last ones are still on their way.

        Args:
            partitions: Ours now. One that is lost before its turn gets no tick.
            state_of: The state of a partition when its turn comes; None where it is to be woken.

        Raises:
            DeliveryFailed: A tick of the second before was not delivered.
        """
        if self._writing is not None:
            if not self._writing.done():
                return
            self._writing.result()
        self._writing = asyncio.create_task(self._write_all(partitions, state_of))

    async def written(self) -> None:
        """Wait until the ticks that were begun are delivered.

        Raises:
            DeliveryFailed: One was not.
        """
        if self._writing is not None:
            await self._writing

    def stop(self) -> None:
        """Write no more of those that were begun."""
        if self._writing is not None:
            self._writing.cancel()

    async def _write_all(self, partitions: Collection[int], state_of: StateOf) -> None:
        known = sorted(partition for partition in partitions if state_of(partition) is not None)
        after_s = {partition: self._spread_s * turn / len(known) for turn, partition in enumerate(known)}
        readings = await asyncio.gather(
            *(
                self._write(partition, state_of, after_s.get(partition, 0.0))
                for partition in sorted(partitions)
            )
        )
        await self._clock_watch.note(readings)

    async def _write(self, partition: int, state_of: StateOf, after_s: float) -> Reading | None:
        await asyncio.sleep(after_s)
        if partition not in self._context.assignment():
            return None
        return await self._clock_watch.compare([self._ticker.tick(partition, state_of(partition))])
