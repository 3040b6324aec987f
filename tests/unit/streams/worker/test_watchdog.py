"""The watchdog: whatever stands still ends the process with the code of its cause, also when the event loop does."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from schemas.errors import AccessDenied, BrokerUnavailable, CallboxError, WorkerStalled
from streams.clock import Clock
from streams.kafka.batch import PartitionPlace
from streams.kafka.group_state import GroupState
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.watchdog import PAUSE_S, Watchdog
from tests.support.fakes import KAFKA
from tests.support.log_records import ms
from tests.support.paths import ROOT
from tests.support.worker_parts import FULL_PIPE

GIVE_UP_S = 90.0
PLACE, OTHER = PartitionPlace("topic", 0), PartitionPlace("topic", 1)


class Watched:
    """A worker whose parts move unless a test stops one of them, on a clock of its own."""

    def __init__(self, at_s: float = 100.0) -> None:
        self.now, self.wall_is_ahead_s = at_s, 0.0
        self.clock = Clock(lambda: ms(self.now + self.wall_is_ahead_s), lambda: self.now)
        self.state = GroupState(["topic"], self.clock)
        self.lag = LagMonitor(self.state, ["topic"], Metrics(), self.clock)
        self.consumer: Any = SimpleNamespace(alive_at=self.now, refusal=None)
        self.restoring = False
        self.answered_elsewhere_at = float("-inf")
        self.failures: list[BaseException] = []
        self.dog = Watchdog(
            KAFKA,
            self.state,
            self.lag,
            [self.consumer],
            give_up_s=GIVE_UP_S,
            is_restoring=lambda: self.restoring,
            answered_at=lambda: self.answered_elsewhere_at,
            fail=self.failures.append,
            clock=self.clock,
        )
        self.still: set[str] = set()
        """What does not move: loop, consumer, broker, group, leader."""

    def owns(self, *places: PartitionPlace, has_leader: bool = True) -> None:
        """Partitions in which nothing waits."""
        for place in places:
            self.state.begin(place, 0, 0, is_held=False)
            self.state.answered(place, self.clock.now_ms(), at_end=True, has_leader=has_leader)

    def passes(self, seconds: int) -> CallboxError | None:
        """What the watchdog raises within so many looks."""
        for _ in range(seconds):
            self.now += 1
            self._move()
            try:
                self.dog.look()
            except CallboxError as error:
                return error
        return None

    def _move(self) -> None:
        if "loop" not in self.still:
            self.dog.note_loop_alive()
        if "consumer" not in self.still:
            self.consumer.alive_at = self.now
        self.state.set_joined(["topic"], joined="group" not in self.still, complete=True)
        if "broker" in self.still:
            return
        self.state.heard(["topic"], self.clock.now_ms())
        for place in self.state.of(["topic"]):
            if self.state.has_leader(place):
                self.state.answered(place, self.clock.now_ms(), at_end=None, has_leader=True)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_worker_of_which_everything_moves_goes_on(watched: Watched) -> None:
    watched.owns(PLACE, OTHER)
    assert watched.passes(300) is None


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("loop", "the event loop, or what is due once a second, has not moved"),
        ("consumer", "the consumer has not moved"),
        ("group", "the group has given us no share of it"),
    ],
)
def test_a_part_that_stands_still_for_too_long_ends_the_worker_with_70(
    watched: Watched, part: str, said: str
) -> None:
    watched.owns(PLACE)
    watched.passes(1)
    watched.still = {part}
    assert watched.passes(int(GIVE_UP_S)) is None
    failure = watched.passes(1)
    assert isinstance(failure, WorkerStalled)
    assert said in str(failure)
    assert failure.exit_code == 70


@pytest.mark.parametrize(
    ("is_broker_there", "code"), [(True, WorkerStalled.exit_code), (False, BrokerUnavailable.exit_code)]
)
def test_a_member_that_hears_nothing_any_more_because_its_thread_hangs_ends_the_worker_with_70(
    watched: Watched, is_broker_there: bool, code: int
) -> None:
    """What the broker answers is told by that very thread, so the silence is no sign of a broker that is away."""
    watched.owns(PLACE)
    watched.passes(1)
    watched.still = {"consumer", "broker"}
    for _ in range(int(GIVE_UP_S) + 10):
        if is_broker_there:
            watched.answered_elsewhere_at = watched.now
        if (failure := watched.passes(1)) is not None:
            break
    assert failure is not None
    assert failure.exit_code == code


def test_a_broker_that_does_not_answer_ends_an_idle_worker_with_69(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.passes(1)
    watched.still = {"broker"}
    assert watched.passes(int(GIVE_UP_S)) is None
    failure = watched.passes(10)
    assert isinstance(failure, BrokerUnavailable)
    assert f"{KAFKA.bootstrap}: the broker has not answered for 9" in str(failure)


def test_a_broker_that_does_not_answer_ends_also_a_worker_without_a_partition(watched: Watched) -> None:
    watched.passes(1)
    watched.still = {"broker"}
    assert isinstance(watched.passes(100), BrokerUnavailable)


def test_a_broker_that_has_refused_us_ends_it_with_77_and_the_cause(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.passes(1)
    watched.still = {"broker"}
    watched.consumer.refusal = KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED)
    failure = watched.passes(100)
    assert isinstance(failure, AccessDenied)
    assert failure.exit_code == 77


def test_a_refusal_of_one_connection_ends_nothing_while_the_broker_answers(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.consumer.refusal = KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED)
    assert watched.passes(200) is None


def test_a_partition_that_does_not_advance_ends_the_worker_with_70(watched: Watched) -> None:
    watched.state.begin(PLACE, 0, None, is_held=False)  # never fetched to its end
    failure = watched.passes(100)
    assert isinstance(failure, WorkerStalled)
    assert "topic/0: records wait, or none were ever fetched" in str(failure)


def test_restoring_is_no_standing_still_but_an_event_loop_that_stands_still_is_no_restoring(
    watched: Watched,
) -> None:
    watched.state.begin(PLACE, 0, None, is_held=False)
    watched.restoring = True
    assert watched.passes(300) is None
    watched.still = {"loop"}
    assert isinstance(watched.passes(100), WorkerStalled)


def test_a_partition_that_stands_still_is_counted_from_the_end_of_restoring(watched: Watched) -> None:
    watched.state.begin(PLACE, 0, None, is_held=False)
    watched.restoring = True
    watched.passes(300)
    watched.restoring = False
    assert watched.passes(int(GIVE_UP_S)) is None
    assert isinstance(watched.passes(1), WorkerStalled)


# --- what no restart would help -----------------------------------------------------------------------------------


def test_a_partition_that_nobody_leads_ends_no_worker(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.owns(OTHER, has_leader=False)
    assert watched.passes(300) is None


def test_a_partition_that_nobody_leads_hides_no_broker_that_is_away(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.owns(OTHER, has_leader=False)
    watched.passes(200)
    watched.still = {"broker"}
    assert isinstance(watched.passes(100), BrokerUnavailable)


def test_a_start_that_took_long_is_not_counted() -> None:
    """Models and registry are loaded between the making of the parts and the first look."""
    watched = Watched()
    watched.now += 600
    watched.still = {"loop", "consumer", "group", "broker"}
    assert watched.passes(int(GIVE_UP_S)) is None
    assert watched.passes(10) is not None


def test_a_pause_of_the_whole_process_is_not_counted(watched: Watched) -> None:
    watched.state.begin(PLACE, 0, None, is_held=False)
    watched.passes(5)
    watched.now += 600
    watched.still = {"loop", "consumer", "group", "broker"}  # nothing has moved yet
    assert watched.passes(5) is None
    watched.still = {"loop"}
    assert watched.passes(int(GIVE_UP_S - 4)) is None
    assert isinstance(watched.passes(1), WorkerStalled)


def test_a_short_delay_of_the_watchdog_excuses_nothing(watched: Watched) -> None:
    watched.passes(1)
    watched.still = {"loop"}
    for _ in range(int(GIVE_UP_S / PAUSE_S) - 1):
        watched.now += PAUSE_S - 1
        assert watched.passes(1) is None
    watched.now += PAUSE_S - 1
    watched.passes(1)
    watched.now += PAUSE_S - 1
    assert isinstance(watched.passes(1), WorkerStalled)


def test_a_wall_clock_that_is_set_forward_is_no_silence_of_the_broker(watched: Watched) -> None:
    watched.owns(PLACE)
    watched.passes(200)
    watched.wall_is_ahead_s = 3_600
    watched.still = {"broker"}  # it answers within half a second; the look may come earlier
    assert watched.passes(1) is None
    watched.still = set()
    assert watched.passes(200) is None


# --- the thread ---------------------------------------------------------------------------------------------------


class Thread:
    """A watchdog in its thread, on the real clock."""

    def __init__(
        self, *, give_up_s: float = GIVE_UP_S, is_restoring: Callable[[], bool] = lambda: False
    ) -> None:
        self.failures: list[BaseException] = []
        self.failed = threading.Event()
        state = GroupState(["topic"])
        state.set_joined(["topic"], joined=True, complete=True)
        lag = LagMonitor(state, ["topic"], Metrics())
        self.dog = Watchdog(
            KAFKA, state, lag, [], give_up_s=give_up_s, is_restoring=is_restoring, fail=self._fail
        )

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()


def test_a_blocked_event_loop_is_seen_from_the_thread() -> None:
    thread = Thread(give_up_s=0.1)

    async def blocked() -> bool:
        thread.dog.note_loop_alive()
        return thread.failed.wait(30)  # nothing else of the loop runs meanwhile

    thread.dog.start()
    assert asyncio.run(blocked())
    (failure,) = thread.failures
    assert isinstance(failure, WorkerStalled)
    assert "event loop" in str(failure)


def test_a_watchdog_that_fails_itself_ends_the_process() -> None:
    def bug() -> bool:
        raise ValueError("a bug")

    thread = Thread(is_restoring=bug)
    thread.dog.start()
    assert thread.failed.wait(30)
    assert isinstance(thread.failures[0], ValueError)


def test_a_worker_that_stops_is_not_looked_at_any_more() -> None:
    thread = Thread(give_up_s=0.1)
    thread.dog.start()
    thread.dog.stop_within(60)
    thread.dog.end()
    thread.dog._thread.join(30)
    assert thread.failures == []


@pytest.mark.parametrize("started", [True, False])
def test_a_stop_that_is_not_over_within_its_bound_ends_whatever_the_event_loop_waits_for(
    started: bool,
) -> None:
    thread = Thread()
    if started:
        thread.dog.start()

    async def blocked() -> bool:
        thread.dog.stop_within(0.1)
        return thread.failed.wait(30)

    assert asyncio.run(blocked())
    (failure,) = thread.failures
    assert isinstance(failure, WorkerStalled)
    assert "has not stopped within" in str(failure)


def test_an_event_loop_that_waits_for_somebody_to_read_its_log_lines_ends_with_70() -> None:
    script = f"""
import asyncio, logging
{FULL_PIPE}
from streams.worker.ending import stop_now
from streams.kafka.config import KafkaConfig
from streams.kafka.group_state import GroupState
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from streams.worker.watchdog import Watchdog
state = GroupState(["topic"])
state.set_joined(["topic"], joined=True, complete=True)
lag = LagMonitor(state, ["topic"], Metrics())
kafka = KafkaConfig(bootstrap="127.0.0.1:1")
Watchdog(kafka, state, lag, [], give_up_s=0.1, is_restoring=lambda: False, fail=stop_now).start()

async def line():
    logging.error("never written")

asyncio.run(line())
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60)
    assert ran.returncode == 70
