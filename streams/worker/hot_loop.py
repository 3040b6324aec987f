"""The loop of one stream in its consuming thread: no event loop stands between the broker and what decides.

    batches ─► put ─► step: what the broker has confirmed is done ─► what waits is decided about and sent ─┐
      ▲                 └─ at most two lists under way that anybody waits for; what comes then is merged ◄─┤
      └── the next poll, as long as nothing waits here                done in order, committable ◄──all────┘

Everything here runs in the consuming thread but `close`. The next batches are decided about while the last are being
delivered. Nothing is done before everything before it is; nothing is decided after a delivery that is known to have
failed, and then the process ends. Agents whose work is heavy run over an event loop instead
(streams/worker/agent_loop.py). A stream is one topic, or several that are read in turns (streams/worker/turns.py).
"""

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from schemas.errors import DeliveryFailed
from streams.clock import Clock, pause
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.worker.agent import HotAgent, HotHooks
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.turns import Turns
from streams.worker.work import Sender, Work

UNDER_WAY: Final = 2
"""Lists of batches that are decided about and of which an urgent record is not delivered. With one the producer idles
while the next is decided; with three nothing was gained, and a crash repeats more."""

CALM: Final = 32
"""Lists of which anything is not delivered or not decided about elsewhere: about ten come at most while what is calm
is collected."""

SERVE_S: Final = 0.05
"""How long the next look at the broker's answers may take where only calm ones are awaited: a commit waits for it."""

ANSWER_S: Final = 0.005
"""The same where an urgent answer is awaited, or a state that is being restored: as far as
`callbox_press_to_alert_seconds` knows, an alert has gone out when its answer is taken."""

LIST_S: Final = 0.004
"""How far apart lists begin once they come in a row: 250 a second at most. Each costs the broker requests, and these
are half of what a machine has to do at 1,000 presses a second."""

BUSY_LIST_S: Final = 0.008
"""The same after a list of more than `BUSY_LIST` records. A press waits for 4 ms at each hop then, 8 ms at most, and
two cores have the time to keep up (measured: p50 of 50 ms in place of 140 at 1,000/s, where honest hops take 10)."""

BUSY_LIST: Final = 5
"""About what comes within `BUSY_LIST_S` at 600/s: above that a list is followed by another one of the kind."""

LAST_ANSWERS: Final = 200
"""How often `ANSWER_S` is waited, once deciding has failed, for the answers to what was decided before it."""

IN_A_ROW: Final = 4
"""Lists that need not be so far apart, after a pause: a few presses at once are not held up."""

SECOND_S: Final = 1.0


class _Listed(NamedTuple):
    """Batches that were decided about together, and what follows from them."""

    batches: Sequence[Batch]
    work: Work


class HotLoop:
    """Runs an agent over one stream.

    Args:
        agent: The agent.
        hooks: Its hooks.
        state: Told what is begun and done.
        lag: Told how far it is.
        metrics: The counters.
        outbox: Takes what is decided. It belongs to the consuming thread.
        clock: Ours.
        merge_records: About the most records that are decided about together.
        rest_s: How long it rests after each list.
        has_seconds: Whether it does what is due once a second.
        pause: Waits, a few milliseconds at a time.
    """

    def __init__(
        self,
        agent: HotAgent,
        hooks: HotHooks,
        state: GroupState,
        lag: LagMonitor,
        metrics: Metrics,
        outbox: Sender,
        clock: Clock,
        *,
        merge_records: int,
        rest_s: float = 0.0,
        has_seconds: bool = True,
        pause: Callable[[float], None] = pause,
    ) -> None:
        self._agent, self._hooks, self._state, self._lag, self._metrics = agent, hooks, state, lag, metrics
        self._outbox, self._clock, self._pause = outbox, clock, pause
        self._merge_records, self._rest_s = merge_records, rest_s
        self._waiting = Turns()
        self._held: dict[PartitionPlace, deque[Batch]] = {}
        """Batches of partitions that are not prepared: others go on meanwhile."""
        self._under_way: deque[_Listed] = deque()
        self._urgent: deque[Work] = deque()
        self._decided_at = float("-inf")
        self._paced_until = float("-inf")
        """When the next list would begin if all that were decided about had begun as far apart as they should."""
        self._second_at = float("-inf")
        self._has_seconds = has_seconds
        self._done_records: Counter[str] = Counter()
        """Records of each topic that are done and not counted yet."""
        self._is_closed = False

    # Called by another thread.

    def close(self) -> None:
        """Begin nothing any more."""
        self._is_closed = True

    # The consuming thread.

    def put(self, batches: Sequence[Batch]) -> None:
        """Take batches; they are decided about in the next step."""
        self._waiting.put(batches)

    def step(self, wait_s: float) -> float:
        """Take the broker's answers, then decide about what waits.

        Args:
            wait_s: How long the caller would wait for the next record.

        Returns:
            How long it may wait: until something is due here.

        Raises:
            DeliveryFailed: Something was not delivered; the batches must be read again.
        """
        self.serve()
        now = self._clock.monotonic()
        if now - self._second_at >= SECOND_S:
            self._second_at = now
            self._do_what_is_due()
            self._outbox.raise_failure()
        if self._is_closed or not (self._waiting or self._held):
            return min(wait_s, self._patience_s)
        if (left_s := self._decided_at + self._rest_s - now) > 0:
            return min(wait_s, left_s)
        if not self._has_place:
            self.serve(ANSWER_S)
            return 0.0
        self._decide()
        if self._waiting:
            return min(wait_s, self._rest_s)
        return min(wait_s, ANSWER_S if self._held else self._patience_s)

    def serve(self, wait_s: float = 0.0) -> None:
        """Take the broker's answers, wait for one as long as this, and mark as done what is delivered.

        Raises:
            DeliveryFailed: Something was not.
            CallboxError: What was decided about elsewhere has failed.
        """
        if not self._under_way:
            return
        self._outbox.serve(wait_s)
        self._outbox.raise_failure()
        for listed in self._under_way:
            listed.work.raise_failure()
        is_any_done = False
        while self._under_way and self._under_way[0].work.is_answered:
            self._outbox.raise_failure()  # once more: at the end another thread takes answers too
            self._done(self._under_way.popleft())
            is_any_done = True
        if is_any_done:
            self._hooks.after_batch()

    @property
    def has_under_way(self) -> bool:
        """Whether anything is decided about and not done."""
        return bool(self._under_way)

    @property
    def _patience_s(self) -> float:
        """How long nobody has to look at the broker's answers."""
        if self._count_urgent():
            return ANSWER_S
        return SERVE_S if self._under_way else float("inf")

    @property
    def _has_place(self) -> bool:
        return self._count_urgent() < UNDER_WAY and len(self._under_way) < CALM

    def _count_urgent(self) -> int:
        """Lists of which somebody still waits for a record: a partition whose leader is slow answers after others."""
        while self._urgent and not self._urgent[0].waits_for_urgent:
            self._urgent.popleft()
        return sum(work.waits_for_urgent for work in self._urgent)

    def _decide(self) -> None:
        """Decide about what waits and can be decided about, and send it."""
        work = Work(self._outbox, self._clock)
        try:
            begun = self._process(work)
        except DeliveryFailed:
            raise
        except BaseException:
            self._send_last(work)
            raise
        work.send()
        self._decided_at = self._clock.monotonic()
        self._note(begun, work)
        if work.has_sent and not (self._waiting or self._rest_s):
            self._keep_apart(sum(map(len, begun)))

    def _process(self, work: Work) -> list[Batch]:
        """Let the agent decide, and return the batches that it has decided about."""
        self._release_prepared(work)
        begun: list[Batch] = []
        count = 0
        while self._waiting and count < self._merge_records:
            batch = self._waiting.take()
            if not self._state.may_begin(batch):  # whoever has the partition now reads it
                continue
            if batch.place in self._held or not self._hooks.prepare(batch, work):
                self._held.setdefault(batch.place, deque()).append(batch)
                continue
            self._state.take(batch)
            begun.append(batch)
            count += len(batch)
            if batch.deaths:
                self._agent.quarantine(batch, work)
            else:
                self._agent.process(batch, work)
            if self._rest_s:
                break
        return begun

    def _send_last(self, work: Work) -> None:
        """Deciding has failed, and the process ends: what was decided before that goes out. It is read again too."""
        with contextlib.suppress(DeliveryFailed):
            work.send()
            for _ in range(LAST_ANSWERS):
                if not work.waits_for_urgent:
                    break
                self._outbox.serve(ANSWER_S)

    def _keep_apart(self, count: int) -> None:
        """Wait a moment where lists come in a row: what comes meanwhile is one list, and takes fewer requests.

        Args:
            count: The records of the list that was just decided about.
        """
        now = self._clock.monotonic()
        apart_s = BUSY_LIST_S if count > BUSY_LIST else LIST_S
        self._paced_until = max(self._paced_until, now) + apart_s
        if (early_s := self._paced_until - IN_A_ROW * LIST_S - now) > 0:
            self._pause(early_s)

    def _release_prepared(self, work: Work) -> None:
        """Let batches wait again, before all others, whose partitions are prepared by now, or have gone."""
        for place, batches in list(self._held.items()):
            while batches and not self._state.may_begin(batches[0]):
                batches.popleft()
            if not batches or self._hooks.prepare(batches[0], work):
                self._waiting.put_back(batches)
                del self._held[place]

    def _do_what_is_due(self) -> None:
        """What is due once a second."""
        self._outbox.serve()  # also with nothing under way: the client's own events lie in the same queue
        for topic, records in self._done_records.items():
            self._metrics.records.labels(topic).inc(records)
        self._done_records.clear()
        if self._has_seconds and not self._is_closed:
            work = Work(self._outbox, self._clock)
            self._hooks.punctuate(work)
            work.send()
            self._note((), work)

    def _note(self, batches: Sequence[Batch], work: Work) -> None:
        if batches or not work.is_empty:
            self._under_way.append(_Listed(batches, work))
            if work.waits_for_urgent:
                self._urgent.append(work)

    def _done(self, listed: _Listed) -> None:
        listed.work.finish()
        for batch in listed.batches:
            if self._state.done(batch):
                self._lag.note_done(batch)
            self._done_records[batch.topic] += len(batch)
