"""Refreshes the metadata when a partition's leader has moved while its first offset is asked for.

    no committed offset ─► ask the leader for the first offset ─► it answers ─► fetch
                                  ▲    └─ it leads no longer ─► refresh the metadata ─┐
                                  └───────────────────────────────────────────────────┘

aiokafka 0.14 does not refresh it: it asks the same node every 100 ms until its metadata is refreshed for another
reason, by default after five minutes, and fetches nothing of the other partitions of that node meanwhile. Found by
`python -m benchmarks.chaos --brokers 3`: presses waited for 103 s behind an empty topic of acknowledgements. Known as
robinhood/aiokafka #9; the Java client had the same until KAFKA-9535.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

_NO_LEADER = (None, -1)


def refresh_leaders(consumer: AIOKafkaConsumer) -> None:
    """Make a started consumer refresh its metadata whenever a node does not answer where a partition begins."""
    fetcher, client = consumer._fetcher, consumer._client  # noqa: SLF001 - there is no other way in
    ask = fetcher._proc_offset_request  # noqa: SLF001 - as above

    async def ask_and_look(node_id: int, topic_data: Mapping[str, Any]) -> Any:
        try:
            return await ask(node_id, topic_data)
        except TopicAuthorizationFailedError:
            raise  # another node would refuse us too
        except KafkaError:
            client.force_metadata_update()
            raise

    fetcher._proc_offset_request = ask_and_look  # noqa: SLF001 - as above


def has_leader(consumer: AIOKafkaConsumer, place: TopicPartition) -> bool:
    """Whether a partition has a leader by the consumer's metadata: if not, a restart of ours does not help."""
    leader: int | None = consumer._client.cluster.leader_for_partition(place)  # noqa: SLF001 - as above
    return leader not in _NO_LEADER
