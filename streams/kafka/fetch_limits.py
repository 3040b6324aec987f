"""How much of a topic a client takes at once, compressed and unpacked (docs/adr/0029).

`receive.message.max.bytes` is two limits in librdkafka: the largest answer of a broker, and the most that a batch in
zstd may unpack to. gzip, lz4 and snappy have no limit of their own in it: there the largest batch that the topic
takes, times the codec's highest ratio, is the bound.
"""

from collections.abc import Iterable
from typing import Any, Final

from schemas.topics import BY_NAME
from streams.kafka.config import KafkaConfig

UNPACKED_BYTES: Final = 8 << 20
"""What a batch of small records may unpack to. Clients close a batch of at most 1 MiB by its compressed size, and
events and acknowledgements compress to a sixth; of the smallest records that there are it holds a million."""

UNPACKED_SETTING: Final = "receive.message.max.bytes"
"""librdkafka's name of the limit."""

_RECORD_BYTES: Final = 1 << 20
"""The largest record of a topic that is not in the catalogue."""

_EMBEDDED_FACTOR: Final = 4
"""The embedded broker answers with more than it is asked for."""


def fetch_limits(config: KafkaConfig, topics: Iterable[str], fetch_bytes: int = 1 << 20) -> dict[str, Any]:
    """The settings of a consumer that reads these topics.

    Args:
        config: The broker.
        topics: The topics.
        fetch_bytes: The most bytes that a fetch brings for a partition; a single larger batch comes all the same.
    """
    records = [BY_NAME[topic].max_message_bytes for topic in topics if topic in BY_NAME]
    unpacked = max(UNPACKED_BYTES, 2 * max([_RECORD_BYTES, *records]), 2 * fetch_bytes)
    is_exact = config.capabilities.obeys_settings
    return {
        "max.partition.fetch.bytes": fetch_bytes,
        "fetch.max.bytes": unpacked // 2,
        UNPACKED_SETTING: unpacked if is_exact else _EMBEDDED_FACTOR * unpacked,
    }
