"""What follows from batches that are decided about together: it goes out in slices, and is done when all is delivered.

    decide ─► hand over ─► the slice is over ─► send ─► decide … ─► send ─► all of it is delivered ─► done, committable

A batch may hold a thousand records, and a tick may fire hundreds of timers. In one go the first press would wait until
the last one is decided about; one by one each would cost the broker a request, and that is more than its records do.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.outbox import PendingDelivery
from streams.kafka.producer import ProducerRecord

SLICE_S: Final = 0.003
"""How long the first slice takes: some ten presses of `fusion` on a loaded machine. Sending costs 0.1 ms there, and a
hop on a quiet machine takes 1 ms (benchmarks/latency)."""

LONGEST_SLICE_S: Final = 0.012
"""Each slice of a list is twice as long as the one before it, up to this: who has waited behind many others waits a
little longer, and the broker, which is busy then, has a third of the requests."""


class Sender(Protocol):
    """What is asked of `streams.kafka.outbox.Outbox`."""

    def is_calm(self, topic: str) -> bool:
        """Whether nobody waits for the records of a topic but a commit."""

    def send(self, records: Sequence[ProducerRecord], /) -> PendingDelivery:
        """Send records, in order after those of earlier calls."""

    def serve(self, timeout_s: float = 0.0, /) -> None:
        """Take the broker's answers; wait for one of those that are urgent for so long."""

    def raise_failure(self) -> None:
        """Raise DeliveryFailed if an answer said that a record was not delivered."""


class Elsewhere(Protocol):
    """What is decided about elsewhere, such as a coroutine on the event loop."""

    def done(self) -> bool:
        """Whether it has ended."""

    def result(self) -> object:
        """What it returned; raises what it ended with."""


class WorkSlice:
    """Records that go out together.

    Attributes:
        urgent: Those that somebody waits for.
        calm: Those that only a commit waits for.
        sent: How far the urgent ones are, once they are sent; None before that, and where there is none.
    """

    __slots__ = ("calm", "sent", "urgent")

    def __init__(self) -> None:
        self.urgent: list[ProducerRecord] = []
        self.calm: list[ProducerRecord] = []
        self.sent: PendingDelivery | None = None


class Work:
    """What follows from one list of batches.

    Args:
        outbox: Takes the records.
        clock: Ours.

    Attributes:
        slice: The slice that is being decided about.
    """

    def __init__(self, outbox: Sender, clock: Clock = SYSTEM_CLOCK) -> None:
        self._outbox, self._monotonic = outbox, clock.monotonic
        self._under_way: list[PendingDelivery] = []
        self._urgent: list[PendingDelivery] = []
        self._elsewhere: list[Elsewhere] = []
        self._then: list[Callable[[], None]] = []
        self._began_at, self._slice_s = self._monotonic(), SLICE_S
        self.slice = WorkSlice()

    @property
    def slice_is_over(self) -> bool:
        """Whether the slice has taken long enough: what it has decided goes out before more is decided."""
        return self._monotonic() - self._began_at >= self._slice_s

    def hand_over(self, records: Sequence[ProducerRecord]) -> None:
        """Add records to the slice; each topic keeps the order in which they were added.

        Args:
            records: Any number, of topics that are all calm or all urgent.
        """
        if records:
            is_calm = self._outbox.is_calm(records[0].topic)
            (self.slice.calm if is_calm else self.slice.urgent).extend(records)

    def send(self) -> None:
        """Send the slice, what is urgent first; returns before the broker has it. Another slice begins.

        Raises:
            DeliveryFailed: The client itself does not take one of the records.
        """
        ended, self.slice = self.slice, WorkSlice()
        if ended.urgent:
            ended.sent = self._outbox.send(ended.urgent)
            self._under_way.append(ended.sent)
            self._urgent.append(ended.sent)
        if ended.calm:
            self._under_way.append(self._outbox.send(ended.calm))
        self._began_at, self._slice_s = self._monotonic(), min(2 * self._slice_s, LONGEST_SLICE_S)

    def wait_for(self, elsewhere: Elsewhere) -> None:
        """Be done no sooner than what is decided about elsewhere."""
        self._elsewhere.append(elsewhere)

    def when_delivered(self, then: Callable[[], None]) -> None:
        """Call this when all of it is delivered, before the batches are done."""
        self._then.append(then)

    def assert_not_failed(self) -> None:
        """Take the answers that have come: nothing more is decided once a delivery is known to have failed.

        Raises:
            DeliveryFailed: One has.
        """
        self._outbox.serve()
        self._outbox.raise_failure()

    def raise_failure(self) -> None:
        """Raise what something elsewhere has ended with.

        Raises:
            CallboxError: Something has failed: nothing more may be decided.
        """
        for each in self._elsewhere:
            if each.done():
                each.result()

    @property
    def is_empty(self) -> bool:
        """Whether nothing follows of what is sent, and nobody waits for it."""
        return not (self._under_way or self._elsewhere or self._then)

    @property
    def has_sent(self) -> bool:
        """Whether any record was sent."""
        return bool(self._under_way)

    @property
    def waits_for_urgent(self) -> bool:
        """Whether anything that is urgent is not answered yet."""
        return any(not each.is_answered for each in self._urgent)

    @property
    def is_answered(self) -> bool:
        """Whether the broker has answered everything, and everything elsewhere has ended."""
        return all(each.is_answered for each in self._under_way) and all(
            each.done() for each in self._elsewhere
        )

    def finish(self) -> None:
        """All of it is delivered.

        Raises:
            CallboxError: As `raise_failure`: nothing of this is done.
        """
        self.raise_failure()
        for then in self._then:
            then()
