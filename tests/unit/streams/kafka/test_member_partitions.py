"""The partitions of one member: where each begins, and what nobody will have read of it."""

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from structlog.testing import capture_logs

from schemas.errors import AccessDenied
from streams.kafka.partition_start import Commit, LossKind, UnreadRecords, write_metadata
from tests.support.fake_consumer import Answered, failure
from tests.support.log_records import ms
from tests.support.partition_member import ELSEWHERE, ID, PLACE, SECOND, Member, commit_of_ours

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
