"""The broker's own id of a topic tells one that was made anew from what it was."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.kafka.admin import topic_id_of
from streams.kafka.capabilities import BrokerKind
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from tests.conftest import MakeTopic

pytestmark = pytest.mark.kafka


def wait_until(is_so: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_topic_that_is_made_anew_under_its_name_has_another_id(
    kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(kafka_config)
    admin = AdminClient(librdkafka_settings(kafka_config))
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics)
    first = topic_id_of(kafka_config, topic)
    assert first
    assert topic_id_of(kafka_config, topic) == first
    admin.delete_topics([topic])[topic].result(10)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics)
    assert topic_id_of(kafka_config, topic) not in {"", first}


def test_a_broker_that_knows_no_ids_gives_none() -> None:
    assert topic_id_of(KafkaConfig(bootstrap="127.0.0.1:1", kind=BrokerKind.EMBEDDED), "any") == ""
