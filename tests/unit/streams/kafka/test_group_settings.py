"""What a member of a worker's group starts from, and what its errors mean."""

import pytest
from confluent_kafka import Consumer, KafkaError

from schemas.topics import ACKS, BY_NAME, FUSION_INPUT, PILLAR_EVENTS
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig
from streams.kafka.group_settings import (
    EMPTY_BATCH_CODES,
    GROUP_REFUSALS,
    READ_AGAIN,
    group_settings,
)
from tests.support.fakes import KAFKA

EMBEDDED = KafkaConfig(bootstrap="127.0.0.1:1", kind=BrokerKind.EMBEDDED)


def test_where_reading_begins_and_what_is_committed_is_decided_by_us() -> None:
    settings = group_settings(KAFKA, "group", "callbox-x", 1 << 20)
    assert settings["auto.offset.reset"] == "error"
    assert settings["enable.auto.commit"] is False
    assert settings["enable.auto.offset.store"] is False
    assert settings["partition.assignment.strategy"] == "cooperative-sticky"
    assert (settings["group.id"], settings["client.id"]) == ("group", "callbox-x")


def test_the_end_of_a_partition_is_told_only_where_the_brokers_word_for_it_is_not_exact() -> None:
    assert group_settings(KAFKA, "group", "callbox-x", 1 << 20)["enable.partition.eof"] is False
    assert group_settings(EMBEDDED, "group", "callbox-x", 1 << 20)["enable.partition.eof"] is True


@pytest.mark.parametrize("fetch_bytes", [1, 1 << 20, 16 << 20, 100 << 20])
@pytest.mark.parametrize("config", [KAFKA, EMBEDDED])
def test_librdkafka_takes_the_settings_whatever_a_fetch_may_bring(
    config: KafkaConfig, fetch_bytes: int
) -> None:
    settings = group_settings(config, "group", "callbox-x", fetch_bytes)
    assert settings["receive.message.max.bytes"] > settings["fetch.max.bytes"] >= fetch_bytes
    assert settings["queued.max.messages.kbytes"] << 10 >= fetch_bytes
    Consumer(settings).close()


@pytest.mark.parametrize("topic", [PILLAR_EVENTS, ACKS, FUSION_INPUT, "a topic of nobody"])
def test_a_batch_of_small_records_unpacks_to_8_mib_at_most(topic: str) -> None:
    settings = group_settings(KAFKA, "group", "callbox-x", 1 << 20, [topic])
    assert settings["receive.message.max.bytes"] == 8 << 20


@pytest.mark.parametrize("topic", BY_NAME)
def test_the_largest_record_of_every_topic_can_be_received(topic: str) -> None:
    settings = group_settings(KAFKA, "group", "callbox-x", 1, [topic])
    assert settings["receive.message.max.bytes"] >= 2 * BY_NAME[topic].max_message_bytes


def test_an_error_has_one_meaning() -> None:
    assert not READ_AGAIN & GROUP_REFUSALS.keys()
    assert not EMPTY_BATCH_CODES & (READ_AGAIN | GROUP_REFUSALS.keys())


@pytest.mark.parametrize("code", sorted(GROUP_REFUSALS))
def test_every_refusal_has_a_name_and_says_what_to_look_at(code: int) -> None:
    assert KafkaError(code).name()
    assert GROUP_REFUSALS[code].endswith(": ")
