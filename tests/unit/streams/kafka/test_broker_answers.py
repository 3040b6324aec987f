"""What librdkafka's statistics say about each partition's leader."""

import json
from typing import Any

import pytest

from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.broker_answers import LeaderAnswer, Statistics, read_statistics

NOW = EpochMs(1_000_000)
TOPIC = "topic"


def broker(node: int = 1, *, idle_ms: int = 0, state: str = "UP", source: str = "learned") -> dict[str, Any]:
    return {"nodeid": node, "state": state, "source": source, "rxidle": 1_000 * idle_ms}


def partition(
    leader: int = 1, *, end: int = 40, next_offset: int = 40, fetch_state: str = "active"
) -> dict[str, Any]:
    return {"leader": leader, "fetch_state": fetch_state, "hi_offset": end, "next_offset": next_offset}


def read(brokers: dict[str, Any], partitions: dict[str, Any], join_state: str = "steady") -> Statistics:
    report = {
        "brokers": brokers,
        "topics": {TOPIC: {"topic": TOPIC, "partitions": partitions}},
        "cgrp": {"join_state": join_state},
    }
    return read_statistics(json.dumps(report), NOW)


def test_a_partition_is_answered_when_its_leader_was_heard_last() -> None:
    brokers = {"a/1": broker(1, idle_ms=300), "b/2": broker(2, idle_ms=7_000)}
    found = read(brokers, {"0": partition(1), "1": partition(2, end=50, next_offset=45)})
    assert found.heard_at == NOW - 300
    assert found.answers == (
        LeaderAnswer(PartitionPlace(TOPIC, 0), EpochMs(NOW - 300), True, 40, True),
        LeaderAnswer(PartitionPlace(TOPIC, 1), EpochMs(NOW - 7_000), False, 45, True),
    )


def test_the_connection_to_the_coordinator_does_not_answer_for_a_leader() -> None:
    """It has the number -1 in its report, as a partition without a leader has (librdkafka 2.16, Apache Kafka 4.1)."""
    brokers = {
        "a/1": broker(1, idle_ms=9_000),
        "GroupCoordinator": broker(-1, idle_ms=10, source="logical"),
        "coordinator": broker(1, idle_ms=20, source="logical"),
        "a/bootstrap": broker(-1, idle_ms=30, source="configured"),
    }
    found = read(brokers, {"0": partition(1), "1": partition(-1)})
    assert [(each.at, each.has_leader) for each in found.answers] == [(NOW - 9_000, True), (0, False)]
    assert found.heard_at == NOW - 10


def test_of_two_connections_to_a_leader_the_one_that_was_heard_last_counts() -> None:
    brokers = {"a/1": broker(1, idle_ms=10), "b/1": broker(1, idle_ms=9_000)}
    assert read(brokers, {"0": partition(1)}).answers[0].at == NOW - 10


@pytest.mark.parametrize("state", ["DOWN", "INIT", "CONNECT", "AUTH_REQ", "APIVERSION_QUERY"])
def test_a_broker_without_a_connection_has_not_answered(state: str) -> None:
    found = read({"a/1": broker(1, state=state)}, {"0": partition(1)})
    assert (found.heard_at, found.answers[0].at, found.answers[0].has_leader) == (0, 0, True)


@pytest.mark.parametrize(
    "fetch_state", ["none", "stopped", "offset-query", "offset-wait", "validate-epoch-wait"]
)
def test_a_partition_that_is_not_fetched_is_not_answered(fetch_state: str) -> None:
    assert read({"a/1": broker()}, {"0": partition(fetch_state=fetch_state)}).answers == ()


def test_the_internal_partition_is_none() -> None:
    assert read({"a/1": broker()}, {"-1": partition()}).answers == ()


@pytest.mark.parametrize(
    ("end", "next_offset", "is_fetched_out"),
    [(40, 40, True), (40, 41, True), (40, 39, False), (-1001, 0, False), (0, 0, True), (-1, -1, False)],
)
def test_everything_is_asked_for_where_the_end_is_known_and_reached(
    end: int, next_offset: int, is_fetched_out: bool
) -> None:
    found = read({"a/1": broker()}, {"0": partition(end=end, next_offset=next_offset)})
    assert found.answers[0].is_fetched_out is is_fetched_out


@pytest.mark.parametrize(
    "join_state", ["init", "wait-join", "wait-metadata", "wait-sync", "wait-assign-call", ""]
)
def test_a_member_that_rebalances_is_not_steady(join_state: str) -> None:
    assert not read({}, {}, join_state).is_steady
    assert read({}, {}, "steady").is_steady


@pytest.mark.parametrize("idle", [-1, 0])
def test_a_connection_that_has_just_been_made_counts_from_now(idle: int) -> None:
    assert read({"a/1": broker() | {"rxidle": idle}}, {}).heard_at == NOW


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"brokers": {}, "topics": {}, "cgrp": {}},
        {"brokers": {"a": {}}, "topics": {"topic": {}}},
        {"brokers": {"a": {"state": "UP"}}, "topics": {"topic": {"partitions": {}}}},
    ],
)
def test_a_report_that_lacks_fields_is_no_failure(report: dict[str, Any]) -> None:
    found = read_statistics(json.dumps(report), NOW)
    assert (found.is_steady, found.answers) == (False, ())


def test_a_partition_that_lacks_fields_has_no_leader_and_is_not_fetched_out() -> None:
    report = {"topics": {TOPIC: {"partitions": {"0": {"fetch_state": "active"}}}}}
    assert read_statistics(json.dumps(report), NOW).answers == (
        LeaderAnswer(PartitionPlace(TOPIC, 0), EpochMs(0), False, -1, False),
    )
