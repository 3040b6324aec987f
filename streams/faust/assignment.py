"""What Faust's consumer knows of its partitions, in our own types and without its exceptions.

The fetching thread changes the assignment beside us: a question about a partition that is revoked this moment, or that
was never fetched from, is answered by None.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar, cast

from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.faust.batching import BatchApp, BatchConsumer

T = TypeVar("T")

_NOT_OURS = (ConsumerNotStarted, IllegalStateError, AssertionError, AttributeError, KeyError)
"""Not started, not fetched from yet, or revoked this moment."""


class AssignedPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Assignment:
    """The partitions that the group has assigned to an app's consumer, and how far each is.

    Args:
        app: The app; it may not be started yet.
    """

    def __init__(self, app: BatchApp) -> None:
        self._app = app
        self._was_assigned = False
        app.on_partitions_assigned.connect(self._on_assigned)

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._was_assigned = True

    @property
    def is_settled(self) -> bool:
        """Whether the group has given us our share, which may be nothing, and does not rebalance now."""
        return self._was_assigned and not self._app.rebalancing

    def of(self, topics: Iterable[str]) -> list[AssignedPartition]:
        """Our partitions of these topics now, in order."""
        wanted = frozenset(topics)
        found = self._ask(lambda consumer: consumer.assignment()) or ()
        return sorted(AssignedPartition(*tp) for tp in found if tp.topic in wanted)

    def committed(self, place: AssignedPartition) -> int | None:
        """The offset that was committed last; None before the first commit."""
        return self._ask(lambda consumer: consumer.committed(TP(*place)))

    def has_waiting(self, place: AssignedPartition) -> bool | None:
        """Whether anything is not fetched, not done or not committed yet."""
        return self._ask(lambda consumer: consumer.has_waiting(TP(*place)))

    def has_unprocessed(self, place: AssignedPartition) -> bool | None:
        """Whether anything is not fetched or not done yet."""
        return self._ask(lambda consumer: consumer.has_unprocessed(TP(*place)))

    def fetched_until(self, place: AssignedPartition) -> int | None:
        """The next offset that is fetched; 0 before the first fetch."""
        return self._ask(lambda consumer: consumer.fetched_until(TP(*place)))

    def answered_at(self, place: AssignedPartition) -> int | None:
        """When the broker last said where the partition ends, milliseconds of our clock; 0 before the first time."""
        return self._ask(lambda consumer: consumer.answered_at(TP(*place)))

    def has_leader(self, place: AssignedPartition) -> bool | None:
        """Whether there is a broker to fetch the partition from."""
        return self._ask(lambda consumer: consumer.has_leader(TP(*place)))

    def _ask(self, question: Callable[[BatchConsumer], T]) -> T | None:
        try:
            return question(cast("BatchConsumer", self._app.consumer))
        except _NOT_OURS:
            return None
