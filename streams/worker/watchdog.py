"""The watchdog: a thread of its own that ends the process when a part of it stands still, whatever the rest waits for.

    no partition advances while records wait ──────────► exit 70
    the broker has not answered ───────────────────────► exit 69, or 77 where it has refused us
    the group gives us no share of it ─────────────────► exit 70
    the event loop or a consuming thread does not move ► exit 70
    a stop is not over within its bound ───────────────► exit 70

It counts from its own start, and anew after a pause of the whole process (SIGSTOP, a machine that sleeps): nothing can
have moved then. The service manager starts the worker again, with names resolved and secrets read anew.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from confluent_kafka import KafkaError

from schemas.errors import BrokerUnavailable, WorkerStalled
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain
from streams.kafka.group_state import GroupState
from streams.worker.lag import LagMonitor
from streams.worker.probes import ANSWER_S

LOOK_S: Final = 1.0

ELSEWHERE_S: Final = 20.0
"""A broker that has answered another client of this worker so lately is there: `TopicWatch` asks every five seconds,
and may wait as long again for the answer."""

PAUSE_S: Final = 10.0
"""So long between two looks is a pause of the process: full load delays a thread by a second or two."""


class Consuming(Protocol):
    """What is asked of a member of the group."""

    alive_at: float
    refusal: KafkaError | None


class Watchdog:
    """Looks once a second.

    Args:
        kafka: The broker.
        state: What is known of the partitions.
        lag: How far they are.
        consumers: The members of the group.
        give_up_s: How long anything may stand still.
        is_restoring: Whether the agent reads what it needs before it can go on.
        answered_at: When the broker answered a client that is no member of the group, by the clock for intervals. What
            the members hear says nothing once their threads stand still.
        fail: Ends the process.
        clock: Ours.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        state: GroupState,
        lag: LagMonitor,
        consumers: Sequence[Consuming],
        *,
        give_up_s: float,
        is_restoring: Callable[[], bool],
        answered_at: Callable[[], float] = lambda: float("-inf"),
        fail: Callable[[BaseException], object],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._kafka, self._state, self._lag, self._consumers = kafka, state, lag, tuple(consumers)
        self._give_up_s, self._is_restoring, self._fail, self._clock = give_up_s, is_restoring, fail, clock
        self._answered_elsewhere_at = answered_at
        self._loop_alive_at = self._joined_at = self._answered_at = self._counted_from = clock.monotonic()
        self._looked_at = float("-inf")
        self._stopping, self._ended, self._stop_bound_s = threading.Event(), threading.Event(), 0.0
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop_within(self, bound_s: float) -> None:
        """Look no more: the worker is stopping; but it is over after so long, whatever the event loop waits for."""
        self._stop_bound_s = bound_s
        self._stopping.set()
        if self._thread.ident is None:  # a stop may come before everything has started
            self._thread.start()

    def end(self) -> None:
        """The worker has stopped."""
        self._ended.set()

    def note_loop_alive(self) -> None:
        """The event loop moves, and what is due once a second is done; called by it."""
        self._loop_alive_at = self._clock.monotonic()

    def look(self) -> None:
        """Look at everything once.

        Raises:
            WorkerStalled: A part of the worker stands still.
            BrokerUnavailable: The broker has not answered.
            AccessDenied: It has refused us.
        """
        try:
            self._look(self._clock.monotonic())
        except WorkerStalled as error:
            # What waits for a broker that is away, or refuses us, stands still because of that.
            if (silent_s := self._silent_s()) > ANSWER_S and not self._is_broker_there:
                raise self._unanswered(silent_s) from error
            raise

    def _look(self, now: float) -> None:
        if now - self._looked_at > PAUSE_S:
            self._counted_from = now
            self._lag.excuse()
        self._looked_at = now
        self._lag.sample()
        if self._is_restoring():
            self._lag.excuse()
        if self._state.is_joined:
            self._joined_at = now
        self._assert_moves("event loop, or what is due once a second,", self._loop_alive_at, now)
        for consumer in self._consumers:
            self._assert_moves("consumer", consumer.alive_at, now)
        # A report of the client is read at its own time, so silence is believed only where it lasts.
        if (silent_s := min(self._silent_s(), now - self._counted_from)) <= self._give_up_s:
            self._answered_at = now
        elif now - self._answered_at > ANSWER_S:
            raise self._unanswered(silent_s)
        if (alone_s := self._stands_for(self._joined_at, now)) > self._give_up_s:
            raise WorkerStalled(f"the group has given us no share of it for {alone_s:.0f} s")
        self._lag.assert_advancing(self._give_up_s)

    @property
    def _is_broker_there(self) -> bool:
        is_refused = any(each.refusal is not None for each in self._consumers)
        return not is_refused and self._clock.monotonic() - self._answered_elsewhere_at() <= ELSEWHERE_S

    def _assert_moves(self, what: str, alive_at: float, now: float) -> None:
        if (still_s := self._stands_for(alive_at, now)) > self._give_up_s:
            raise WorkerStalled(f"the {what} has not moved for {still_s:.0f} s")

    def _stands_for(self, since: float, now: float) -> float:
        return now - max(since, self._counted_from)

    def _silent_s(self) -> float:
        """How long the broker has not answered; no restart of ours would help a partition that nobody leads."""
        if self._state.leaderless():
            return self._lag.unanswered_by_leaders_for_s()
        return self._lag.unanswered_for_s()

    def _unanswered(self, silent_s: float) -> Exception:
        refusal = next((each.refusal for each in self._consumers if each.refusal is not None), None)
        if refusal is not None:
            return explain(self._kafka, refusal)
        return BrokerUnavailable(f"{self._kafka.bootstrap}: the broker has not answered for {silent_s:.0f} s")

    def _run(self) -> None:
        try:
            while not self._stopping.wait(LOOK_S):
                self.look()
            if not self._ended.wait(self._stop_bound_s):
                raise WorkerStalled(f"the worker has not stopped within {self._stop_bound_s:.0f} s")  # noqa: TRY301
        except BaseException as error:  # noqa: BLE001 - without its watchdog a worker could stand still for ever
            self._fail(error)
