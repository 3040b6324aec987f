"""The partitions of one member: where each begins, what is committed, and how they are given away."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from structlog.testing import capture_logs

from schemas.errors import AccessDenied
from streams.clock import Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.kafka.member_partitions import ASK_AGAIN_S, REVOKE_S, MemberPartitions
from streams.kafka.partition_start import Commit, LossKind, UnreadRecords, read_commit, write_metadata
from streams.kafka.record import LogRecord
from tests.support.fake_consumer import Answered, FakeBroker, FakeConsumer, FakeLookup, failure
from tests.support.fakes import KAFKA, HandClock
from tests.support.log_records import ms

PLACE, SECOND, ELSEWHERE = PartitionPlace("topic", 0), PartitionPlace("topic", 1), PartitionPlace("other", 0)
ID = "topic-1"


class Member:
    """A member whose group gives and takes when a test says so, outside of any poll."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = HandClock()
        self.broker = FakeBroker(PLACE, SECOND, ELSEWHERE)
        for place in (PLACE, SECOND, ELSEWHERE):
            self.broker.append(place, 10)
        self.lookup = FakeLookup(self.broker)
        self.consumer = FakeConsumer(self.broker)
        self.state = GroupState(["topic", "other"], self.clock.clock)
        self.losses: list[UnreadRecords] = []
        self.limit: int | None = None
        self.partitions = MemberPartitions(
            KAFKA,
            self.consumer,  # type: ignore[arg-type]
            self.state,
            self.lookup,  # type: ignore[arg-type]
            tell_loss=self.losses.append,
            commit_limit=lambda _topic, _partition: self.limit,
            clock=clock or self.clock.clock,
        )

    def given(self, *places: PartitionPlace) -> None:
        self.consumer.owned |= set(places)
        self.partitions.given([TopicPartition(*place) for place in places])

    def begun(self, *places: PartitionPlace) -> "Member":
        self.given(*places)
        assert self.partitions.decide()
        return self

    def revoked(self, *places: PartitionPlace) -> None:
        self.partitions.revoked([TopicPartition(*place) for place in places])

    def lost(self, *places: PartitionPlace) -> None:
        self.partitions.lost([TopicPartition(*place) for place in places])

    def later(self, seconds: float = ASK_AGAIN_S) -> None:
        self.clock.seconds += seconds

    def fetch(self, place: PartitionPlace, count: int) -> Batch:
        """Hand over the next records of a partition."""
        at = self.state.position(place)
        assert at is not None
        epoch, first = at
        batch = Batch(
            [LogRecord(*place, offset, ms(offset), b"", b"") for offset in range(first, first + count)],
            first,
            epoch,
        )
        self.state.fetched(batch)
        return batch

    def process(self, place: PartitionPlace, count: int) -> None:
        batch = self.fetch(place, count)
        assert self.state.take(batch)
        assert self.state.done(batch)

    def committed(self, place: PartitionPlace = PLACE) -> Commit:
        offset, metadata = self.broker.commits[place]
        return read_commit(offset, metadata)


def commit_of_ours(offset: int, topic_id: str = ID) -> tuple[int, str]:
    return offset, write_metadata(topic_id, ms(0))


# --- begin --------------------------------------------------------------------------------------------------------


def test_a_partition_that_is_given_is_read_from_what_is_committed_once_that_is_known() -> None:
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(4)
    member.given(PLACE)
    assert member.consumer.assigned == {}  # not in the callback of the client
    assert not member.partitions.is_complete
    member.partitions.decide()
    assert member.consumer.assigned == {PLACE: 4}
    assert (set(member.partitions), member.partitions.is_complete) == ({PLACE}, True)
    assert member.state.position(PLACE) == (1, 4)


def test_the_group_is_answered_at_once_also_when_it_gives_nothing() -> None:
    member = Member()
    member.given()
    assert member.consumer.called("incremental_assign") == [[]]
    assert member.partitions.is_complete
    assert not member.partitions.decide()


def test_partitions_that_can_be_decided_do_not_wait_for_the_others() -> None:
    member = Member()
    member.given(PLACE, SECOND)
    member.lookup.fail(SECOND)
    assert member.partitions.decide()
    assert (set(member.consumer.assigned), member.partitions.is_complete) == ({PLACE}, False)
    assert not member.partitions.decide()  # not asked again yet
    member.later()
    assert member.partitions.decide()
    assert (set(member.consumer.assigned), member.partitions.is_complete) == ({PLACE, SECOND}, True)


def test_a_partition_that_is_given_twice_is_begun_once() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 5)
    member.given(PLACE)
    assert not member.partitions.decide()
    assert member.state.position(PLACE) == (1, 5)
    member.given(SECOND)
    member.given(SECOND)
    member.partitions.decide()
    assert set(member.consumer.assigned) == {PLACE, SECOND}


def test_an_answer_of_an_earlier_assignment_counts_for_nothing() -> None:
    """Else a commit that somebody else has made since would lie beyond an end of long ago."""
    member = Member()
    member.lookup.answers_at_once = False
    member.given(PLACE)
    member.revoked(PLACE)
    member.broker.append(PLACE, 90)
    member.broker.commits[PLACE] = commit_of_ours(95)
    member.lookup.answers_at_once = True
    member.begun(PLACE)
    assert (member.losses, member.consumer.assigned) == ([], {PLACE: 95})


def test_an_answer_that_came_before_the_topic_was_made_anew_counts_for_nothing() -> None:
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(4)
    member.given(PLACE)
    member.broker.make_anew("topic")
    member.broker.append(PLACE, 20)
    member.partitions.note_topic_id("topic", "topic-2")
    member.later()
    member.partitions.decide()
    assert member.consumer.assigned == {PLACE: 0}
    assert [loss.kind for loss in member.losses] == [LossKind.REPLACED]


def test_a_leader_epoch_goes_with_the_commit_that_it_belongs_to() -> None:
    member = Member()
    member.broker.commits = {PLACE: (4, None), SECOND: (40, None)}
    member.broker.leader_epochs = {PLACE: 7, SECOND: 7}
    member.begun(PLACE, SECOND)
    assert sorted(member.consumer.called("incremental_assign")[-1]) == [
        ("topic", 0, 4, 7),
        ("topic", 1, 0, None),
    ]


def test_a_pause_of_an_earlier_assignment_does_not_go_on() -> None:
    member = Member().begun(PLACE)
    member.consumer.pause([TopicPartition(*PLACE)])
    member.partitions.begin_anew(PLACE, is_cut=False)
    member.partitions.decide()
    assert (set(member.consumer.assigned), member.consumer.paused) == ({PLACE}, set())


@pytest.mark.parametrize("code", [KafkaError._TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE])
def test_a_coordinator_that_does_not_answer_is_asked_again(code: int) -> None:
    member = Member()
    member.consumer.refuses_committed = failure(code)
    member.given(PLACE)
    with capture_logs() as lines:
        for _ in range(5):
            assert not member.partitions.decide()
            member.later()
    assert [line["event"] for line in lines] == ["offsets.unknown"]
    member.consumer.refuses_committed = None
    assert member.partitions.decide()


def test_one_partition_whose_commit_is_not_known_does_not_hold_up_the_others() -> None:
    member = Member()
    member.consumer.errors_of_committed[PLACE] = failure(KafkaError.UNSTABLE_OFFSET_COMMIT)
    member.begun(PLACE, SECOND)
    assert set(member.consumer.assigned) == {SECOND}
    member.consumer.errors_of_committed.clear()
    member.later()
    member.partitions.decide()
    assert set(member.consumer.assigned) == {PLACE, SECOND}


def test_a_refusal_to_say_what_is_committed_is_an_error_of_an_operator() -> None:
    denied = failure(KafkaError.GROUP_AUTHORIZATION_FAILED)
    member = Member()
    member.given(PLACE)
    member.consumer.errors_of_committed[PLACE] = denied
    with pytest.raises(AccessDenied):
        member.partitions.decide()
    member = Member()
    member.given(PLACE)
    member.consumer.refuses_committed = denied
    with pytest.raises(AccessDenied):
        member.partitions.decide()


def test_a_foreign_clients_metadata_that_is_no_text_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """librdkafka hands over a foreign client's metadata without its end; what follows it in memory may be no UTF-8."""

    class Undecodable(Answered):
        @property
        def metadata(self) -> str | None:  # type: ignore[override]
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    member = Member()
    monkeypatch.setattr(member.consumer, "committed", lambda asked, timeout: [Undecodable("topic", 0, 4)])
    member.begun(PLACE)
    assert member.consumer.assigned == {PLACE: 4}


def test_a_partition_that_confluent_kafka_makes_can_carry_what_we_give_it() -> None:
    """The class of the real client, with offset, metadata and leader epoch as they are given to it here."""
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(4)
    member.broker.leader_epochs[PLACE] = 7
    member.begun(PLACE)
    member.process(PLACE, 2)
    member.partitions.commit()
    assert member.committed() == Commit(6, ID, ms(5), is_ours=True)
    assert hasattr(Consumer, "incremental_assign")


# --- losses -------------------------------------------------------------------------------------------------------


def test_what_retention_took_is_told_before_anything_is_committed() -> None:
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(2)
    member.broker.retain_from(PLACE, 6)
    member.begun(PLACE)
    assert member.losses == [UnreadRecords(PLACE, LossKind.TAKEN, ID, 2, 6, 4, ms(0))]
    member.process(PLACE, 4)
    member.partitions.commit(wait=True)
    assert member.committed().offset == 2
    member.state.release(PLACE)
    member.partitions.commit(wait=True)
    assert member.committed().offset == 10


def test_a_commit_beyond_the_end_comes_down_at_once_so_that_a_crash_skips_nothing() -> None:
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(40)
    member.begun(PLACE)
    assert [(loss.kind, loss.expected, loss.found) for loss in member.losses] == [(LossKind.SHORTER, 40, 10)]
    member.process(PLACE, 3)
    member.partitions.commit()
    assert member.committed() == Commit(0, ID, None, is_ours=True)
    member.broker.append(PLACE, 90)  # and the process dies: the next one begins where nothing is skipped
    successor = Member()
    successor.broker.logs, successor.broker.commits = member.broker.logs, member.broker.commits
    successor.begun(PLACE)
    assert successor.consumer.assigned == {PLACE: 0}


def test_a_topic_that_was_made_anew_is_read_from_its_first_record() -> None:
    member = Member().begun(PLACE, SECOND, ELSEWHERE)
    member.process(PLACE, 5)
    member.partitions.commit(wait=True)
    member.broker.make_anew("topic")
    member.broker.append(PLACE, 8)
    member.partitions.note_topic_id("topic", "topic-2")
    assert set(member.partitions) == {ELSEWHERE}
    assert member.partitions.decide()
    assert member.consumer.assigned == {PLACE: 0, SECOND: 0, ELSEWHERE: 0}
    assert [(loss.place, loss.kind, loss.expected) for loss in member.losses] == [
        (PLACE, LossKind.REPLACED, 5),
        (SECOND, LossKind.REPLACED, 0),
    ]


@pytest.mark.parametrize("topic_id", [ID, ""])
def test_a_topic_that_is_the_same_goes_on(topic_id: str) -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 5)
    member.partitions.note_topic_id("topic", topic_id)
    member.partitions.note_topic_id("other", "other-2")
    assert (set(member.partitions), member.state.position(PLACE)) == ({PLACE}, (1, 5))
    assert member.consumer.called("incremental_unassign") == []


def test_a_topic_that_was_made_anew_between_the_look_at_it_and_its_first_fetch_is_seen() -> None:
    """Whoever looks at the topics sees the new one first, and has nothing to compare it with."""
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(4)
    member.given(PLACE)
    member.broker.make_anew("topic")
    member.broker.append(PLACE, 20)
    member.partitions.decide()  # with what was answered about the topic that is gone
    assert member.consumer.assigned == {PLACE: 4}
    member.partitions.note_topic_id("topic", "topic-2")
    member.partitions.decide()
    assert member.consumer.assigned == {PLACE: 0}


def test_a_partition_of_the_topic_that_is_gone_does_not_commit_for_the_new_one() -> None:
    """One partition finds out that its topic is another one; another has not yet, and goes on committing meanwhile."""
    member = Member().begun(PLACE, SECOND)
    member.process(PLACE, 5)
    member.process(SECOND, 5)
    member.partitions.commit(wait=True)
    member.broker.make_anew("topic")
    member.broker.append(SECOND, 30)
    member.partitions.begin_anew(PLACE, is_cut=False)
    member.partitions.decide()
    member.process(SECOND, 3)
    member.partitions.commit(wait=True)
    assert member.committed(SECOND) == Commit(8, ID, ms(7), is_ours=True)
    member.partitions.note_topic_id("topic", "topic-2")
    member.partitions.decide()
    assert member.consumer.assigned == {PLACE: 0, SECOND: 0}


def test_what_was_read_last_and_is_gone_is_told_and_everything_is_read_again() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 8)
    member.partitions.commit(wait=True)
    member.fetch(PLACE, 2)
    member.broker.truncate(PLACE, 6)
    member.partitions.begin_anew(PLACE, is_cut=True)
    member.partitions.decide()
    assert member.losses == [UnreadRecords(PLACE, LossKind.SHORTER, ID, 10, 6, None, None)]
    assert member.consumer.assigned == {PLACE: 0}
    member.partitions.commit(wait=True)
    assert member.committed().offset == 0


def test_what_is_not_ours_is_not_begun_anew() -> None:
    member = Member().begun(PLACE)
    member.given(SECOND)
    member.partitions.begin_anew(SECOND, is_cut=True)
    member.partitions.begin_anew(ELSEWHERE, is_cut=False)
    member.partitions.note_topic_id("other", "other-2")
    assert member.consumer.called("incremental_unassign") == []


def test_a_partition_that_goes_while_it_begins_anew_is_not_begun() -> None:
    member = Member().begun(PLACE)
    member.partitions.begin_anew(PLACE, is_cut=True)
    member.revoked(PLACE)
    member.consumer.owned.clear()
    member.later()
    assert not member.partitions.decide()
    member.begun(PLACE)
    assert member.losses == []  # what it had reached then is of an earlier assignment


def test_a_foreign_clients_commit_is_replaced_by_ours() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 4)
    member.revoked(PLACE)
    member.broker.commits[PLACE] = (9, None)
    member.begun(PLACE)
    assert member.consumer.assigned == {PLACE: 4}
    member.partitions.commit(wait=True)
    assert member.committed() == Commit(4, ID, None, is_ours=True)


@pytest.mark.parametrize("metadata", [None, write_metadata("topic-0", ms(0))])
def test_a_commit_that_does_not_name_the_topic_is_made_anew_also_where_nothing_comes(
    metadata: str | None,
) -> None:
    """Else a topic that was made anew is told at every start, and one that will be is not known for another one."""
    member = Member()
    member.broker.make_anew("topic")
    member.broker.commits[PLACE] = 0, metadata
    member.begun(PLACE)
    member.state.release(PLACE)
    member.partitions.commit()
    assert member.committed() == Commit(0, "topic-2", None, is_ours=True)


# --- commit -------------------------------------------------------------------------------------------------------


def test_nothing_is_committed_where_nothing_is_due() -> None:
    member = Member()
    member.partitions.commit()
    member.broker.commits[PLACE] = commit_of_ours(4)
    member.begun(PLACE)
    member.partitions.commit(wait=True)
    assert member.consumer.called("commit") == []


def test_a_commit_that_fails_is_made_again() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 5)
    member.consumer.refuses_commits = failure(KafkaError._WAIT_COORD)
    with capture_logs() as lines:
        member.partitions.commit()
        member.partitions.commit(wait=True)
    assert [line["event"] for line in lines] == ["commit.failed"]
    member.consumer.refuses_commits = None
    member.partitions.commit()
    assert member.committed().offset == 5


def test_a_commit_counts_when_the_broker_has_answered_it() -> None:
    member = Member().begun(PLACE, SECOND)
    member.process(PLACE, 5)
    member.partitions.commit()
    assert member.state.committed(PLACE) is None
    member.partitions.on_commit(None, member.consumer.in_flight[0])  # type: ignore[arg-type]
    assert member.state.committed(PLACE) == 5
    assert member.state.remembered(PLACE) == Commit(5, ID, ms(4), is_ours=True)


def test_a_commit_that_is_refused_for_one_partition_counts_for_the_others() -> None:
    member = Member().begun(PLACE, SECOND)
    member.process(PLACE, 5)
    member.process(SECOND, 6)
    member.partitions.commit()
    answers = [
        Answered(*PLACE, 5, error=failure(KafkaError.ILLEGAL_GENERATION)),
        Answered(*SECOND, 6, write_metadata(ID, ms(1))),
    ]
    with capture_logs() as lines:
        member.partitions.on_commit(None, answers)  # type: ignore[arg-type]
        member.partitions.on_commit(failure(KafkaError._TIMED_OUT), answers)  # type: ignore[arg-type]
    assert (member.state.committed(PLACE), member.state.committed(SECOND)) == (None, 6)
    assert [line["event"] for line in lines] == ["commit.failed"]


def test_a_commit_that_was_waited_for_counts_although_the_client_calls_nobody_back() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 5)
    member.partitions.commit(wait=True)
    assert member.state.committed(PLACE) == 5
    assert member.state.remembered(PLACE) == Commit(5, ID, ms(4), is_ours=True)


def test_the_answer_to_a_commit_that_comes_after_a_new_assignment_is_put_right() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 8)
    member.partitions.commit()
    in_flight = member.consumer.in_flight[0]
    member.lost(PLACE)
    member.broker.commits[PLACE] = commit_of_ours(3)  # the commit was refused after all, or came too late
    member.begun(PLACE)
    member.partitions.on_commit(None, in_flight)  # type: ignore[arg-type]
    member.partitions.commit(wait=True)
    assert member.committed().offset == 3
    assert member.state.committed(PLACE) == 3


def test_the_answer_to_a_commit_for_the_topic_that_is_gone_is_none_for_the_new_one() -> None:
    member = Member().begun(PLACE)
    member.partitions.commit()
    in_flight = member.consumer.in_flight[0]
    member.broker.make_anew("topic")
    member.partitions.note_topic_id("topic", "topic-2")
    member.partitions.decide()
    member.partitions.on_commit(None, in_flight)  # type: ignore[arg-type]
    member.state.release(PLACE)
    member.partitions.commit()
    assert member.committed() == Commit(0, "topic-2", None, is_ours=True)
    assert member.state.remembered(PLACE) is None


def test_the_answer_to_a_commit_that_comes_after_a_partition_has_gone_is_remembered() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 5)
    member.partitions.commit()
    member.lost(PLACE)
    member.partitions.on_commit(None, member.consumer.in_flight[0])  # type: ignore[arg-type]
    assert member.state.remembered(PLACE) == Commit(5, ID, ms(4), is_ours=True)


def test_no_commit_passes_its_limit() -> None:
    member = Member().begun(PLACE)
    member.process(PLACE, 8)
    member.limit = 5
    member.partitions.commit(wait=True)
    assert member.committed().offset == 5


# --- give away ----------------------------------------------------------------------------------------------------


def test_what_is_done_is_committed_before_a_partition_is_given_away() -> None:
    member = Member().begun(PLACE, SECOND)
    member.process(PLACE, 5)
    member.process(SECOND, 3)
    member.revoked(PLACE)
    assert member.committed().offset == 5
    assert SECOND not in member.broker.commits
    assert (set(member.partitions), member.state.of(["topic"])) == ({SECOND}, [SECOND])
    assert [name for name, _ in member.consumer.calls][-2:] == ["commit", "incremental_unassign"]


class _FinishingClock:
    """A clock that lets an agent finish after some looks at it, as the event loop would meanwhile."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self.finish = iter(())
        self._times: Iterator[float] = iter(number * REVOKE_S / 10 for number in range(1_000))

    def monotonic(self) -> float:
        self._looks -= 1
        if self._looks == 0:
            next(self.finish, None)
        return next(self._times)


def test_what_is_begun_is_waited_for_before_a_partition_is_given_away() -> None:
    clock = _FinishingClock(looks=6)
    member = Member(Clock(lambda: ms(0), clock.monotonic)).begun(PLACE)
    batch, waiting = member.fetch(PLACE, 5), member.fetch(PLACE, 2)
    assert member.state.take(batch)

    def finish() -> Iterator[None]:
        assert not member.state.take(waiting)
        assert member.state.done(batch)
        yield

    clock.finish = finish()  # type: ignore[assignment]
    member.revoked(PLACE)
    assert member.committed().offset == 5


def test_what_does_not_become_done_is_waited_for_no_longer_than_a_bound_and_not_committed() -> None:
    clock = _FinishingClock(looks=0)
    member = Member(Clock(lambda: ms(0), clock.monotonic)).begun(PLACE)
    member.process(PLACE, 3)
    batch = member.fetch(PLACE, 5)
    assert member.state.take(batch)
    member.revoked(PLACE)
    assert member.committed().offset == 3
    assert not member.state.done(batch)
    assert member.consumer.assigned == {}


def test_a_partition_that_was_never_begun_is_given_away_without_a_commit() -> None:
    member = Member()
    member.lookup.answers_at_once = False
    member.given(PLACE)
    member.revoked(PLACE)
    assert member.consumer.called("incremental_unassign") == [[]]
    assert member.consumer.called("commit") == []
    assert member.partitions.is_complete


def test_a_partition_of_which_a_loss_is_not_told_is_given_away_without_a_commit() -> None:
    member = Member()
    member.broker.commits[PLACE] = commit_of_ours(2)
    member.broker.retain_from(PLACE, 6)
    member.begun(PLACE)
    member.process(PLACE, 4)
    member.revoked(PLACE)
    assert member.committed().offset == 2


def test_a_partition_that_is_lost_is_dropped_without_a_commit_and_what_is_begun_is_never_done() -> None:
    member = Member().begun(PLACE, SECOND)
    member.process(PLACE, 3)
    batch = member.fetch(PLACE, 5)
    assert member.state.take(batch)
    with capture_logs() as lines:
        member.lost(PLACE)
    assert [line["event"] for line in lines] == ["partitions.lost"]
    assert not member.state.done(batch)
    assert member.consumer.called("commit") == []
    assert set(member.consumer.assigned) == {SECOND}
    member.begun(PLACE)
    assert member.consumer.assigned[PLACE] == 0


# --- the end of a partition ---------------------------------------------------------------------------------------


def test_a_partition_cannot_end_before_the_end_that_it_had_when_it_was_begun() -> None:
    member = Member()
    member.given(PLACE)
    assert not member.partitions.is_at_end(PLACE, 10)
    member.partitions.decide()
    assert [member.partitions.is_at_end(PLACE, offset) for offset in (9, 10, 11)] == [False, True, True]
    assert not member.partitions.is_at_end(SECOND, 10)
