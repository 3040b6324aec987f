"""Deaths are counted by marks in the commits: the record of which workers die is found, and nothing else is passed."""

from collections.abc import Collection, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import DeliveryFailed
from streams.clock import SYSTEM_CLOCK, pause
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.careful_reading import DEATHS, FIRST_CHUNK, LARGEST_CHUNK, PATIENCE_S, Turn
from streams.kafka.commit_mark import RUNNING, Mark
from streams.kafka.errors import RecordUndeliverable
from streams.kafka.partition_start import Commit, read_commit, write_metadata
from tests.support.fake_consumer import FakeBroker
from tests.support.group_member import PLACE, SECOND, TOPIC, Member
from tests.support.log_records import ms


class Died(BaseException):
    """Stands for what Python cannot catch."""


class Workers:
    """One worker after the other reads the same partitions of one group, and dies of some of their records."""

    def __init__(self, *places: PartitionPlace, deadly: Collection[tuple[PartitionPlace, int]]) -> None:
        self.broker, self.places, self.deadly = FakeBroker(PLACE, SECOND), places, set(deadly)
        self.processed: dict[PartitionPlace, list[int]] = {place: [] for place in places}
        self.quarantined: list[tuple[PartitionPlace, int, int]] = []
        self.deaths = 0
        self.member: Member | None = None

    def append(self, place: PartitionPlace, count: int) -> None:
        self.broker.append(place, count)

    def commit_of(self, place: PartitionPlace = PLACE) -> Commit:
        return read_commit(*self.broker.commits[place])

    def start(self, turn: Turn | None = None) -> Member:
        self.member = member = Member(turn=turn or Turn(), commit_interval_s=0.5)
        member.use(self.broker)
        member.given(*self.places)
        return member

    def run(self, rounds: int = 3_000, *, is_new: bool = True) -> bool:
        """One worker, until everything is read; False where it dies."""
        member = self.start() if is_new or self.member is None else self.member
        for _ in range(rounds):
            member.consumer.answer_commits()
            member.round()
            try:
                self.take(member)
            except Died:
                self.deaths += 1
                return False
            if all(self.is_read(member, place) for place in self.places):
                return True
        raise AssertionError(f"it stands still: {self.processed}, {self.broker.commits}")

    def is_read(self, member: Member, place: PartitionPlace) -> bool:
        careful = member.group_consumer._partitions.careful
        assert careful is not None
        return place not in careful and member.state.done_until(place) == self.broker.logs[place].high

    def take(self, member: Member) -> None:
        while member.handed_over:
            batch = member.handed_over.pop(0)
            assert member.state.take(batch)
            self.decide(batch)
            member.state.done(batch)

    def decide(self, batch: Batch) -> None:
        for record in batch:
            if batch.deaths:
                assert len(batch) == 1
                self.quarantined.append((batch.place, record.offset, batch.deaths))
            elif (batch.place, record.offset) in self.deadly:
                raise Died
            else:
                self.processed[batch.place].append(record.offset)

    def until_read(self, most: int = 40) -> None:
        for _ in range(most):
            if self.run():
                return
        raise AssertionError("they die again and again")

    def rounds(self, count: int = 12) -> Member:
        """Rounds in which nothing is taken, long enough for a commit."""
        assert self.member is not None
        for _ in range(count):
            self.member.consumer.answer_commits()
            self.member.round()
        return self.member

    def stop(self) -> None:
        assert self.member is not None
        self.member.group_consumer._partitions.commit_last(wait=True)


@pytest.mark.parametrize("offset", [0, 1, 31, 32, 33, 100, 499])
def test_three_die_of_one_record_and_the_fourth_goes_on(offset: int) -> None:
    workers = Workers(PLACE, deadly={(PLACE, offset)})
    workers.append(PLACE, 500)
    workers.until_read()
    assert workers.deaths == DEATHS
    assert workers.quarantined == [(PLACE, offset, DEATHS)]
    assert set(workers.processed[PLACE]) == set(range(500)) - {offset}


def test_a_record_that_comes_while_a_worker_runs_is_found_too() -> None:
    workers = Workers(PLACE, deadly={(PLACE, 620)})
    workers.append(PLACE, 500)
    assert workers.run()
    workers.append(PLACE, 500)
    assert not workers.run(is_new=False)
    workers.until_read()
    assert (workers.deaths, workers.quarantined) == (DEATHS, [(PLACE, 620, DEATHS)])


def test_a_record_of_which_a_worker_dies_while_it_is_quarantined_is_passed_without_being_looked_at() -> None:
    workers = Workers(PLACE, deadly={(PLACE, 5)})
    workers.append(PLACE, 9)
    for _ in range(DEATHS):
        assert not workers.run()
    member = workers.start()
    while not member.handed_over or not member.handed_over[0].deaths:
        member.consumer.answer_commits()
        member.round()
        while member.handed_over and not member.handed_over[0].deaths:
            member.process_next()
    assert workers.run()
    assert workers.quarantined == [(PLACE, 5, DEATHS + 1)]


places = st.sampled_from([PLACE, SECOND])


@settings(max_examples=20)
@given(st.sets(st.tuples(places, st.integers(0, 89)), max_size=3))
def test_exactly_what_kills_is_passed_and_each_kills_three_times(
    deadly: Iterable[tuple[PartitionPlace, int]],
) -> None:
    """Also where several partitions have such records: the death of one is not counted for another's."""
    workers = Workers(PLACE, SECOND, deadly=set(deadly))
    for place in (PLACE, SECOND):
        workers.append(place, 90)
    workers.until_read()
    assert {(place, offset) for place, offset, _ in workers.quarantined} == set(deadly)
    for place in (PLACE, SECOND):
        gone = {offset for of, offset in deadly if of == place}
        assert set(workers.processed[place]) == set(range(90)) - gone
    assert workers.deaths <= DEATHS * len(set(deadly))


def test_who_ends_in_good_order_leaves_no_mark_and_the_next_one_reads_as_fast_as_ever() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 90)
    assert workers.run()
    assert workers.commit_of().mark == RUNNING
    workers.stop()
    assert workers.commit_of() == Commit(90, f"{TOPIC}-1", ms(0), is_ours=True)
    workers.append(PLACE, 90)
    workers.start()
    assert [len(each) for each in workers.rounds().handed_over] == [90]


def test_workers_that_are_stopped_over_and_over_at_one_record_are_not_counted() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 90)
    for _ in range(5):
        workers.start()
        assert workers.rounds(4).handed_over  # begun, and never done
        workers.stop()
    assert workers.commit_of().mark is None
    workers.until_read()
    assert (workers.deaths, workers.quarantined) == (0, [])


def test_a_worker_that_is_stopped_while_it_reads_carefully_hands_on_what_is_known() -> None:
    workers = Workers(PLACE, deadly={(PLACE, 40)})
    workers.append(PLACE, 90)
    assert not workers.run()
    assert not workers.run()  # 32 to 89 were under way
    suspected = workers.commit_of().mark
    assert suspected == Mark(True, 32, 58, 1)
    workers.start()
    workers.rounds(6)
    workers.stop()
    assert workers.commit_of().mark == Mark(False, 32, 1, 2)
    workers.until_read()
    assert workers.quarantined == [(PLACE, 40, DEATHS)]


def test_a_partition_that_is_revoked_is_committed_without_a_mark() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 20)
    assert workers.run()
    assert workers.member is not None
    workers.member.consumer.take(PLACE)
    workers.member.round()
    assert workers.commit_of().mark is None
    assert workers.commit_of().offset == 20


def test_a_kill_while_nothing_waits_makes_nobody_careful() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 20)
    assert workers.run()
    workers.rounds()
    assert workers.commit_of() == Commit(20, f"{TOPIC}-1", ms(0), is_ours=True, mark=RUNNING)
    workers.start()
    workers.rounds(1)
    workers.append(PLACE, 90)
    assert [len(each) for each in workers.rounds().handed_over] == [90]


def test_a_backlog_after_a_kill_is_read_in_chunks_that_grow() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 5)
    assert workers.run()
    workers.rounds()
    workers.append(PLACE, 2_000)
    sizes = []
    decide = workers.decide

    def noted(batch: Batch) -> None:
        sizes.append(len(batch))
        decide(batch)

    workers.decide = noted  # type: ignore[method-assign]
    assert workers.run()
    assert sizes[:3] == [FIRST_CHUNK, 2 * FIRST_CHUNK, 100 - 3 * FIRST_CHUNK]  # a batch has 100 records here
    assert max(sizes) <= LARGEST_CHUNK
    assert sum(sizes) == 2_000


def test_records_whose_mark_nobody_confirms_are_begun_after_a_while() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 3)
    member = workers.start()
    for _ in range(3):
        member.round()
    assert member.handed_over == []
    member.later(PATIENCE_S)
    member.round()
    assert [len(each) for each in member.handed_over] == [3]


def test_a_mark_of_an_offset_that_is_not_read_from_says_nothing() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 30)
    workers.broker.commits[PLACE] = 4, write_metadata(f"{TOPIC}-1", ms(0), Mark(True, 9, 1, 5))
    workers.broker.retain_from(PLACE, 12)
    workers.start()
    member = workers.rounds(4)
    member.later(PATIENCE_S)
    member.round()
    assert [(each.start, each.deaths) for each in member.handed_over] == [(12, 0)]


def test_a_suspected_record_that_retention_took_is_nobody_elses_fault() -> None:
    workers = Workers(PLACE, deadly=())
    workers.append(PLACE, 30)
    workers.broker.commits[PLACE] = 4, write_metadata(f"{TOPIC}-1", ms(0), Mark(True, 4, 1, 2))
    workers.broker.logs[PLACE].messages = workers.broker.logs[PLACE].messages[8:]  # compacted
    assert workers.run()
    assert workers.quarantined == []


def test_two_members_of_a_process_never_have_a_chunk_under_way_at_once() -> None:
    turn = Turn()
    first, second = object(), object()
    assert turn.take(first)
    assert not turn.take(second)
    assert turn.is_wanted()
    turn.release(second)
    assert not turn.is_wanted()
    assert not turn.take(second)
    turn.release(first)
    assert turn.take(second)


@pytest.mark.parametrize("rounds", range(8))
def test_a_member_that_loses_its_partition_keeps_the_turn_from_nobody(rounds: int) -> None:
    """Else presses would wait as long as the member of the acknowledgements has nothing to read."""
    workers = Workers(PLACE, deadly={(PLACE, 40)})
    workers.append(PLACE, 200)
    assert not workers.run()
    turn, other = Turn(), object()
    member = workers.start(turn)
    for _ in range(rounds):
        member.consumer.answer_commits()
        member.round()
        if rounds % 2:
            member.process_all()
    turn.take(other)  # waits, unless nobody has it yet
    member.consumer.lose(PLACE)
    member.round()
    member.round()
    assert turn.take(other)


# --- ends that are not the record's fault -------------------------------------------------------------------------


class Failing:
    """What runs between two polls fails as soon as something is handed over."""

    has_under_way = False

    def __init__(self, member: list[Member], failure: Exception) -> None:
        self._member, self._failure = member, failure

    def step(self, wait_s: float) -> float:
        if self._member and self._member[0].handed_over:
            raise self._failure
        return wait_s

    def serve(self, wait_s: float = 0.0) -> None:
        pass


def failed_with(failure: Exception) -> Commit:
    """What the group's commit says after a worker has failed in its first chunk."""
    workers = Workers(PLACE, deadly={(PLACE, 5)})
    workers.append(PLACE, 9)
    assert not workers.run()
    holder: list[Member] = []
    member = Member(turn=Turn(), between=[Failing(holder, failure)], clock=SYSTEM_CLOCK)
    holder.append(member)
    member.use(workers.broker)
    member.consumer.on_idle = member.consumer.answer_commits
    member.consumer.give(PLACE)
    member.group_consumer.start()
    while not member.failures:  # the thread ends with it
        pause(0.01)
    return workers.commit_of()


def test_a_worker_that_ends_for_want_of_a_broker_has_not_died_of_the_record() -> None:
    assert failed_with(DeliveryFailed("no replica in sync")).mark == Mark(False, 0, 9, 1)


@pytest.mark.parametrize("failure", [RecordUndeliverable("too large"), RuntimeError("a bug")])
def test_a_worker_that_ends_because_of_what_it_made_of_a_record_has_died_of_it(failure: Exception) -> None:
    assert failed_with(failure).mark == Mark(True, 0, 9, 1)
