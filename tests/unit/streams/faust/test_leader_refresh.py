"""A node that is not the leader any more makes the consumer look for the new one, in aiokafka's own fetcher."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import (
    NoError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from streams.faust.leader_refresh import has_leader, refresh_leaders
from tests.support.fakes import run

PLACE = TopicPartition("dispatch.ack.v1", 0)
BEGINS_AT = 7


class Client:
    """A cluster: what each node answers, and how often the metadata was asked for."""

    def __init__(self, answers: dict[int, int]) -> None:
        self.answers, self.refreshed = answers, 0

    async def send(self, node_id: int, _request: object) -> SimpleNamespace:
        partition = (PLACE.partition, self.answers[node_id], 0, BEGINS_AT)
        return SimpleNamespace(API_VERSION=1, topics=[(PLACE.topic, [partition])])

    def force_metadata_update(self) -> None:
        self.refreshed += 1


def fetcher_of(client: Client) -> Fetcher:
    """aiokafka's fetcher as far as it asks where a partition begins; its task does not run."""
    fetcher = Fetcher.__new__(Fetcher)
    fetcher._client, fetcher._isolation_level, fetcher._retry_backoff = client, 0, 0.0
    refresh_leaders(cast("AIOKafkaConsumer", SimpleNamespace(_fetcher=fetcher, _client=client)))
    return fetcher


async def position_after_asking(fetcher: Fetcher, node_id: int) -> int | None:
    state = TopicPartitionState(SimpleNamespace(unassign_future=asyncio.get_running_loop().create_future()))
    state.await_reset(OffsetResetStrategy.EARLIEST)
    assignment: Any = SimpleNamespace(state_value=lambda _place: state)
    await fetcher._update_fetch_positions(assignment, node_id, [PLACE])
    return state.position if state.has_valid_position else None


@pytest.mark.parametrize("refusal", [NotLeaderForPartitionError, UnknownTopicOrPartitionError])
def test_a_node_that_is_not_the_leader_any_more_is_not_asked_for_ever(refusal: type[Exception]) -> None:
    async def scene() -> None:
        client = Client({1: refusal.errno, 2: NoError.errno})  # type: ignore[attr-defined]  # aiokafka's errors have one
        fetcher = fetcher_of(client)
        assert await position_after_asking(fetcher, 1) is None
        assert client.refreshed == 1
        assert await position_after_asking(fetcher, 2) == BEGINS_AT
        assert client.refreshed == 1

    run(scene())


def test_a_missing_acl_is_no_reason_to_look_for_another_node() -> None:
    async def scene() -> int:
        client = Client({1: TopicAuthorizationFailedError.errno})
        await position_after_asking(fetcher_of(client), 1)
        return client.refreshed

    assert run(scene()) == 0


@pytest.mark.parametrize(("leader", "expected"), [(2, True), (0, True), (-1, False), (None, False)])
def test_a_partition_has_a_leader_or_none(leader: int | None, expected: bool) -> None:
    cluster = ClusterMetadata()
    if leader is not None:
        cluster._partitions[PLACE.topic] = {PLACE.partition: SimpleNamespace(leader=leader)}
    consumer = SimpleNamespace(_client=SimpleNamespace(cluster=cluster))
    assert has_leader(cast("AIOKafkaConsumer", consumer), PLACE) is expected
