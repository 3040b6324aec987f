"""The watchdog: a thread of its own that ends the process when a part of it stands still, whatever the rest waits for.

    no partition advances while records wait ──────────► exit 70
    the broker has not answered ───────────────────────► exit 69, or 77 where it has refused us
    the group gives us no share of it ─────────────────► exit 70
    the event loop or a consuming thread does not move ► exit 70

The service manager starts the worker again, with names resolved and secrets read anew.
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

LOOK_S: Final = 1.0


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
        fail: Callable[[BaseException], object],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._kafka, self._state, self._lag, self._consumers = kafka, state, lag, tuple(consumers)
        self._give_up_s, self._is_restoring, self._fail, self._clock = give_up_s, is_restoring, fail, clock
        self._loop_alive_at = self._joined_at = clock.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more: the worker is stopping, which has a bound of its own."""
        self._stopping.set()

    def note_loop_alive(self) -> None:
        """The event loop moves; called by it once a second."""
        self._loop_alive_at = self._clock.monotonic()

    def look(self) -> None:
        """Look at everything once.

        Raises:
            WorkerStalled: A part of the worker stands still.
            BrokerUnavailable: The broker has not answered.
            AccessDenied: It has refused us.
        """
        self._lag.sample()
        if self._is_restoring():
            self._lag.excuse()
        now = self._clock.monotonic()
        if self._state.is_joined:
            self._joined_at = now
        for what, at in [
            ("event loop", self._loop_alive_at),
            *(("consumer", c.alive_at) for c in self._consumers),
        ]:
            if now - at > self._give_up_s:
                raise WorkerStalled(f"the {what} has not moved for {now - at:.0f} s")
        silent_s = self._state.unanswered_for_ms() / 1000
        if silent_s > self._give_up_s and not self._state.leaderless():
            refusal = next((each.refusal for each in self._consumers if each.refusal is not None), None)
            if refusal is not None:
                raise explain(self._kafka, refusal)
            raise BrokerUnavailable(
                f"{self._kafka.bootstrap}: the broker has not answered for {silent_s:.0f} s"
            )
        if now - self._joined_at > self._give_up_s:
            raise WorkerStalled(f"the group has given us no share of it for {now - self._joined_at:.0f} s")
        self._lag.assert_advancing(self._give_up_s)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(LOOK_S):
                self.look()
        except BaseException as error:  # noqa: BLE001 - without its watchdog a worker could stand still for ever
            self._fail(error)
