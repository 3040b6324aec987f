"""Ticks: one a second for each partition that is ours, numbered, with the time of the machine that writes them.

Stream time is the broker's append time. The writer's time stands beside it, so that the fold has a second clock for a
record whose append time leaps. A worker whose clock differs from the broker's ticks like any other, because the broker
stamps its ticks; the difference is told (streams/worker/clock_watch.py).
"""

from processors.state.partition_state import State
from schemas.enums import InputKind
from schemas.fusion_log import Tick
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.producer import ProducerRecord
from streams.worker.log_writer import broadcast

WAKE = 0
"""A tick with this number does not advance the fold; it brings the first batch of a partition that has no state here.
"""


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
