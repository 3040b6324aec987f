"""`callbox topics` on real brokers."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from callbox.commands import topics as command
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from schemas.errors import InputMissing, TopicRefused
from schemas.topics import ALERTS, CATALOGUE, FUSION_INPUT, LOG_PARTITIONS, Cleanup, Topic
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.topic_plan import Risk
from streams.kafka.topics import apply, partition_count, plan
from streams.worker.settings import AckSettings, PillarSettings

UniqueName = Callable[[str], str]


def settings_of(config: KafkaConfig, topic: str) -> dict[str, str]:
    client = AdminClient(librdkafka_settings(config))
    (future,) = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in future.result(20).items()}


def partitions_of(config: KafkaConfig, topic: str) -> int:
    return len(AdminClient(librdkafka_settings(config)).list_topics(timeout=20).topics[topic].partitions)


def own(name: str, **fields: object) -> Topic:
    usual = {"name": name, "key": "id", "record": None, "partitions": 2, "retention_ms": 3_600_000}
    return msgspec.convert(usual | fields, Topic)


@pytest.mark.kafka
def test_apply_makes_the_catalogue_and_a_second_apply_changes_nothing(kafka_config: KafkaConfig) -> None:
    apply(kafka_config, i_lose_order=False)
    assert apply(kafka_config, i_lose_order=False).changes == ()
    there = AdminClient(librdkafka_settings(kafka_config)).list_topics(timeout=20).topics
    for topic in CATALOGUE:
        assert (topic.name in there) is not topic.planned
    assert settings_of(kafka_config, FUSION_INPUT)["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.kafka
def test_no_sealed_topic_keeps_more_than_ten_minutes(kafka_config: KafkaConfig) -> None:
    apply(kafka_config, i_lose_order=False)
    for topic in CATALOGUE:
        if topic.sealed and topic.cleanup is Cleanup.DELETE and not topic.planned:
            assert int(settings_of(kafka_config, topic.name)["retention.ms"]) <= 600_000


@pytest.mark.kafka
def test_what_loses_order_is_refused_as_a_whole_and_done_when_asked_twice(
    kafka_config: KafkaConfig, unique_name: UniqueName
) -> None:
    names = [unique_name(name) for name in ("compacted", "flow", "new")]
    compacted = own(names[0], cleanup="compact", retention_ms=None)
    flow = own(names[1])
    apply(kafka_config, [compacted, flow], i_lose_order=False)
    wanted = [
        msgspec.structs.replace(compacted, partitions=3),
        msgspec.structs.replace(flow, retention_ms=60_000),
        own(names[2]),
    ]
    with pytest.raises(TopicRefused) as raised:
        apply(kafka_config, wanted, i_lose_order=False)
    text = str(raised.value)
    assert f"{names[0]}: partitions 2, wanted 3: {Risk.REORDERS}" in text
    assert f"{names[1]}: retention.ms 3600000, wanted 60000: {Risk.FORGETS}" in text
    assert "--i-lose-order" in text
    assert partitions_of(kafka_config, names[0]) == 2
    assert settings_of(kafka_config, names[1])["retention.ms"] == "3600000"
    assert len(plan(kafka_config, wanted).changes) == 3  # the new one was not created either
    apply(kafka_config, wanted, i_lose_order=True)
    assert partitions_of(kafka_config, names[0]) == 3
    assert settings_of(kafka_config, names[1])["retention.ms"] == "60000"
    assert plan(kafka_config, wanted).changes == ()


@pytest.mark.kafka
def test_fewer_partitions_are_refused_even_when_asked_twice(
    kafka_config: KafkaConfig, unique_name: UniqueName
) -> None:
    topic = own(unique_name("narrow"))
    apply(kafka_config, [topic], i_lose_order=False)
    with pytest.raises(TopicRefused, match="loses what is unread") as raised:
        apply(kafka_config, [msgspec.structs.replace(topic, partitions=1)], i_lose_order=True)
    assert "--i-lose-order does it" not in str(raised.value)


@pytest.mark.kafka
def test_what_the_broker_refuses_is_told_with_its_words(
    kafka_config: KafkaConfig, unique_name: UniqueName
) -> None:
    topic = own(unique_name("many"))
    with pytest.raises(TopicRefused, match=rf"{topic.name}: .*INVALID_REPLICATION_FACTOR"):
        apply(kafka_config, [topic], i_lose_order=False, replicas=9)


@pytest.mark.embedded
def test_the_embedded_broker_gets_the_catalogue_too(embedded_config: KafkaConfig) -> None:
    apply(embedded_config, i_lose_order=False)
    assert apply(embedded_config, i_lose_order=False).changes == ()
    for topic in CATALOGUE:
        if not topic.planned:
            assert partitions_of(embedded_config, topic.name) == topic.partitions


def test_a_topic_tells_how_many_partitions_it_has_or_that_it_is_not_there(
    any_config: KafkaConfig, unique_name: UniqueName
) -> None:
    topic = own(unique_name("counted"), partitions=3)
    with pytest.raises(InputMissing, match=topic.name):
        partition_count(any_config, topic.name)
    apply(any_config, [topic], i_lose_order=False)
    assert partition_count(any_config, topic.name) == 3


def run(config: KafkaConfig, *arguments: str) -> Result:
    invocation = SimpleNamespace(
        config=SimpleNamespace(kafka=config, acknowledgements=AckSettings(), pillars=PillarSettings())
    )
    return CliRunner().invoke(command.topics, arguments, obj=invocation)


@pytest.mark.embedded
def test_the_command_shows_what_differs_and_then_that_nothing_does(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as fresh:
        config = KafkaConfig(bootstrap=fresh.bootstrap, kind=fresh.kind)
        before = run(config, "diff")
        assert before.exit_code == command.DIFFERENT
        assert f"{FUSION_INPUT}: topic {LOG_PARTITIONS} partitions" in before.output
        done = run(config, "apply")
        assert (done.exit_code, f"done  {FUSION_INPUT}: topic" in done.output) == (0, True)
        after = run(config, "diff")
        assert (after.exit_code, after.output) == (0, "the topics are as the catalogue says\n")


@pytest.mark.embedded
def test_the_command_refuses_with_the_error_that_names_every_topic(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as fresh:
        config = KafkaConfig(bootstrap=fresh.bootstrap, kind=fresh.kind)
        apply(
            config,
            [own(FUSION_INPUT, partitions=LOG_PARTITIONS - 1), own(ALERTS, partitions=9)],
            i_lose_order=False,
        )
        wanted = f"partitions {LOG_PARTITIONS - 1}, wanted {LOG_PARTITIONS}"
        assert f"refused  {FUSION_INPUT}: {wanted}: {Risk.FIXED}" in run(config, "diff").output
        refusal = run(config, "apply", "--i-lose-order").exception
        assert isinstance(refusal, TopicRefused)
        assert all(name in str(refusal) for name in (FUSION_INPUT, ALERTS))
