"""Brokers for the whole test run, and topics that no other test uses."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import settings

from callbox.demo.processes.broker import Broker, MissingBroker
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox_testkit.brokers.apache import ApacheKafka, kafka_from_environment
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from tests.support.kill_harness import kafka_or_skip
from tests.support.paths import ROOT

CACHE = ROOT / ".cache"

MakeTopic = Callable[..., str]
"""(config, partitions=1, **settings) -> the name of a new topic; dots of a setting are underscores."""

settings.register_profile("laws", deadline=None)  # a busy machine breaks no law
settings.load_profile("laws")


@pytest.fixture(scope="session")
def cache() -> Path:
    """Folder that keeps downloads between runs; git ignores it."""
    return CACHE


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One embedded broker for the run. It forgets nothing between tests: use topics of your own."""
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded") / "broker.log") as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One Apache Kafka for the run. Not to be had: skipped, or a failure with CALLBOX_REQUIRE_KAFKA=1."""
    broker = kafka_from_environment(CACHE, tmp_path_factory.mktemp("kafka") / "broker.log")
    try:
        broker.start()
    except MissingBroker as error:
        if os.environ.get("CALLBOX_REQUIRE_KAFKA") == "1":
            pytest.fail(f"CALLBOX_REQUIRE_KAFKA=1, but: {error}")
        pytest.skip(str(error))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def own_kafka(kafka_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """An Apache Kafka that a test may wipe: that of the run, unless somebody else runs it (CALLBOX_KAFKA)."""
    if isinstance(kafka_broker, ApacheKafka):
        yield kafka_broker
        return
    with kafka_or_skip(), ApacheKafka(CACHE, tmp_path_factory.mktemp("own") / "broker.log") as broker:
        yield broker


@pytest.fixture
def embedded_config(embedded_broker: Broker) -> KafkaConfig:
    """How to reach the embedded broker."""
    return KafkaConfig(bootstrap=embedded_broker.bootstrap, kind=embedded_broker.kind)


@pytest.fixture
def kafka_config(kafka_broker: Broker) -> KafkaConfig:
    """How to reach Apache Kafka."""
    return KafkaConfig(bootstrap=kafka_broker.bootstrap, kind=kafka_broker.kind)


@pytest.fixture(
    params=[
        pytest.param("embedded_config", marks=pytest.mark.embedded),
        pytest.param("kafka_config", marks=pytest.mark.kafka),
    ]
)
def any_config(request: pytest.FixtureRequest) -> KafkaConfig:
    """How to reach each broker in turn."""
    config = request.getfixturevalue(request.param)
    assert isinstance(config, KafkaConfig)
    return config


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes a topic name that no other test or run has: a broker at CALLBOX_KAFKA outlives the run."""
    return lambda name: f"test.{name}.{secrets.token_hex(4)}"


@pytest.fixture
def make_topic(unique_name: Callable[[str], str]) -> MakeTopic:
    """Creates topics."""

    def make(config: KafkaConfig, partitions: int = 1, **settings: str) -> str:
        name = unique_name("topic")
        wanted = {setting.replace("_", "."): value for setting, value in settings.items()}
        admin = AdminClient(librdkafka_settings(config))
        futures = admin.create_topics([NewTopic(name, partitions, 1, config=wanted)], operation_timeout=10)
        futures[name].result(20)
        return name

    return make
