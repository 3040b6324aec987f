"""The partitions of one member: what is committed, how they are given away, and where they end."""

from collections.abc import Iterator

from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from streams.clock import Clock
from streams.kafka.member_partitions import REVOKE_S
from streams.kafka.partition_start import Commit, write_metadata
from tests.support.fake_consumer import Answered, failure
from tests.support.log_records import ms
from tests.support.partition_member import ID, PLACE, SECOND, Member, commit_of_ours

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
