"""Lag: which partitions are ours, how old what waits is, and for how long nothing was committed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from schemas.errors import WorkerStalled
from streams.clock import Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.kafka.partition_start import Commit
from streams.worker.lag import LagMonitor
from streams.worker.metrics import Metrics
from tests.support.fakes import batch, consumed
from tests.support.log_records import ms

TOPIC, MORE = "topic", "more"
PLACE, NEXT, ELSEWHERE = PartitionPlace(TOPIC, 0), PartitionPlace(TOPIC, 1), PartitionPlace(MORE, 3)


class Watched:
    """The lag monitor of a worker on a clock of its own."""

    def __init__(self) -> None:
        self.metrics, self.now = Metrics(), 0.0
        clock = Clock(lambda: ms(self.now), lambda: self.now)
        self.state = GroupState((TOPIC, MORE), clock)
        self.monitor = LagMonitor(self.state, (TOPIC, MORE), self.metrics, clock)

    def owns(self, *places: PartitionPlace) -> None:
        """Partitions of which nothing has been fetched yet."""
        for place in places:
            self.state.begin(place, 0, None, is_held=False)

    def fetches(
        self, place: PartitionPlace = PLACE, *, start: int = 0, count: int = 1, at_s: float = 0
    ) -> Batch:
        """Records come that were appended at this second."""
        position = self.state.position(place)
        assert position is not None
        records = [
            consumed(b"", topic=place.topic, partition=place.partition, offset=start + each, at=ms(at_s))
            for each in range(count)
        ]
        made = Batch(records, start, position[0])
        self.state.fetched(made)
        return made

    def finishes(self, done: Batch) -> None:
        """An agent has processed a batch."""
        assert self.state.take(done)
        assert self.state.done(done)
        self.monitor.note_done(done)

    def answers(self, *places: PartitionPlace, at_s: float | None = None, at_end: bool | None = True) -> None:
        """The leaders answer; as a rule there is nothing left to fetch."""
        at = ms(self.now if at_s is None else at_s)
        for place in places or (PLACE,):
            self.state.answered(place, at, at_end=at_end, has_leader=True)

    def commits(self, offset: int, place: PartitionPlace = PLACE) -> None:
        self.state.committed_now(place, Commit(offset))

    def sample_at(self, now: float) -> None:
        self.now = now
        self.monitor.sample()

    def gauge(self, name: str, place: PartitionPlace = PLACE) -> float | None:
        labels = {"topic": place.topic, "partition": str(place.partition)}
        return self.metrics.registry.get_sample_value(name, labels)

    @property
    def lag(self) -> float | None:
        return self.gauge("callbox_lag_seconds")


@pytest.fixture
def watched() -> Watched:
    """A worker with one partition, of which nothing has been fetched yet."""
    found = Watched()
    found.owns(PLACE)
    return found


# --- whose partitions ---------------------------------------------------------------------------------------------


def test_only_partitions_of_the_agents_first_topic_are_ours(watched: Watched) -> None:
    watched.owns(ELSEWHERE)
    assert watched.monitor.partitions() == {0}


def test_the_committed_offset_is_that_of_the_first_topic(watched: Watched) -> None:
    watched.owns(PartitionPlace(MORE, 0))
    watched.commits(7, PartitionPlace(MORE, 0))
    assert watched.monitor.committed(0) is None
    watched.commits(3)
    assert watched.monitor.committed(0) == 3
    assert watched.monitor.committed(5) is None


def test_the_group_is_joined_once_it_has_given_us_our_share_even_if_that_is_nothing() -> None:
    watched = Watched()
    assert not watched.monitor.joined
    watched.state.set_joined([TOPIC], joined=True, complete=True)
    assert not watched.monitor.joined, "the other topic has a member of its own"
    watched.state.set_joined([MORE], joined=True, complete=True)
    assert watched.monitor.joined
    watched.state.set_joined([MORE], joined=False, complete=True)
    assert not watched.monitor.joined


def test_a_share_of_which_it_is_not_known_where_to_begin_is_not_joined(watched: Watched) -> None:
    watched.state.set_joined([TOPIC, MORE], joined=True, complete=True)
    watched.state.set_joined([TOPIC], joined=True, complete=False)
    assert not watched.monitor.joined


# --- answers ------------------------------------------------------------------------------------------------------


def test_the_broker_is_as_silent_as_the_partition_or_member_that_waits_longest(watched: Watched) -> None:
    watched.owns(NEXT)
    watched.now = 10
    watched.state.heard([TOPIC, MORE], ms(10))
    watched.answers(PLACE, NEXT)
    watched.now = 14
    watched.answers(NEXT)
    assert watched.monitor.unanswered_for_s() == 4
    watched.state.heard([TOPIC], ms(14))
    watched.answers(PLACE)
    assert watched.monitor.unanswered_for_s() == 4, "the member of the other topic has heard nothing"


def test_a_partition_that_nobody_leads_is_silent_but_not_to_those_that_count_leaders(
    watched: Watched,
) -> None:
    watched.owns(NEXT)
    watched.state.answered(NEXT, ms(0), at_end=None, has_leader=False)
    watched.now = 7
    watched.answers(PLACE, at_s=5)
    watched.state.heard([TOPIC, MORE], ms(6))
    assert watched.monitor.unanswered_for_s() == 7
    assert watched.monitor.unanswered_by_leaders_for_s() == 2


def test_a_broker_that_is_away_is_silent_also_where_nobody_leads_any_partition(watched: Watched) -> None:
    watched.state.answered(PLACE, ms(0), at_end=None, has_leader=False)
    watched.now = 7
    assert watched.monitor.unanswered_by_leaders_for_s() == 7
    watched.state.heard([TOPIC, MORE], ms(7))
    assert watched.monitor.unanswered_by_leaders_for_s() == 0


# --- stalls -------------------------------------------------------------------------------------------------------


def test_work_that_waits_without_a_commit_is_a_stall(watched: Watched) -> None:
    watched.fetches()
    watched.sample_at(0)
    watched.sample_at(1)
    watched.now = 31
    assert watched.monitor.stalled_for_s() == 31
    watched.sample_at(31)
    assert watched.gauge("callbox_commit_age_seconds") == 31


def test_what_is_done_and_not_committed_is_a_stall_too(watched: Watched) -> None:
    watched.finishes(watched.fetches())
    watched.answers()
    watched.sample_at(0)
    watched.sample_at(31)
    assert watched.monitor.stalled_for_s() == 31


def test_a_commit_that_advances_ends_a_stall(watched: Watched) -> None:
    watched.fetches(count=20)
    watched.sample_at(0)
    watched.commits(10)
    watched.sample_at(31)
    assert watched.monitor.stalled_for_s() == 0
    watched.sample_at(40)
    assert watched.monitor.stalled_for_s() == 9


def test_a_worker_with_nothing_to_do_never_stalls(watched: Watched) -> None:
    watched.answers()
    watched.sample_at(0)
    watched.sample_at(3_600)
    assert watched.monitor.stalled_for_s() == 0


def test_a_worker_whose_watchdog_hangs_does_not_look_well(watched: Watched) -> None:
    watched.answers()
    watched.sample_at(0)
    watched.now = 45
    assert watched.monitor.stalled_for_s() == 45


def test_a_worker_without_partitions_never_stalls() -> None:
    watched = Watched()
    watched.sample_at(0)
    watched.now = 45
    assert watched.monitor.stalled_for_s() == 0


def test_a_lost_partition_is_forgotten(watched: Watched) -> None:
    watched.sample_at(0)
    watched.state.end([PLACE])
    watched.sample_at(1)
    watched.now = 60
    assert watched.monitor.stalled_for_s() == 0
    assert watched.lag is None
    assert watched.gauge("callbox_commit_age_seconds") is None
    assert watched.gauge("callbox_fetch_position") is None


def test_a_partition_that_comes_back_begins_anew(watched: Watched) -> None:
    watched.sample_at(0)
    watched.state.end([PLACE])
    watched.sample_at(1)
    watched.owns(PLACE)
    watched.sample_at(60)
    assert watched.monitor.stalled_for_s() == 0
    assert watched.gauge("callbox_commit_age_seconds") == 0


def test_a_stall_in_any_topic_counts() -> None:
    watched = Watched()
    watched.owns(ELSEWHERE)
    watched.sample_at(0)
    watched.now = 31
    assert watched.monitor.stalled_for_s() == 31
    watched.sample_at(31)
    assert watched.gauge("callbox_commit_age_seconds", ELSEWHERE) == 31


def test_a_worker_that_stands_still_for_too_long_says_where_and_ends(watched: Watched) -> None:
    watched.fetches(count=70)
    watched.commits(12)
    watched.sample_at(0)
    watched.sample_at(90)
    watched.monitor.assert_advancing(90)
    assert watched.gauge("callbox_fetch_position") == 70
    watched.sample_at(91)
    with pytest.raises(WorkerStalled, match=r"topic/0: .* for 91 s; committed 12, fetched until 70"):
        watched.monitor.assert_advancing(90)
    watched.commits(13)
    watched.sample_at(92)
    watched.monitor.assert_advancing(90)


def test_what_stands_still_while_the_agent_restores_is_counted_from_its_end(watched: Watched) -> None:
    watched.sample_at(0)
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
    watched.state.answered(PLACE, ms(0), at_end=None, has_leader=False)
    watched.sample_at(0)
    watched.sample_at(200)
    watched.monitor.assert_advancing(90)
    assert watched.monitor.stalled_for_s() == 200
    watched.answers(at_end=None)
    with pytest.raises(WorkerStalled):
        watched.monitor.assert_advancing(90)


def test_a_partition_that_is_lost_since_the_last_look_ends_no_worker(watched: Watched) -> None:
    watched.sample_at(0)
    watched.sample_at(200)
    watched.state.end([PLACE])
    watched.monitor.assert_advancing(90)


# --- caught up ----------------------------------------------------------------------------------------------------


def test_a_partition_in_which_nothing_waits_is_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    watched.answers(at_s=99.5)
    assert watched.monitor.caught_up() == {0}


def test_a_partition_that_nobody_has_fetched_from_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    watched.answers(at_end=None)
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_whose_broker_has_not_answered_for_a_while_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    watched.answers(at_s=98)
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_with_a_backlog_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    done = watched.fetches(at_s=98)
    watched.fetches(start=1, at_s=98)
    watched.answers()
    assert watched.monitor.caught_up() == frozenset()
    watched.finishes(done)
    assert watched.monitor.caught_up() == frozenset()


def test_a_partition_whose_last_processed_record_is_new_is_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    done = watched.fetches(at_s=98.1)
    watched.fetches(start=1, at_s=98.2)
    watched.finishes(done)
    assert watched.monitor.caught_up() == {0}


def test_a_partition_that_is_lost_is_not_caught_up(watched: Watched) -> None:
    watched.sample_at(100)
    watched.answers()
    watched.state.end([PLACE])
    assert watched.monitor.caught_up() == frozenset()


def test_only_partitions_of_the_first_topic_are_caught_up() -> None:
    watched = Watched()
    watched.owns(ELSEWHERE)
    watched.sample_at(100)
    watched.answers(ELSEWHERE)
    assert watched.monitor.caught_up() == frozenset()


# --- lag ----------------------------------------------------------------------------------------------------------


def test_without_work_there_is_no_lag(watched: Watched) -> None:
    watched.finishes(watched.fetches())
    watched.answers()
    watched.commits(1)
    watched.sample_at(100)
    assert watched.lag == 0


def test_the_lag_is_the_age_of_what_was_processed_last_while_more_waits(watched: Watched) -> None:
    watched.finishes(watched.fetches(at_s=80))
    watched.sample_at(100)
    assert watched.lag == 20


def test_a_record_after_a_quiet_hour_is_not_an_hour_late(watched: Watched) -> None:
    watched.finishes(watched.fetches(at_s=0))
    watched.answers()
    watched.commits(1)
    watched.sample_at(3_600)
    watched.fetches(start=1, at_s=3_600)
    watched.sample_at(3_601)
    assert watched.lag == 1


def test_a_worker_that_processes_nothing_shows_a_lag_that_grows(watched: Watched) -> None:
    watched.sample_at(0)
    watched.sample_at(10)
    assert watched.lag == 10


def test_a_record_from_the_future_is_no_negative_lag(watched: Watched) -> None:
    watched.monitor.note_done(batch(b"", topic=TOPIC, at_s=90))
    watched.sample_at(80)
    assert watched.lag == 0


# --- threads ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("short_switches")
def test_probes_samples_and_what_is_done_do_not_disturb_each_other(watched: Watched) -> None:
    places = [PartitionPlace(TOPIC, each) for each in range(8)]

    def come_and_go(turn: int) -> None:
        watched.state.end([places[turn % 8]])
        watched.owns(places[turn % 8])
        watched.answers(*places)

    def probe(_turn: int) -> None:
        watched.monitor.caught_up()
        watched.monitor.stalled_for_s()
        watched.monitor.unanswered_by_leaders_for_s()
        watched.metrics.registry.get_sample_value("callbox_lag_seconds", {"topic": TOPIC, "partition": "0"})

    def look(_turn: int) -> None:
        watched.monitor.sample()
        watched.monitor.assert_advancing(90)

    def work(turn: int) -> None:
        watched.monitor.note_done(batch(b"", topic=TOPIC, partition=turn % 8))

    failures: list[BaseException] = []

    def repeat(step: Callable[[int], Any]) -> None:
        try:
            for turn in range(300):
                step(turn)
        except BaseException as error:  # noqa: BLE001 - it is what the test looks for
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(step,)) for step in (come_and_go, probe, look, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)
