"""What happens to topics and offsets behind the back of a worker: made anew, moved, cut short, given partitions."""

from collections.abc import Mapping
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, only not in its __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from schemas.topics import LOG_PARTITIONS
from streams.clock import pause
from streams.kafka import topics
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import bounds

ASK_S = 20.0
PAUSE_S = 0.1
CLEANUP: Final = "cleanup.policy"


def admin_of(kafka: KafkaConfig) -> AdminClient:
    return AdminClient(librdkafka_settings(kafka))


def make_anew(kafka: KafkaConfig, *names: str) -> None:
    """Delete topics and create them again with the settings of the catalogue, as `callbox topics diff` advises."""
    admin = admin_of(kafka)
    for future in admin.delete_topics(list(names)).values():
        future.result(ASK_S)
    while set(names) & set(admin.list_topics(timeout=ASK_S).topics):
        pause(PAUSE_S)
    topics.apply(kafka, i_lose_order=False)


def ends_of(kafka: KafkaConfig, topic: str, partitions: int = LOG_PARTITIONS) -> dict[int, int]:
    """The offset after the last record of each partition."""
    return {partition: bounds(kafka, topic, partition)[1] or 0 for partition in range(partitions)}


def committed_by(
    kafka: KafkaConfig, group: str, topic: str, partitions: int = LOG_PARTITIONS
) -> list[TopicPartition]:
    """What a group has committed, with the metadata of each commit."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    admin = admin_of(kafka)  # it must live until the answer is there
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    return list(asked[group].result(ASK_S).topic_partitions or ())


def commit_for(kafka: KafkaConfig, group: str, places: list[TopicPartition]) -> None:
    """Commit for a group without members; a place may carry metadata."""
    admin = admin_of(kafka)  # as above
    asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    for place in asked[group].result(ASK_S).topic_partitions or ():
        assert place.error is None, place.error


def take_records(kafka: KafkaConfig, topic: str, before: Mapping[int, int]) -> None:
    """Delete all records of partitions before an offset, as retention does.

    A compacted topic refuses that; it gets a retention for the moment.
    """
    admin = admin_of(kafka)
    was = _cleanup_of(admin, topic)
    if "delete" not in was:
        _set_cleanup(admin, topic, f"{was},delete")
    gone = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
    for taken in admin.delete_records(gone).values():
        taken.result(ASK_S)
    if "delete" not in was:
        _set_cleanup(admin, topic, was)


def add_partitions(kafka: KafkaConfig, topic: str, total: int) -> None:
    """Give a topic more partitions, `total` in all."""
    admin = admin_of(kafka)  # as above
    admin.create_partitions([NewPartitions(topic, total)])[topic].result(ASK_S)


def _cleanup_of(admin: AdminClient, topic: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return str(admin.describe_configs([resource])[resource].result(ASK_S)[CLEANUP].value)


def _set_cleanup(admin: AdminClient, topic: str, value: str) -> None:
    entry = ConfigEntry(CLEANUP, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(ASK_S)
