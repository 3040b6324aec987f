"""Where a replica starts to read: no further back than where the first set of workers is.

no committed offset, or an earlier one ─► moved to the first set's: the records before it are processed already
a later offset, or the first has none ─► left as it is
the group has members ─► left as it is: it was moved when the first of them started

Without it a new replica would read its topics from their beginning and send every alert of the last days again.
"""

from collections.abc import Mapping

import structlog
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain

log = structlog.get_logger(__name__)

_ANSWER_S = 10.0
_HAS_MEMBERS = frozenset({KafkaError.NON_EMPTY_GROUP, KafkaError.UNKNOWN_MEMBER_ID})
"""The broker moves no group that has members."""


def advance_to_first_group(kafka: KafkaConfig, partitions: Mapping[str, int], group: str, first: str) -> None:
    """Move a replica's consumer group forward to the offsets of the first set's group.

    Args:
        kafka: The broker.
        partitions: How many each topic has that the workers read.
        group: The replica's consumer group.
        first: That of the first set of workers, which runs without a name.

    Raises:
        BrokerUnavailable: The broker does not answer.
        AccessDenied: We may not see the offsets of the first group, or not set our own.
    """
    client = admin_client(kafka, [])
    wanted = [TopicPartition(topic, number) for topic, count in partitions.items() for number in range(count)]
    try:
        ours, theirs = _committed(client, group, wanted), _committed(client, first, wanted)
        behind = {place: offset for place, offset in theirs.items() if offset > ours[place]}
        if not behind:
            return
        moved = [TopicPartition(topic, number, offset) for (topic, number), offset in behind.items()]
        asked = client.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, moved)], request_timeout=_ANSWER_S
        )
        _raise_for_partitions(asked[group].result())
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        if reason.code() in _HAS_MEMBERS:
            return
        raise explain(kafka, reason) from error
    log.info("replica.moved", group=group, partitions=len(moved), records=_distance(ours, behind))


def _committed(client: AdminClient, group: str, wanted: list[TopicPartition]) -> dict[tuple[str, int], int]:
    """The offset of each partition; negative where the group has none."""
    asked = client.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=_ANSWER_S
    )
    found = asked[group].result()
    _raise_for_partitions(found)
    return {(place.topic, place.partition): place.offset for place in found.topic_partitions or ()}


def _raise_for_partitions(answer: ConsumerGroupTopicPartitions) -> None:
    for place in answer.topic_partitions or ():
        if place.error is not None:
            raise KafkaException(place.error)


def _distance(ours: Mapping[tuple[str, int], int], behind: Mapping[tuple[str, int], int]) -> int:
    return sum(offset - max(0, ours[place]) for place, offset in behind.items())
