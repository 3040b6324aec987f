"""How many records of a topic a worker has not committed."""

from confluent_kafka import Consumer, TopicPartition

from streams.kafka.acls import group_of
from streams.worker.settings import RuntimeSettings

ASK_S = 10.0


class GroupLag:
    """Asks the broker about one consumer group; it does not join it.

    Args:
        bootstrap: The broker.
        worker: The worker whose group it is.
        topic: A topic that it reads.
    """

    def __init__(self, bootstrap: str, worker: str, topic: str) -> None:
        self._topic = topic
        group = group_of(worker, RuntimeSettings().group_prefix)
        self._asking = Consumer({"bootstrap.servers": bootstrap, "group.id": group})

    def records(self) -> int:
        """The records that are not committed; of a partition without a commit all of them."""
        partitions = self._asking.list_topics(self._topic, timeout=ASK_S).topics[self._topic].partitions
        places = [TopicPartition(self._topic, number) for number in partitions]
        return sum(
            self._asking.get_watermark_offsets(place, timeout=ASK_S)[1] - max(place.offset, 0)
            for place in self._asking.committed(places, timeout=ASK_S)
        )

    def close(self) -> None:
        """Close the connection."""
        self._asking.close()
