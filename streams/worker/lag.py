"""How far a worker is: which partitions are its own, what is committed, how old the work is that waits."""

import contextlib
from collections.abc import Sequence
from typing import Any, cast

from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from schemas.errors import WorkerStalled
from streams.clock import monotonic, now_ms
from streams.faust.batching import Batch, BatchApp, BatchConsumer
from streams.worker.metrics import Metrics

_NOT_OURS = (ConsumerNotStarted, IllegalStateError, AssertionError, AttributeError, KeyError)
"""Not started, not fetched from yet, or revoked this moment: the fetching thread changes the assignment beside us."""

MOMENT_MS = 2_000
"""How far behind a partition may be that counts as caught up. A fetch that finds nothing takes half a second."""


class LagMonitor:
    """Watches the topics of one app.

    Args:
        app: The app; it may not be started yet.
        topics: What its agent reads; the first is the one whose partitions it calls its own.
        metrics: Where lag and commit age are shown.
    """

    def __init__(self, app: BatchApp, topics: Sequence[str], metrics: Metrics) -> None:
        self._app, self._topics, self._metrics = app, tuple(topics), metrics
        self._joined = False
        self._processed_until_ms: dict[TP, int] = {}
        self._complete_until_ms: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}
        self._advanced_at: dict[TP, float] = {}
        self._excused_at = 0.0
        app.on_partitions_assigned.connect(self._on_assigned)

    async def _on_assigned(self, *_: Any, **__: Any) -> None:
        self._joined = True

    @property
    def joined(self) -> bool:
        """The group has given us our share, which may be nothing."""
        return self._joined and not self._app.rebalancing

    def partitions(self) -> frozenset[int]:
        """Our partitions of the first topic now."""
        return frozenset(tp.partition for tp in self._ours() if tp.topic == self._topics[0])

    def caught_up(self) -> frozenset[int]:
        """Our partitions of the first topic of which everything is processed that is older than a moment.

        A partition counts only after a fetch that the broker answered a moment ago: not what a worker believes that
        has just got it, or was stopped, or cannot reach the partition's leader.
        """
        now = now_ms()
        return frozenset(
            tp.partition
            for tp in self._ours()
            if tp.topic == self._topics[0] and now - self._complete(tp, now) < MOMENT_MS
        )

    def note(self, batch: Batch) -> None:
        """A batch is processed and acked."""
        last = batch[-1]
        self._processed_until_ms[TP(last.topic, last.partition)] = last.timestamp
        self._complete_until_ms[TP(last.topic, last.partition)] = last.timestamp

    def sample(self) -> None:
        """Look at every partition; called once a second."""
        now = monotonic()
        ours = self._ours()
        for tp in [known for known in self._advanced_at if known not in ours]:
            self._forget(tp)
        for tp in ours:
            committed = self._committed_offset(tp)
            waiting = self._waiting(tp)
            if not waiting or committed != self._committed.get(tp):
                self._advanced_at[tp] = now
            self._committed[tp] = committed
            age = now - self._advanced_at.setdefault(tp, now)
            self._metrics.commit_age.labels(*tp).set(age)
            self._metrics.lag.labels(*tp).set(self._lag_s(tp, waiting=waiting))
            with contextlib.suppress(*_NOT_OURS):
                self._metrics.fetch_position.labels(*tp).set(self._consumer.fetched_until(tp))

    def stalled_for_s(self) -> float:
        """The longest time for which a partition with work has not advanced, seconds."""
        now = monotonic()
        return max((now - at for at in self._advanced_at.values()), default=0.0)

    def excuse(self) -> None:
        """What stands still now does so for a reason that is no fault: `assert_advancing` counts from here."""
        self._excused_at = monotonic()

    def assert_advancing(self, within_s: float) -> None:
        """Nothing may stand still for so long while records wait, or be fetched from never.

        A partition that nobody leads may: another worker could not read it either, and would leave the others to wait.

        Raises:
            WorkerStalled: A partition does; its number, how far it is committed and fetched.
        """
        now = monotonic()
        for tp, advanced_at in self._advanced_at.items():
            at = max(advanced_at, self._excused_at)
            if now - at > within_s and self._has_leader(tp):
                fetched = 0
                with contextlib.suppress(*_NOT_OURS):
                    fetched = self._consumer.fetched_until(tp)
                raise WorkerStalled(
                    f"{tp.topic}/{tp.partition}: records wait, or none were ever fetched, and nothing was "
                    f"committed for {now - at:.0f} s; "
                    f"committed {self._committed.get(tp, 0)}, fetched until {fetched}"
                )

    def _has_leader(self, tp: TP) -> bool:
        try:
            return self._consumer.has_leader(tp)
        except _NOT_OURS:
            return False

    def _ours(self) -> list[TP]:
        with contextlib.suppress(*_NOT_OURS):
            return sorted(tp for tp in self._app.consumer.assignment() if tp.topic in self._topics)
        return []

    def _complete(self, tp: TP, now: int) -> int:
        """Until when everything of a partition is processed, by the broker's clock or, if nothing waits, by ours."""
        with contextlib.suppress(*_NOT_OURS):
            answered_at = self._consumer.answered_at(tp)
            if now - answered_at < MOMENT_MS and not self._consumer.has_unprocessed(tp):
                self._complete_until_ms[tp] = answered_at
        return self._complete_until_ms.get(tp, 0)

    def _committed_offset(self, tp: TP) -> int:
        return self._consumer.committed(tp) or 0

    def _waiting(self, tp: TP) -> bool:
        try:
            return self._consumer.has_waiting(tp)
        except _NOT_OURS:
            return False

    @property
    def _consumer(self) -> BatchConsumer:
        return cast("BatchConsumer", self._app.consumer)

    def _lag_s(self, tp: TP, *, waiting: bool) -> float:
        """Age of the last processed record while others wait; without any, everything until now is processed."""
        now = now_ms()
        if not waiting:
            self._processed_until_ms[tp] = now
            return 0.0
        return max(0.0, (now - self._processed_until_ms.setdefault(tp, now)) / 1000)

    def _forget(self, tp: TP) -> None:
        for known in (
            self._processed_until_ms,
            self._complete_until_ms,
            self._committed,
            self._advanced_at,
        ):
            known.pop(tp, None)
        for gauge in (self._metrics.lag, self._metrics.commit_age, self._metrics.fetch_position):
            with contextlib.suppress(KeyError):
                gauge.remove(tp.topic, str(tp.partition))
