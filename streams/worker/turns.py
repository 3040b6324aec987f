"""Batches that wait, in turns: each topic gives one after the other, and none is waited for longer than all the rest.

    topic a: 1 2 3 4 …  ┐
    topic b: 1          ├─► a1 b1 c1 a2 c2 a3 …
    topic c: 1 2        ┘

A topic is one sender's, so a backlog of one holds nobody else's records back. Batches of one topic keep their order.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from streams.kafka.batch import Batch


class Turns:
    """Batches that wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Batch]] = {}
        """By topic, the topic whose turn it is first. A topic without a batch is not in it."""

    def __bool__(self) -> bool:
        """Whether any batch waits."""
        return bool(self._waiting)

    def put(self, batches: Iterable[Batch]) -> None:
        """Add batches behind the others of their topic."""
        for batch in batches:
            self._waiting.setdefault(batch.topic, deque()).append(batch)

    def put_back(self, batches: Sequence[Batch]) -> None:
        """Put batches of one topic before the others of it, in order."""
        if batches:
            self._waiting.setdefault(batches[0].topic, deque()).extendleft(reversed(batches))

    def take(self) -> Batch:
        """Take the batch whose turn it is.

        Raises:
            StopIteration: None waits.
        """
        topic = next(iter(self._waiting))
        waiting = self._waiting.pop(topic)
        batch = waiting.popleft()
        if waiting:  # it comes last now
            self._waiting[topic] = waiting
        return batch
