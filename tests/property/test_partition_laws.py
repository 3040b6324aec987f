"""Partitions of one member under everything that can happen to them, in any order.

    append ─► fetched ─► begun ─► done ─► committed
       the group gives, takes, loses; the process dies; others read meanwhile; retention, truncation, a topic made
       anew; lookups and commits that fail or are answered late

The laws:
- nothing is committed before everything below it is done, by us or by whoever had the partition meanwhile;
- a batch of an earlier assignment is not done, and what is handed over under one assignment has no gap;
- a record that is held back stays above every commit;
- whatever happened, the last owner reads and commits everything that is there and is not done.
"""

from collections import defaultdict
from typing import Final

from confluent_kafka import KafkaError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.clock import Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.partition_start import is_another, read_commit, write_metadata
from tests.support.fake_consumer import FakeBroker, FakeMessage, failure
from tests.support.group_member import PLACE, SECOND, TOPIC, Member
from tests.support.log_records import ms

PLACES: Final = (PLACE, SECOND)

places = st.sampled_from(PLACES)
counts = st.integers(1, 5)


class _Ticking:
    """A clock that goes on by a second whenever it is looked at: no wait lasts for ever."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 1.0
        return self.seconds


class Partitions(RuleBasedStateMachine):
    """One broker, the member that reads it, and what has been done with each record."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = FakeBroker()
        self.done: set[FakeMessage] = set()
        self.begun: dict[PartitionPlace, list[Batch]] = defaultdict(list)
        self.held: dict[PartitionPlace, dict[int, FakeMessage]] = defaultdict(dict)
        self.next_offset: dict[tuple[PartitionPlace, int], int] = {}
        self.appended = 0
        self.start()

    @initialize(given=st.frozensets(places))
    def begin_with(self, given: frozenset[PartitionPlace]) -> None:
        for place in sorted(given):
            self.broker.append(place, 6)
            self.give(place)

    def start(self) -> None:
        """A process starts, as after a crash: nothing is known but what lies on the broker."""
        self.member = Member(
            clock=Clock(lambda: ms(0), _Ticking().monotonic),
            batch_records=2,
            most_in_hand=8,
            commit_interval_s=4.0,
        )
        if not self.broker.logs:
            self.broker = self.member.broker
        else:
            self.member.use(self.broker)
        self.member.group_consumer.subscribe()
        self.consumer = self.member.consumer
        self.begun.clear()
        self.held.clear()
        self.next_offset.clear()

    def play(self) -> None:
        """One round of the consuming thread."""
        before = len(self.member.handed_over)
        self.member.group_consumer.run_once()
        for batch in self.member.handed_over[before:]:
            key = batch.place, batch.epoch
            assert batch.start == self.next_offset.get(key, batch.start), "a gap within one assignment"
            self.next_offset[key] = batch.end

    # The group.

    def give(self, place: PartitionPlace) -> None:
        self.consumer.give(place)
        self.play()

    @rule(place=places, how=st.sampled_from(["take", "lose", "lose and give", "crash"]))
    def rebalance(self, place: PartitionPlace, how: str) -> None:
        if place not in self.consumer.owned:
            self.give(place)
        elif how == "crash":
            self.start()
        else:
            (self.consumer.take if how == "take" else self.consumer.lose)(place)
            if how == "lose and give":  # in one poll
                self.consumer.give(place)
            self.play()

    @rule(place=places, count=counts)
    def read_elsewhere(self, place: PartitionPlace, count: int) -> None:
        """Another worker of ours has the partition meanwhile."""
        log, topic_id = self.broker.logs[place], self.broker.topic_ids[TOPIC]
        commit = read_commit(*self.broker.commits.get(place, (0, None)))
        start = log.low if is_another(commit.topic_id, topic_id) else max(log.low, commit.offset)
        if place not in self.consumer.owned and commit.offset <= log.high and log.low <= start <= log.high:
            read = [each for each in log.messages if (each.at_offset or 0) >= start][:count]
            end = (read[-1].at_offset or 0) + 1 if read else start
            self.done.update(read)
            self.broker.commits[place] = end, write_metadata(topic_id, ms(end))

    # The partitions.

    @rule(place=places, count=counts)
    def append(self, place: PartitionPlace, count: int) -> None:
        """Records arrive.

        A partition that ends before its commit does not grow past it until the commit has come down: nobody could tell
        that commit from a right one.
        """
        log = self.broker.logs[place]
        commit = read_commit(*self.broker.commits.get(place, (0, None)))
        if commit.offset <= log.high or is_another(commit.topic_id, self.broker.topic_ids[TOPIC]):
            self.appended += count
            self.broker.append(place, count, at_s=self.appended)

    @rule(
        place=places,
        count=counts,
        what=st.sampled_from(["retention", "truncation", "anew", "anew, forgotten"]),
    )
    def accident(self, place: PartitionPlace, count: int, what: str) -> None:
        log = self.broker.logs[place]
        if what == "retention":
            self.broker.retain_from(place, min(log.low + count, log.high))
        elif (
            what == "truncation"
        ):  # an election of a leader without the last records, which the client finds out
            self.broker.truncate(place, max(log.low, log.high - count))
            if self.consumer.assigned.get(place, 0) > log.high:
                self.consumer.bring(FakeMessage(*place, failed=failure(KafkaError._LOG_TRUNCATION)))
            self.play()
        else:
            self.broker.make_anew(TOPIC)
            if what == "anew, forgotten":
                for each in PLACES:
                    self.broker.commits.pop(each, None)

    @rule()
    def look_at_the_topic(self) -> None:
        self.member.tell_topic_id()
        self.play()

    # The member.

    @rule()
    def consume(self) -> None:
        self.play()

    @rule(is_held=st.booleans())
    def work(self, is_held: bool) -> None:
        """The agent keeps up."""
        self.play()
        while self.member.handed_over:
            self.begin()
        for place in PLACES:
            while self.begun[place]:
                self.finish(place, is_held)
        self.play()

    @precondition(lambda self: self.member.handed_over)
    @rule()
    def begin(self) -> None:
        """The agent takes the oldest batch from its inbox."""
        batch = self.member.handed_over.pop(0)
        position = self.member.state.position(batch.place)
        is_current = position is not None and position[0] == batch.epoch
        taken = self.member.state.take(batch)
        assert is_current or not taken
        if taken:
            self.begun[batch.place].append(batch)

    @rule(place=places, is_held=st.booleans())
    def finish(self, place: PartitionPlace, is_held: bool) -> None:
        """The agent is done with the batch that it began first; it may hold back the first record of it."""
        if not self.begun[place]:
            return
        batch = self.begun[place].pop(0)
        position = self.member.state.position(place)
        is_current = position is not None and position[0] == batch.epoch
        read = {record.offset: self._message(place, record.offset, record.timestamp_ms) for record in batch}
        if (
            is_held
            and is_current
            and (first := read.pop(batch[0].offset)) is not None
            and first not in self.done
        ):
            self.held[place][batch[0].offset] = first
            self.member.limits[place] = min(self.held[place])
        self.done.update(each for each in read.values() if each is not None)
        assert self.member.state.done(batch) is is_current

    def _message(self, place: PartitionPlace, offset: int, at: int) -> FakeMessage | None:
        """The record as it lies there; None where another, or none, lies there now."""
        found = self.broker.logs[place].first_from(offset)
        return found if found is not None and (found.at_offset, found.time[1]) == (offset, at) else None

    @rule(place=places)
    def release(self, place: PartitionPlace) -> None:
        self.done.update(self.held.pop(place, {}).values())
        self.member.limits.pop(place, None)

    @rule()
    def tell_losses(self) -> None:
        while self.member.losses:
            self.member.state.release(self.member.losses.pop().place)

    # What the broker answers.

    @rule(
        place=places, how=st.sampled_from(["commits", "no commits", "lookups", "no lookups", "away", "there"])
    )
    def answer(self, place: PartitionPlace, how: str) -> None:
        match how:
            case "commits":
                self.consumer.answer_commits()
            case "no commits":
                self.consumer.answer_commits(failure(KafkaError.ILLEGAL_GENERATION))
            case "lookups" | "no lookups":
                self.member.lookup.answers_at_once = how == "lookups"
                self.member.lookup.fail(place)
            case _:
                error = failure(KafkaError._WAIT_COORD) if how == "away" else None
                self.consumer.refuses_commits = self.consumer.refuses_committed = error

    # The laws.

    @invariant()
    def everything_below_a_commit_is_done(self) -> None:
        for place, (offset, metadata) in self.broker.commits.items():
            commit = read_commit(offset, metadata)
            if not is_another(commit.topic_id, self.broker.topic_ids[TOPIC]):
                below = [each for each in self.broker.logs[place].messages if (each.at_offset or 0) < offset]
                assert not [each for each in below if each not in self.done], (place, commit)

    @invariant()
    def what_is_held_back_is_above_every_commit(self) -> None:
        for place, held in self.held.items():
            offset, metadata = self.broker.commits.get(place, (0, None))
            for at, message in held.items():
                if message in self.broker.logs[place].messages and message not in self.done:
                    assert offset <= at or is_another(
                        read_commit(offset, metadata).topic_id, self.broker.topic_ids[TOPIC]
                    )

    def teardown(self) -> None:
        """Everything is well again, and this member is the last owner."""
        self.consumer.refuses_commits = self.consumer.refuses_committed = None
        self.member.lookup.answers_at_once = True
        self.member.tell_topic_id()
        for place in sorted(set(PLACES) - self.consumer.owned):
            self.give(place)
        for _ in range(200):
            self.play()
            self.tell_losses()
            while self.member.handed_over:
                self.begin()
            for place in PLACES:
                while self.begun[place]:
                    self.finish(place, is_held=False)
                self.release(place)
            self.consumer.answer_commits()
            self.everything_below_a_commit_is_done()
            if all(self._is_read(place) for place in PLACES):
                return
        raise AssertionError(
            {place: (self.broker.commits.get(place), self.broker.logs[place]) for place in PLACES}
        )

    def _is_read(self, place: PartitionPlace) -> bool:
        log = self.broker.logs[place]
        offset, metadata = self.broker.commits.get(place, (-1, None))
        is_ours = not is_another(read_commit(offset, metadata).topic_id, self.broker.topic_ids[TOPIC])
        return is_ours and offset == log.high and self.done.issuperset(log.messages)


TestPartitions = Partitions.TestCase
TestPartitions.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
