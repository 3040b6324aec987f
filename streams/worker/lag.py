"""How far a worker is: which partitions are its own, what is committed, how old the work is that waits.

What decides notes what is done, the watchdog's thread samples, the probes ask.
"""

import contextlib
import threading
from collections.abc import Sequence

from schemas.errors import WorkerStalled
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.worker.metrics import Metrics

MOMENT_MS = 2_000
"""How far behind a partition may be that counts as caught up. A fetch that finds nothing takes half a second."""


class LagMonitor:
    """Watches the partitions of one worker.

    Args:
        state: The partitions, and how far each is.
        topics: What the agent reads; `partitions` and `caught_up` are about the first.
        metrics: Where lag and commit age are shown.
        clock: Wall time and the clock for intervals.
    """

    def __init__(
        self, state: GroupState, topics: Sequence[str], metrics: Metrics, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._state, self._topics, self._metrics, self._clock = state, tuple(topics), metrics, clock
        self._lock = threading.Lock()
        self._processed_until_ms: dict[PartitionPlace, int] = {}
        self._complete_until_ms: dict[PartitionPlace, int] = {}
        self._committed: dict[PartitionPlace, int] = {}
        self._advanced_at: dict[PartitionPlace, float] = {}
        self._excused_at = 0.0

    @property
    def joined(self) -> bool:
        """The group has given us our share, which may be nothing."""
        return self._state.is_settled

    def unanswered_for_s(self) -> float:
        """The longest time for which no broker has answered about one of our partitions, seconds."""
        return self._state.unanswered_for_ms() / 1000

    def unanswered_by_leaders_for_s(self) -> float:
        """The same, without those of our partitions that no broker leads."""
        return self._state.unanswered_for_ms(of_leaders=True) / 1000

    def committed(self, partition: int) -> int | None:
        """The offset that was committed last of one of our partitions of the first topic."""
        return self._state.committed(PartitionPlace(self._topics[0], partition))

    def partitions(self) -> frozenset[int]:
        """Our partitions of the first topic now."""
        return frozenset(tp.partition for tp in self._state.of(self._topics[:1]))

    def caught_up(self) -> frozenset[int]:
        """Our partitions of the first topic of which everything is processed that is older than a moment.

        A partition counts only after a fetch that the broker answered a moment ago: not what a worker believes that
        has just got it, or was stopped, or cannot reach the partition's leader.
        """
        return self.caught_up_of(self._topics[0])

    def caught_up_of(self, topic: str) -> frozenset[int]:
        """The same of another topic that is read."""
        now = self._clock.now_ms()
        with self._lock:
            return frozenset(
                tp.partition for tp in self._state.of((topic,)) if now - self._complete(tp, now) < MOMENT_MS
            )

    def note_done(self, batch: Batch) -> None:
        """A batch is done."""
        appended_at = batch[-1].timestamp_ms
        with self._lock:
            self._processed_until_ms[batch.place] = appended_at
            self._complete_until_ms[batch.place] = appended_at

    def sample(self) -> None:
        """Look at every partition; called once a second."""
        with self._lock:
            self._sample(self._clock.monotonic())

    def _sample(self, now: float) -> None:
        ours = self._state.of(self._topics)
        for tp in [known for known in self._advanced_at if known not in ours]:
            self._forget(tp)
        for tp in ours:
            committed = self._state.committed(tp) or 0
            waiting = bool(self._state.has_waiting(tp))
            if not waiting or committed != self._committed.get(tp):
                self._advanced_at[tp] = now
            self._committed[tp] = committed
            age = now - self._advanced_at.setdefault(tp, now)
            self._metrics.commit_age.labels(*tp).set(age)
            self._metrics.lag.labels(*tp).set(self._lag_s(tp, waiting=waiting))
            if (fetched := self._state.fetched_until(tp)) is not None:
                self._metrics.fetch_position.labels(*tp).set(fetched)

    def stalled_for_s(self) -> float:
        """The longest time for which a partition with work has not advanced, seconds."""
        now = self._clock.monotonic()
        with self._lock:
            return max((now - at for at in self._advanced_at.values()), default=0.0)

    def excuse(self) -> None:
        """Standing still until now is no fault: `assert_advancing` counts from here."""
        self._excused_at = self._clock.monotonic()

    def assert_advancing(self, within_s: float) -> None:
        """Raise when a partition has not advanced for so long while records wait, or was never fetched from.

        A partition without a leader is left out: another worker could not read it either.

        Raises:
            WorkerStalled: A partition does; its number, how far it is committed and fetched.
        """
        now = self._clock.monotonic()
        for tp, advanced_at in self._advanced_at.items():
            at = max(advanced_at, self._excused_at)
            if now - at > within_s and self._state.has_leader(tp):
                fetched = self._state.fetched_until(tp) or 0
                raise WorkerStalled(
                    f"{tp.topic}/{tp.partition}: records wait, or none were ever fetched, and nothing was "
                    f"committed for {now - at:.0f} s; "
                    f"committed {self._committed.get(tp, 0)}, fetched until {fetched}"
                )

    def _complete(self, tp: PartitionPlace, now: int) -> int:
        """Until when everything of a partition is processed, by the broker's clock or, if nothing waits, by ours."""
        answered_at = self._state.answered_at(tp) or 0
        if now - answered_at < MOMENT_MS and self._state.has_unprocessed(tp) is False:
            self._complete_until_ms[tp] = answered_at
        return self._complete_until_ms.get(tp, 0)

    def _lag_s(self, tp: PartitionPlace, *, waiting: bool) -> float:
        """Age of the last processed record while others wait; without any, everything until now is processed."""
        now = self._clock.now_ms()
        if not waiting:
            self._processed_until_ms[tp] = now
            return 0.0
        return max(0.0, (now - self._processed_until_ms.setdefault(tp, now)) / 1000)

    def _forget(self, tp: PartitionPlace) -> None:
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
