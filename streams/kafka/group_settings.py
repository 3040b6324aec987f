"""What a member of a worker's group starts from, and what its errors mean."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError

from streams.kafka.client_settings import consumer_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.fetch_limits import fetch_limits

CLIENT_PREFIX: Final = "callbox-"
"""Begins the client id of every worker: a member of our group with another one is foreign."""

GROUP_REFUSED_S: Final = 5.0
"""How long the group may refuse us after a session has passed: a member of an earlier release that has ended without
leaving stays in the group for so long."""

STATISTICS_MS: Final = 500

_ONE_ASSIGNOR: Final = (
    "another program or an earlier release is in this group, with another assignor or protocol: "
)

GROUP_REFUSALS: Final[Mapping[int, str]] = {
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: _ONE_ASSIGNOR,
    KafkaError.GROUP_ID_NOT_FOUND: _ONE_ASSIGNOR,
    KafkaError.UNSUPPORTED_VERSION: _ONE_ASSIGNOR,
    KafkaError.GROUP_MAX_SIZE_REACHED: "the group has as many members as group.max.size of the broker allows: ",
    KafkaError.INVALID_SESSION_TIMEOUT: (
        "[kafka] session_timeout_ms {session_ms} lies outside of group.min.session.timeout.ms and "
        "group.max.session.timeout.ms of the broker: "
    ),
    KafkaError.INVALID_GROUP_ID: "[runtime] group_prefix makes no name that the broker takes: ",
}
"""Errors by which a group refuses us, and what an operator looks at."""

READ_AGAIN: Final = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - librdkafka's public names begin so
        KafkaError._LOG_TRUNCATION,  # noqa: SLF001
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)
"""What was to be fetched next is not there: retention took it, or the partition is another one or shorter."""

EMPTY_BATCH_CODES: Final = frozenset(
    {KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION}  # noqa: SLF001 - as above
)
"""A batch that cannot be unpacked: damaged, or too large once it is (streams/kafka/batch_end.py)."""

FETCHED_AHEAD_BYTES: Final = 16 << 20
"""What librdkafka fetches ahead of us at least."""

_QUEUE_BACKOFF_MS: Final = 20
"""How long librdkafka waits when that is full; its default of a second would leave an agent without work."""

_ERROR_BACKOFF_MS: Final = 10
"""How long a partition rests after a fetch that failed. librdkafka: 500; presses would wait as long behind each batch
that unpacks to too much."""


def group_settings(
    config: KafkaConfig, group: str, client_id: str, fetch_bytes: int, topics: Iterable[str] = ()
) -> dict[str, Any]:
    """The settings of a member.

    Args:
        config: The broker.
        group: The consumer group.
        client_id: Begins with `CLIENT_PREFIX`.
        fetch_bytes: The most bytes that a fetch brings for a partition.
        topics: What it reads: their largest record must fit.
    """
    return (
        consumer_settings(config, group)
        | fetch_limits(config, topics, fetch_bytes)
        | {
            "client.id": client_id,
            "partition.assignment.strategy": "cooperative-sticky",
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # where to begin is decided by us, and told
            "enable.partition.eof": not config.capabilities.exact_high_watermark,
            "queued.max.messages.kbytes": max(FETCHED_AHEAD_BYTES, 2 * fetch_bytes) >> 10,
            "fetch.queue.backoff.ms": _QUEUE_BACKOFF_MS,
            "fetch.error.backoff.ms": _ERROR_BACKOFF_MS,
            "statistics.interval.ms": STATISTICS_MS,
            "topic.metadata.refresh.interval.ms": 5_000,  # new partitions and leaders that moved: within 10 s
        }
    )
