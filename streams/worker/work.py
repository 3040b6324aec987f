"""What follows from batches that are decided about together: handed over in slices, done when all of it is delivered.

    decide ─► the slice is over ─► hand over ─► decide … ─► all of it is delivered ─► done, committable

A batch may hold a thousand records, and a tick may fire hundreds of timers. In one go the first press would wait until
the last one is decided about.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.outbox import PendingDelivery
from streams.kafka.producer import ProducerRecord

SLICE_S: Final = 0.003
"""Some ten presses of `fusion` on a loaded machine. Handing over costs 0.1 ms there, and a hop on a quiet machine
takes 1 ms (benchmarks/latency)."""


class Sender(Protocol):
    """What is asked of `streams.kafka.outbox.Outbox`."""

    def is_calm(self, topic: str) -> bool:
        """Whether nobody waits for the records of a topic but a commit."""

    def send(self, records: Sequence[ProducerRecord], /) -> PendingDelivery:
        """Hand records over, in order after those of earlier calls."""

    def serve(self, timeout_s: float = 0.0, /) -> None:
        """Take the broker's answers; wait for one of those that are urgent for so long."""


class Work:
    """What follows from one list of batches.

    Args:
        outbox: Takes the records.
        clock: Ours.
    """

    def __init__(self, outbox: Sender, clock: Clock = SYSTEM_CLOCK) -> None:
        self._outbox, self._monotonic = outbox, clock.monotonic
        self._under_way: list[PendingDelivery] = []
        self._urgent: list[PendingDelivery] = []
        self._then: list[Callable[[], None]] = []
        self._began_at = self._monotonic()

    @property
    def slice_is_over(self) -> bool:
        """Whether the slice has taken long enough: what it has decided goes out before more is decided."""
        return self._monotonic() - self._began_at >= SLICE_S

    def hand_over(self, records: Sequence[ProducerRecord]) -> PendingDelivery:
        """Send records, in order after those before; returns before the broker has them. A new slice begins.

        Args:
            records: Any number, of topics that are all calm or all urgent.

        Raises:
            DeliveryFailed: The client itself does not take one of them.
        """
        pending = self._outbox.send(records)
        if records:
            self._under_way.append(pending)
            if not self._outbox.is_calm(records[0].topic):
                self._urgent.append(pending)
        self._began_at = self._monotonic()
        return pending

    def when_delivered(self, then: Callable[[], None]) -> None:
        """Call this when all of it is delivered, before the batches are done."""
        self._then.append(then)

    def assert_not_failed(self) -> None:
        """Take the answers that have come: nothing more is decided once a delivery is known to have failed.

        Raises:
            DeliveryFailed: One has.
        """
        self._outbox.serve()
        self.raise_failure()

    def raise_failure(self) -> None:
        """As `assert_not_failed`, by the answers that are taken already."""
        for each in self._under_way:
            if each.failure is not None:
                raise each.failure

    @property
    def is_empty(self) -> bool:
        """Whether nothing follows."""
        return not self._under_way and not self._then

    @property
    def waits_for_urgent(self) -> bool:
        """Whether anything that is urgent is not answered yet."""
        return any(not each.is_answered for each in self._urgent)

    @property
    def is_answered(self) -> bool:
        """Whether the broker has answered everything."""
        return all(each.is_answered for each in self._under_way)

    def finish(self) -> None:
        """All of it is delivered."""
        for then in self._then:
            then()
