"""How far a worker is: which partitions are its own, what is committed, how old the work is that waits."""

import contextlib
from typing import Any, cast

from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.batching import Batch, BatchApp, BatchConsumer
from streams.clock import monotonic, now_ms
from streams.metrics import Metrics

_NOT_OURS = (ConsumerNotStarted, IllegalStateError, AssertionError, AttributeError, KeyError)
"""Not started, not fetched from yet, or revoked this moment: the fetching thread changes the assignment beside us."""


class Progress:
    """Watches one topic of one app.

    Args:
        app: The app; it may not be started yet.
        topic: The topic its agent reads.
        metrics: Where lag and commit age are shown.
    """

    def __init__(self, app: BatchApp, topic: str, metrics: Metrics) -> None:
        self._app, self._topic, self._metrics = app, topic, metrics
        self._joined = False
        self._processed_until_ms: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._advanced_at: dict[int, float] = {}
        app.on_partitions_assigned.connect(self._on_assigned)

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._joined = True

    @property
    def joined(self) -> bool:
        """The group has given us our share, which may be nothing."""
        return self._joined and not self._app.rebalancing

    def partitions(self) -> frozenset[int]:
        """Our partitions now."""
        with contextlib.suppress(*_NOT_OURS):
            return frozenset(
                tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._topic
            )
        return frozenset()

    def note(self, partition: int, batch: Batch) -> None:
        """A batch is processed and acked."""
        self._processed_until_ms[partition] = batch[-1].timestamp

    def sample(self) -> None:
        """Look at every partition; called once a second."""
        now = monotonic()
        ours = self.partitions()
        for partition in [known for known in self._advanced_at if known not in ours]:
            self._forget(partition)
        for partition in ours:
            committed = self._committed_offset(partition)
            waiting = self._waiting(partition)
            if not waiting or committed != self._committed.get(partition):
                self._advanced_at[partition] = now
            self._committed[partition] = committed
            age = now - self._advanced_at.setdefault(partition, now)
            self._metrics.commit_age.labels(self._topic, partition).set(age)
            self._metrics.lag.labels(self._topic, partition).set(self._lag_s(partition, waiting=waiting))

    def stalled_for_s(self) -> float:
        """The longest time for which a partition with work has not advanced, seconds."""
        now = monotonic()
        return max((now - at for at in self._advanced_at.values()), default=0.0)

    def _committed_offset(self, partition: int) -> int:
        consumer = cast("BatchConsumer", self._app.consumer)
        return consumer.committed(TP(self._topic, partition)) or 0

    def _waiting(self, partition: int) -> bool:
        consumer = cast("BatchConsumer", self._app.consumer)
        try:
            return consumer.has_waiting(TP(self._topic, partition))
        except _NOT_OURS:
            return False

    def _lag_s(self, partition: int, *, waiting: bool) -> float:
        """Age of the last processed record while others wait; without any, everything until now is processed."""
        now = now_ms()
        if not waiting:
            self._processed_until_ms[partition] = now
            return 0.0
        return max(0.0, (now - self._processed_until_ms.setdefault(partition, now)) / 1000)

    def _forget(self, partition: int) -> None:
        for known in (self._processed_until_ms, self._committed, self._advanced_at):
            known.pop(partition, None)
        for gauge in (self._metrics.lag, self._metrics.commit_age):
            with contextlib.suppress(KeyError):
                gauge.remove(self._topic, str(partition))
