"""A member of a consumer group: records become batches, what is done is committed, fetching follows the agent."""

import threading
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from streams.clock import SYSTEM_CLOCK, pause
from streams.kafka.batch import Batch
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig
from streams.kafka.group_consumer import SERVE_S
from streams.kafka.group_settings import STATISTICS_MS
from streams.kafka.partition_start import LossKind, write_metadata
from tests.support.fake_consumer import FakeMessage, failure
from tests.support.group_member import OTHER, PLACE, SECOND, TOPIC, Member, statistics
from tests.support.log_records import ms

EMBEDDED = KafkaConfig(bootstrap="127.0.0.1:1", kind=BrokerKind.EMBEDDED)


# --- records ------------------------------------------------------------------------------------------------------


def test_a_member_reads_what_the_group_gives_it_from_what_is_committed_on() -> None:
    member = Member()
    member.broker.append(PLACE, 10)
    member.broker.commits[PLACE] = 4, write_metadata(f"{TOPIC}-1", ms(0))
    member.given(PLACE)
    member.round()
    assert [(each.start, each.end, each.epoch) for each in member.handed_over] == [(4, 10, 1)]
    assert member.consumer.subscribed == [TOPIC]


def test_everything_that_waits_is_handed_over_at_once() -> None:
    member = Member()
    for place in (PLACE, SECOND):
        member.broker.append(place, 5)
    member.given(PLACE, SECOND)
    member.round()
    assert [(each.partition, len(each)) for each in member.handed_over] == [(0, 5), (1, 5)]
    assert member.hand_overs == 1


def test_records_that_were_fetched_before_their_partition_went_are_dropped() -> None:
    member = Member().began(PLACE)
    member.consumer.bring(FakeMessage(TOPIC, 0, 0))
    member.consumer.lose(PLACE)
    member.consumer.bring(FakeMessage(TOPIC, 0, 1))
    member.round()
    assert member.handed_over == []


def test_records_of_an_earlier_assignment_never_pass_for_records_of_the_next() -> None:
    """A poll returns a record; the call that fetches the rest takes the partition away and gives it back."""
    member = Member().began(PLACE)
    member.broker.commits[PLACE] = 40, write_metadata(f"{TOPIC}-1", ms(0))
    member.broker.append(PLACE, 90)
    member.consumer.bring(FakeMessage(TOPIC, 0, 70))
    member.consumer.lose(PLACE)
    member.consumer.give(PLACE)
    member.round()
    assert member.handed_over == []
    member.round()
    assert [(each.start, each[0].offset, each.epoch) for each in member.handed_over] == [(40, 40, 2)]


def test_what_is_done_is_committed_once_an_interval() -> None:
    member = Member(commit_interval_s=1.0)
    member.broker.append(PLACE, 10)
    member.given(PLACE)
    member.round()
    member.process_all()
    member.later(1.0)
    member.round()
    member.round()
    assert member.broker.commits[PLACE][0] == 10
    assert len(member.consumer.called("commit")) == 1
    member.consumer.answer_commits()
    member.round()
    assert member.state.committed(PLACE) == 10


def test_the_client_is_asked_for_no_longer_than_a_request_of_another_thread_may_wait() -> None:
    member = Member().began(PLACE)
    member.round()
    assert member.consumer.called("poll")[-1] == pytest.approx(2 * SERVE_S)
    member.lookup.answers_at_once = False
    member.given(SECOND)
    member.round()
    assert member.consumer.called("poll")[-1] == SERVE_S


# --- back-pressure ------------------------------------------------------------------------------------------------


def full_member() -> Member:
    member = Member(most_in_hand=10)
    member.broker.append(PLACE, 10)
    member.given(PLACE, SECOND)
    member.round()
    assert member.consumer.paused == {PLACE, SECOND}
    return member


def test_a_topic_of_which_enough_is_in_hand_is_fetched_no_more_until_half_of_it_is_done() -> None:
    member = full_member()
    member.broker.append(SECOND, 5)
    member.round()
    assert len(member.handed_over) == 1
    member.process_all()
    member.round()
    assert member.consumer.paused == set()
    member.round()
    assert [each.place for each in member.handed_over] == [SECOND]


def test_no_more_is_handed_over_at_once_than_may_be_in_hand() -> None:
    """What is fetched besides stays with the client, undecided: pictures are large."""
    member = Member(most_in_hand=10)
    member.broker.append(PLACE, 25)
    member.given(PLACE)
    member.round()
    assert [len(each) for each in member.handed_over] == [10]
    assert member.consumer.paused == {PLACE}


def test_half_of_it_must_be_done() -> None:
    member = Member(most_in_hand=10, batch_records=4)
    member.broker.append(PLACE, 12)
    member.given(PLACE)
    member.round()
    member.process_next()
    member.round()
    assert member.consumer.paused == {PLACE}
    member.process_next()
    member.round()
    assert member.consumer.paused == set()


def test_a_partition_that_comes_to_a_topic_that_is_full_is_paused_too() -> None:
    member = full_member()
    third = member.add_partition()
    member.began(third)
    assert member.consumer.paused == {PLACE, SECOND, third}


def test_a_partition_that_begins_anew_while_it_is_paused_is_read_again() -> None:
    """The client keeps a pause when a partition is unassigned: it would stay unread, and look as if nothing came."""
    member = full_member()
    member.broker.retain_from(PLACE, 10)
    member.broker.append(PLACE, 3)
    member.consumer.bring(FakeMessage(TOPIC, 0, failed=failure(KafkaError._AUTO_OFFSET_RESET)))
    member.round()
    member.drop_all()
    member.round()
    assert (set(member.consumer.assigned), member.consumer.paused) == ({PLACE, SECOND}, set())
    assert [(each.start, each.end) for each in member.handed_over] == [(10, 13)]


def test_a_partition_that_goes_and_comes_back_while_its_topic_is_full_is_paused_again() -> None:
    member = full_member()
    member.consumer.take(SECOND)
    member.consumer.give(SECOND)
    member.round()
    member.round()
    assert member.consumer.paused == {PLACE, SECOND}
    assert member.consumer.called("pause")[-1] == [SECOND]
    member.process_all()
    member.round()
    assert member.consumer.paused == set()


def test_partitions_that_have_gone_are_not_resumed() -> None:
    member = full_member()
    member.consumer.take(SECOND)
    member.round()
    member.process_all()
    member.round()
    assert member.consumer.called("resume")[-1] == [PLACE]


# --- what the broker has answered ---------------------------------------------------------------------------------


def test_a_partition_is_read_to_its_end_when_the_client_has_asked_for_everything_and_nothing_is_queued() -> (
    None
):
    member = Member()
    member.broker.append(PLACE, 10)
    member.given(PLACE)
    member.round()
    member.process_all()
    member.consumer.report(statistics({PLACE: (10, 10)}))
    member.round()
    assert member.state.has_unprocessed(PLACE) is False


def test_what_the_client_has_fetched_and_not_handed_over_is_not_read() -> None:
    member = Member().began(PLACE)
    member.consumer.report(statistics({PLACE: (10, 10)}))
    member.broker.append(PLACE, 10)
    member.round()
    assert len(member.handed_over) == 1
    assert member.state.has_unprocessed(PLACE)


def test_an_end_that_the_client_knows_from_an_earlier_assignment_is_none() -> None:
    """librdkafka tells the end of before until the broker has answered: measured with 2.16."""
    member = Member()
    member.broker.append_unseen(PLACE, 70)
    member.broker.commits[PLACE] = 50, write_metadata(f"{TOPIC}-1", ms(0))
    member.given(PLACE)
    member.consumer.report(statistics({PLACE: (40, 50)}))
    member.round()
    assert member.state.has_unprocessed(PLACE)
    member.consumer.report(statistics({PLACE: (70, 70)}))
    member.round()
    assert member.state.has_unprocessed(PLACE) is False


def test_a_report_of_before_a_partition_began_anew_says_nothing_of_its_end() -> None:
    member = Member()
    member.broker.append(PLACE, 10)
    member.given(PLACE)
    member.consumer.report(statistics({PLACE: (10, 10)}))
    member.round()  # with records, so that the report is kept for a poll that brings none
    member.process_all()
    member.broker.make_anew(TOPIC)
    member.broker.append_unseen(PLACE, 5)
    member.tell_topic_id()
    member.round()
    assert member.state.position(PLACE) == (2, 0)
    assert member.state.has_unprocessed(PLACE)


def test_a_leader_that_does_not_answer_is_known_and_a_paused_partition_is_excused() -> None:
    member = full_member()
    member.later(20)
    member.consumer.report(statistics({PLACE: (10, 10), SECOND: (0, 0)}, idle_ms=20_000))
    member.round()
    assert member.state.answered_at(PLACE) == member.clock.clock.now_ms()
    member.process_all()
    member.round()
    member.later(20)
    member.consumer.report(statistics({PLACE: (10, 10), SECOND: (0, 0)}, idle_ms=20_000))
    member.round()
    assert member.state.unanswered_for_ms() == 20_000


def test_the_end_of_a_partition_of_the_embedded_broker_comes_as_a_message() -> None:
    member = Member(config=EMBEDDED).began(PLACE)
    end = FakeMessage(TOPIC, 0, 3, failed=failure(KafkaError._PARTITION_EOF))
    member.consumer.bring(*(FakeMessage(TOPIC, 0, offset) for offset in range(3)), end)
    member.round()
    member.process_all()
    assert member.state.has_unprocessed(PLACE) is False  # though the records and the end came together
    member.consumer.bring(end, FakeMessage(TOPIC, 0, 3))
    member.round()
    assert member.state.has_unprocessed(PLACE)


# --- the group ----------------------------------------------------------------------------------------------------


def test_a_member_is_joined_when_the_group_has_given_it_its_share_which_may_be_nothing() -> None:
    member = Member()
    assert not member.state.is_joined
    member.given()
    assert (member.state.is_joined, member.state.is_settled) == (True, True)


def test_a_member_is_settled_when_it_reads_all_of_its_share() -> None:
    member = Member()
    member.lookup.answers_at_once = False
    member.given(PLACE)
    assert (member.state.is_joined, member.state.is_settled) == (True, False)
    member.lookup.answers_at_once = True
    member.round()
    assert member.state.is_settled


def test_a_member_that_rebalances_is_not_joined_also_while_it_looks_where_to_begin() -> None:
    member = Member()
    member.lookup.answers_at_once = False
    member.given(PLACE)
    member.consumer.report(statistics({}, join_state="wait-join"))
    member.round()
    member.round()
    assert not member.state.is_joined
    member.consumer.report(statistics({}))
    member.round()
    assert member.state.is_joined


def test_a_topic_that_was_made_anew_begins_anew() -> None:
    member = Member()
    member.broker.append(PLACE, 10)
    member.broker.commits[PLACE] = 10, write_metadata(f"{TOPIC}-1", ms(0))
    member.began(PLACE)
    member.broker.make_anew(TOPIC)
    member.broker.append(PLACE, 3)
    with capture_logs() as lines:
        member.tell_topic_id()
        member.round()
        member.round()
    assert "topic.made_anew" in [line["event"] for line in lines]
    assert [(each.start, each.end, each.epoch) for each in member.handed_over] == [(0, 3, 2)]
    assert [loss.kind for loss in member.losses] == [LossKind.REPLACED]


# --- the thread ---------------------------------------------------------------------------------------------------


class Threaded(Member):
    """A member whose thread runs, with an agent that is done at once."""

    def __init__(self) -> None:
        self.brought = threading.Event()
        super().__init__(clock=SYSTEM_CLOCK)
        self.consumer.on_idle = lambda: pause(0.001)

    def hand_over(self, batches: Sequence[Batch]) -> None:
        super().hand_over(batches)
        self.process_all()
        self.brought.set()


def test_a_member_commits_what_is_done_and_leaves_when_it_is_stopped() -> None:
    member = Threaded()
    member.broker.append(PLACE, 10)
    member.consumer.give(PLACE)
    member.group_consumer.start()
    assert member.brought.wait(30)
    assert member.group_consumer.stop(30)
    assert member.broker.commits[PLACE][0] == 10
    assert member.consumer.is_closed
    assert member.failures == []
    assert [name for name, _ in member.consumer.calls][-1] == "incremental_unassign"


def test_a_member_that_is_given_partitions_while_it_leaves_begins_nothing() -> None:
    member = Threaded()
    leaving = threading.Event()

    def close() -> None:
        member.consumer.give(SECOND)
        leaving.set()
        close_it()

    close_it, member.consumer.close = member.consumer.close, close  # type: ignore[method-assign]
    member.broker.append(PLACE, 1)
    member.consumer.give(PLACE)
    member.group_consumer.start()
    assert member.brought.wait(30)
    assert member.group_consumer.stop(30)
    assert leaving.is_set()
    assert member.failures == []
    assert member.consumer.assigned == {}


def test_a_member_that_never_began_is_stopped_at_once() -> None:
    member = Member()
    assert member.group_consumer.stop(1e6)
    assert not member.consumer.is_closed


def test_a_failure_of_the_thread_ends_the_process_and_keeps_nobody_waiting() -> None:
    member = Threaded()
    member.consumer.bring(FakeMessage(failed=failure(KafkaError._FATAL, fatal=True)))
    member.group_consumer.start()
    assert member.group_consumer.stop(30)
    assert [type(each).__name__ for each in member.failures] == ["WorkerStalled"]


def test_the_thread_says_when_it_went_round_last() -> None:
    member = Member()
    member.later(7)
    member.round()
    assert member.group_consumer.alive_at == member.clock.seconds


# --- settings -----------------------------------------------------------------------------------------------------


def test_a_member_says_who_it_is_and_asks_for_reports() -> None:
    settings = Member().consumer.settings
    assert (settings["client.id"], settings["group.id"]) == ("callbox-x", "group")
    assert settings["statistics.interval.ms"] == STATISTICS_MS
    assert {"error_cb", "stats_cb", "on_commit"} <= settings.keys()


def test_several_topics_of_one_member_are_full_one_by_one() -> None:
    member = Member(topics=[TOPIC, OTHER.topic], most_in_hand=10)
    member.broker.append(PLACE, 10)
    member.began(PLACE, OTHER)
    assert member.consumer.paused == {PLACE}
