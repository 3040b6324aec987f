"""What a member makes of errors: of one partition, of the group, of the client, of the connection."""

import json

import pytest
from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from schemas.errors import AccessDenied, WorkerStalled
from streams.kafka.group_settings import (
    EMPTY_BATCH_CODES,
    GROUP_REFUSALS,
    GROUP_REFUSED_S,
    READ_AGAIN,
)
from streams.kafka.partition_start import LossKind, write_metadata
from tests.support.fake_consumer import FakeMessage, failure
from tests.support.fakes import KAFKA
from tests.support.group_member import PLACE, SECOND, TOPIC, Member, statistics
from tests.support.log_records import ms

PATIENCE_S = KAFKA.session_ms / 1000 + GROUP_REFUSED_S


def error(
    code: int, *, partition: int | None = 0, topic: str | None = TOPIC, fatal: bool = False
) -> FakeMessage:
    return FakeMessage(topic, partition, None, None, None, failed=failure(code, fatal=fatal))


# --- a partition --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(READ_AGAIN))
def test_a_partition_of_which_the_next_record_is_gone_begins_anew(code: int) -> None:
    member = Member()
    member.broker.append(PLACE, 10)
    member.given(PLACE, SECOND)
    member.round()
    member.process_all()
    member.broker.retain_from(PLACE, 20)
    member.broker.truncate(PLACE, 20)
    member.broker.append(PLACE, 5)
    member.consumer.bring(error(code))
    member.round()
    assert member.state.of([TOPIC]) == [SECOND]
    member.round()
    assert [(each.start, each.end, each.epoch) for each in member.handed_over] == [(20, 25, 3)]


def test_what_retention_took_while_a_member_was_reading_is_told() -> None:
    member = Member()
    member.broker.append(PLACE, 10)
    member.broker.commits[PLACE] = 4, write_metadata(f"{TOPIC}-1", ms(0))
    member.began(PLACE)
    member.broker.append(PLACE, 20)
    member.broker.retain_from(PLACE, 25)
    member.round()
    member.round()
    assert [(loss.kind, loss.expected, loss.found) for loss in member.losses] == [(LossKind.TAKEN, 4, 25)]


def test_what_was_fetched_before_a_partition_began_anew_is_handed_over_and_what_comes_behind_is_not() -> None:
    member = Member().began(PLACE)
    member.consumer.bring(
        FakeMessage(TOPIC, 0, 0), error(KafkaError._AUTO_OFFSET_RESET), FakeMessage(TOPIC, 0, 1)
    )
    member.round()
    assert [(batch.start, batch.end) for batch in member.handed_over] == [(0, 1)]
    member.drop_all()  # an agent over an inbox comes too late for it


def test_the_same_error_twice_or_of_a_partition_that_is_not_ours_changes_nothing() -> None:
    member = Member().began(PLACE)
    again = error(KafkaError._AUTO_OFFSET_RESET)
    member.consumer.bring(again, again, error(KafkaError._AUTO_OFFSET_RESET, partition=1))
    member.round()
    member.round()
    assert member.state.position(PLACE) == (2, 0)
    assert set(member.consumer.assigned) == {PLACE}


@pytest.mark.parametrize("code", sorted(EMPTY_BATCH_CODES))
def test_a_batch_that_cannot_be_unpacked_is_told_and_the_others_are_read(code: int) -> None:
    member = Member().began(PLACE)
    member.consumer.bring(error(code), FakeMessage(TOPIC, 0, 7))
    with capture_logs() as lines:
        member.round()
    assert [(line["event"], line["topic"], line["partition"]) for line in lines] == [
        ("fetch.unreadable", TOPIC, 0)
    ]
    assert [(each.start, each.end) for each in member.handed_over] == [(0, 8)]


@pytest.mark.parametrize("place", [(None, None), (TOPIC, None), ("", -1), ("unheard-of", 99)])
@pytest.mark.parametrize(
    "code", [KafkaError._TRANSPORT, KafkaError._AUTO_OFFSET_RESET, KafkaError._PARTITION_EOF]
)
def test_an_error_that_belongs_to_no_partition_of_ours_is_no_failure(
    code: int, place: tuple[str | None, int | None]
) -> None:
    member = Member().began(SECOND)
    member.consumer.bring(error(code, topic=place[0], partition=place[1]), FakeMessage(TOPIC, 1, 0))
    member.round()
    assert [each.place for each in member.handed_over] == [SECOND]


def test_errors_that_go_by_are_told_once_a_minute() -> None:
    member = Member().began(PLACE)
    with capture_logs() as lines:
        for _ in range(20):
            member.consumer.bring(error(KafkaError._TRANSPORT), error(KafkaError.NOT_LEADER_FOR_PARTITION))
            member.round()
    assert [line["event"] for line in lines] == ["consumer.interrupted"]


# --- the client ---------------------------------------------------------------------------------------------------


def test_a_client_that_cannot_go_on_ends_the_process() -> None:
    member = Member().began(PLACE)
    member.consumer.bring(error(KafkaError._FATAL, fatal=True))
    with pytest.raises(WorkerStalled, match="cannot go on"):
        member.round()


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    ],
)
def test_a_refusal_ends_the_process(code: int) -> None:
    member = Member().began(PLACE)
    member.consumer.bring(error(code))
    with pytest.raises(AccessDenied):
        member.round()


# --- the group ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(GROUP_REFUSALS))
def test_a_group_that_refuses_us_for_long_ends_the_process_and_says_what_to_look_at(code: int) -> None:
    member = Member()
    member.given()
    member.consumer.bring(error(code, topic=None, partition=None))
    member.round()
    assert not member.state.is_joined
    member.later(PATIENCE_S / 2)
    member.consumer.bring(error(code, topic=None, partition=None))
    member.round()
    member.later(PATIENCE_S / 2)
    with pytest.raises(AccessDenied, match="the group refuses us") as raised:
        member.round()
    assert GROUP_REFUSALS[code].format(session_ms=30_000) in str(raised.value)


def test_a_group_that_refuses_us_for_a_moment_is_joined_and_its_refusal_forgotten() -> None:
    member = Member()
    member.given()
    member.consumer.bring(error(KafkaError.GROUP_MAX_SIZE_REACHED))
    member.round()
    member.given(PLACE)
    assert member.state.is_joined
    member.later(2 * PATIENCE_S)
    member.round()
    member.consumer.bring(error(KafkaError.GROUP_MAX_SIZE_REACHED))
    member.round()
    member.later(PATIENCE_S / 2)
    member.round()  # counted from the second refusal on


def test_a_member_that_has_its_share_is_refused_by_something_else_than_its_group() -> None:
    """Not every request whose version a broker does not know is a join."""
    member = Member().began(PLACE)
    member.consumer.bring(error(KafkaError.UNSUPPORTED_VERSION))
    member.round()
    member.consumer.report(statistics({PLACE: (0, 0)}))
    member.round()
    assert member.state.is_joined
    member.later(2 * PATIENCE_S)
    member.round()


def test_a_report_of_a_member_that_is_not_let_in_does_not_hide_that() -> None:
    member = Member()
    member.given()
    member.consumer.bring(error(KafkaError.INCONSISTENT_GROUP_PROTOCOL))
    member.round()
    member.consumer.report(statistics({}, join_state="wait-join"))
    member.round()
    assert not member.state.is_joined
    member.later(2 * PATIENCE_S)
    with pytest.raises(AccessDenied):
        member.round()


# --- the connection -----------------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_told_once_a_minute_and_is_no_refusal() -> None:
    member = Member().began(PLACE)
    with capture_logs() as lines:
        for _ in range(50):
            member.consumer.raise_error(failure(KafkaError._TRANSPORT))
            member.consumer.raise_error(failure(KafkaError._ALL_BROKERS_DOWN))
            member.round()
    assert [line["event"] for line in lines] == ["broker.away"]
    assert member.group_consumer.refusal is None


def refused_member() -> Member:
    member = Member().began(PLACE, SECOND)
    member.consumer.raise_error(failure(KafkaError._AUTHENTICATION))
    member.consumer.raise_error(failure(KafkaError._ALL_BROKERS_DOWN))
    member.round()
    assert member.group_consumer.refusal is not None
    assert member.group_consumer.refusal.code() == KafkaError._AUTHENTICATION
    return member


def test_a_refusal_is_forgotten_once_every_leader_has_answered() -> None:
    member = refused_member()
    member.later(1)
    member.consumer.report(statistics({PLACE: (0, 0), SECOND: (0, 0)}))
    member.round()
    assert member.group_consumer.refusal is None


def test_a_refusal_is_forgotten_also_by_a_member_that_has_nothing_to_read() -> None:
    member = Member()
    member.given()
    member.consumer.raise_error(failure(KafkaError._AUTHENTICATION))
    member.round()
    member.later(1)
    member.consumer.report(statistics({}))
    member.round()
    assert member.group_consumer.refusal is None


def test_a_refusal_of_one_broker_is_not_forgotten_because_another_answers() -> None:
    member = refused_member()
    member.later(1)
    report = json.loads(statistics({PLACE: (0, 0), SECOND: (0, 0)}))
    report["topics"][TOPIC]["partitions"]["1"]["leader"] = 2  # which refuses us
    member.consumer.report(json.dumps(report))
    member.round()
    assert member.group_consumer.refusal is not None


def test_what_was_answered_before_a_refusal_does_not_take_it_back() -> None:
    member = refused_member()
    member.later(1)
    member.consumer.report(statistics({PLACE: (0, 0), SECOND: (0, 0)}, idle_ms=5_000))
    member.round()
    assert member.group_consumer.refusal is not None


def test_a_partition_without_a_leader_is_known_as_one() -> None:
    member = Member().began(PLACE)
    member.later(9)
    member.consumer.report(statistics({PLACE: (0, 0)}, leader=-1))
    member.round()
    assert member.state.leaderless() == [PLACE]
    assert member.state.unanswered_for_ms() >= 9_000
