"""Lag: which partitions are ours, how old what waits is, and for how long nothing was committed."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from schemas.errors import WorkerStalled
from streams.clock import Clock
from streams.faust.assignment import Assignment
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from tests.support.fakes import batch, run
from tests.support.log_records import ms

if TYPE_CHECKING:
    from streams.faust.batching import BatchApp

TOPIC, MORE = "topic", "more"


class FakeConsumer:
    """Faust's consumer as far as it is looked at."""

    def __init__(self) -> None:
        self.ours = {TP(TOPIC, 0), TP("other", 5)}
        self.done: dict[TP, int] = {}
        self.fetched: dict[TP, int] = {}
        self.waiting = False
        self.led = True
        self.answered_s: float | None = None
        self.failure: Exception | None = None
        self.assigned_still = False

    def assignment(self) -> set[TP]:
        if self.failure is not None and not self.assigned_still:
            raise self.failure
        return self.ours

    def committed(self, tp: TP) -> int | None:
        return self.done.get(tp)

    def has_waiting(self, tp: TP) -> bool:
        if self.failure is not None:
            raise self.failure
        return self.waiting

    def has_unprocessed(self, tp: TP) -> bool:
        return self.has_waiting(tp)

    def has_leader(self, tp: TP) -> bool:
        return self.led

    def fetched_until(self, tp: TP) -> int:
        if self.failure is not None:
            raise self.failure
        return self.fetched.get(tp, 0)

    def answered_at(self, tp: TP) -> int:
        return 0 if self.answered_s is None else ms(self.answered_s)


class FakeSignal:
    """Faust's `on_partitions_assigned`."""

    def __init__(self) -> None:
        self.told: list[Callable[..., Awaitable[None]]] = []

    def connect(self, handler: Callable[..., Awaitable[None]]) -> None:
        self.told.append(handler)


class FakeApp:
    """A Faust app as far as it is looked at."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.on_partitions_assigned = FakeSignal()
        self.rebalancing = False

    def assign(self) -> None:
        async def tell() -> None:
            for handler in self.on_partitions_assigned.told:
                await handler(self, set())

        run(tell())


class Watched:
    """The lag monitor of an app on a clock of its own."""

    def __init__(self) -> None:
        self.app, self.metrics, self.now = FakeApp(), Metrics(), 0.0
        clock = Clock(lambda: ms(self.now), lambda: self.now)
        assignment = Assignment(cast("BatchApp", self.app))
        self.monitor = LagMonitor(assignment, (TOPIC, MORE), self.metrics, clock)

    @property
    def consumer(self) -> FakeConsumer:
        return self.app.consumer

    def sample_at(self, now: float, **changes: Any) -> None:
        self.now = now
        for name, value in changes.items():
            setattr(self.consumer, name, value)
        self.monitor.sample()

    def gauge(self, name: str, partition: int = 0) -> float | None:
        labels = {"topic": TOPIC, "partition": str(partition)}
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def lag(self) -> float | None:
        return self.gauge("callbox_lag_seconds")


@pytest.fixture
def watched() -> Watched:
    return Watched()


def committed(offset: int) -> dict[TP, int]:
    return {TP(TOPIC, 0): offset}


# --- whose partitions ---------------------------------------------------------------------------------------------


def test_only_partitions_of_the_agents_first_topic_are_ours(watched: Watched) -> None:
    watched.consumer.ours.add(TP(MORE, 3))
    assert watched.monitor.partitions() == {0}


@pytest.mark.parametrize(
    "failure",
    [
        ConsumerNotStarted(),
        AssertionError("Partition is not assigned"),
        IllegalStateError(),
        AttributeError(),
    ],
)
def test_a_partition_that_is_revoked_this_moment_stops_nothing(watched: Watched, failure: Exception) -> None:
    watched.sample_at(0)
    watched.consumer.failure = failure
    assert watched.monitor.partitions() == frozenset()
    watched.monitor.sample()


def test_a_partition_that_is_revoked_between_two_looks_stops_nothing(watched: Watched) -> None:
    """The fetching thread changes the assignment beside us: aiokafka asserts in `highwater`."""
    watched.consumer.failure, watched.consumer.assigned_still = (
        AssertionError("Partition is not assigned"),
        True,
    )
    watched.monitor.sample()
    assert watched.lag == 0


def test_the_group_is_joined_once_it_has_given_us_our_share_even_if_that_is_nothing(watched: Watched) -> None:
    assert not watched.monitor.joined
    watched.consumer.ours = set()
    watched.app.assign()
    assert watched.monitor.joined
    watched.app.rebalancing = True
    assert not watched.monitor.joined


# --- stalls -------------------------------------------------------------------------------------------------------


def test_work_that_waits_without_a_commit_is_a_stall(watched: Watched) -> None:
    watched.sample_at(0, waiting=True)
    watched.sample_at(1)
    watched.now = 31
    assert watched.monitor.stalled_for_s() == 31
    watched.sample_at(31)
    assert watched.gauge("callbox_commit_age_seconds") == 31


def test_a_commit_that_advances_ends_a_stall(watched: Watched) -> None:
    watched.sample_at(0, waiting=True)
    watched.sample_at(31, done=committed(10))
    assert watched.monitor.stalled_for_s() == 0
    watched.sample_at(40)
    assert watched.monitor.stalled_for_s() == 9


def test_a_worker_with_nothing_to_do_never_stalls(watched: Watched) -> None:
    watched.sample_at(0, done=committed(10))
    watched.sample_at(3_600)
    assert watched.monitor.stalled_for_s() == 0


def test_a_worker_whose_timer_hangs_does_not_look_well(watched: Watched) -> None:
    watched.sample_at(0)
    watched.now = 45
    assert watched.monitor.stalled_for_s() == 45


def test_a_worker_without_partitions_never_stalls(watched: Watched) -> None:
    watched.sample_at(0, ours=set())
    watched.now = 45
    assert watched.monitor.stalled_for_s() == 0


def test_a_lost_partition_is_forgotten(watched: Watched) -> None:
    watched.sample_at(0, waiting=True)
    watched.sample_at(1, ours=set())
    watched.now = 60
    assert watched.monitor.stalled_for_s() == 0
    assert watched.lag is None
    assert watched.gauge("callbox_commit_age_seconds") is None


def test_a_stall_in_any_topic_counts(watched: Watched) -> None:
    watched.sample_at(0, ours={TP(MORE, 3)}, waiting=True)
    watched.now = 31
    assert watched.monitor.stalled_for_s() == 31
    watched.sample_at(31)
    labels = {"topic": MORE, "partition": "3"}
    assert watched.metrics.registry.get_sample_value("callbox_commit_age_seconds", labels) == 31


def test_a_worker_that_stands_still_for_too_long_says_where_and_ends(watched: Watched) -> None:
    watched.consumer.fetched = {TP(TOPIC, 0): 70}
    watched.sample_at(0, waiting=True, done=committed(12))
    watched.sample_at(90)
    watched.monitor.assert_advancing(90)
    assert watched.gauge("callbox_fetch_position") == 70
    watched.sample_at(91)
    with pytest.raises(WorkerStalled, match=r"topic/0: .* for 91 s; committed 12, fetched until 70"):
        watched.monitor.assert_advancing(90)
    watched.sample_at(92, done=committed(13))
    watched.monitor.assert_advancing(90)


def test_what_stands_still_while_the_agent_restores_is_counted_from_its_end(watched: Watched) -> None:
    watched.sample_at(0, waiting=True)
    watched.sample_at(200)
    watched.monitor.excuse()
    watched.monitor.assert_advancing(90)
    assert watched.monitor.stalled_for_s() == 200, "it is not ready for that"
    watched.sample_at(290)
    watched.monitor.assert_advancing(90)
    watched.sample_at(291)
    with pytest.raises(WorkerStalled):
        watched.monitor.assert_advancing(90)


def test_a_partition_that_nobody_leads_ends_no_worker(watched: Watched) -> None:
    watched.sample_at(0, waiting=True, led=False)
    watched.sample_at(200)
    watched.monitor.assert_advancing(90)
    assert watched.monitor.stalled_for_s() == 200
    watched.consumer.led = True
    with pytest.raises(WorkerStalled):
        watched.monitor.assert_advancing(90)


# --- caught up ----------------------------------------------------------------------------------------------------


def test_a_partition_in_which_nothing_waits_is_caught_up(watched: Watched) -> None:
    watched.sample_at(100, answered_s=99.5)
    assert watched.monitor.caught_up() == {0}


def test_a_partition_that_nobody_has_fetched_from_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_whose_broker_has_not_answered_for_a_while_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100, answered_s=98)
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_with_a_backlog_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100, answered_s=100, waiting=True)
    assert watched.monitor.caught_up() == frozenset()
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=98))
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_whose_last_processed_record_is_new_is_caught_up(watched: Watched) -> None:
    watched.sample_at(100, answered_s=100, waiting=True)
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=98.1))
    assert watched.monitor.caught_up() == {0}


def test_a_partition_that_is_revoked_this_moment_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100, answered_s=100)
    watched.consumer.failure = AssertionError("Partition is not assigned")
    assert watched.monitor.caught_up() == frozenset()


def test_only_partitions_of_the_first_topic_are_caught_up(watched: Watched) -> None:
    watched.sample_at(100, ours={TP(MORE, 3)}, answered_s=100)
    assert watched.monitor.caught_up() == frozenset()


# --- lag ----------------------------------------------------------------------------------------------------------


def test_without_work_there_is_no_lag(watched: Watched) -> None:
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=0))
    watched.sample_at(100)
    assert watched.lag == 0


def test_the_lag_is_the_age_of_what_was_processed_last_while_more_waits(watched: Watched) -> None:
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=80))
    watched.sample_at(100, waiting=True)
    assert watched.lag == 20


def test_a_record_after_a_quiet_hour_is_not_an_hour_late(watched: Watched) -> None:
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=0))
    watched.sample_at(3_600)
    watched.sample_at(3_601, waiting=True)
    assert watched.lag == 1


def test_a_worker_that_processes_nothing_shows_a_lag_that_grows(watched: Watched) -> None:
    watched.sample_at(0, waiting=True)
    watched.sample_at(10)
    assert watched.lag == 10


def test_a_record_from_the_future_is_no_negative_lag(watched: Watched) -> None:
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=90))
    watched.sample_at(80, waiting=True)
    assert watched.lag == 0
