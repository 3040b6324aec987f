"""A consumer of some other program that joins a group of ours, reads, and commits what it has read."""

import threading
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.kafka.admin import admin_client
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig

POLL_S = 0.2
JOINS_S = 30.0

CLASSIC = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500}


def assignor_of(kafka: KafkaConfig, group: str) -> str:
    """The assignor on which the members of a group have agreed: whoever joins must offer it too."""
    admin = admin_client(kafka, [])  # it must live until the answer is there
    return str(admin.describe_consumer_groups([group])[group].result(JOINS_S).partition_assignor)


class FakeClient:
    """It runs in a thread of its own, to which its consumer belongs.

    Args:
        kafka: The broker.
        group: The group that it joins.
        topic: What it reads.
        settings: librdkafka's, over those of a client that begins at the oldest record.
    """

    def __init__(self, kafka: KafkaConfig, group: str, topic: str, settings: dict[str, Any]) -> None:
        self._consumer = Consumer(
            {
                **librdkafka_settings(kafka),
                "client.id": "dashboard",
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                **settings,
            }
        )
        self._group, self._topic = group, topic
        self._stopping, self._joined = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake-client", daemon=True)
        self.taken: list[tuple[int, int]] = []
        """Partition and offset of each record that it has read and committed."""
        self.partitions: set[int] = set()
        """The partitions that it has."""

    def wait_until_joined(self) -> None:
        """Return once the group has given it its share, which may be nothing."""
        assert self._joined.wait(JOINS_S), f"the group {self._group} did not take the client"

    def _run(self) -> None:
        consumer = self._consumer
        consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked)
        try:
            while not self._stopping.is_set():
                message = consumer.poll(POLL_S)
                if message is not None and message.error() is None:
                    self._commit(consumer, message)
        finally:
            consumer.close()

    def _commit(self, consumer: Consumer, message: Message) -> None:
        try:
            consumer.commit(message=message, asynchronous=False)
        except KafkaException:  # the group is being shared out again: the record stays with whoever gets it
            return
        self.taken.append((message.partition() or 0, message.offset() or 0))

    def _assigned(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self.partitions |= {place.partition for place in places}
        self._joined.set()

    def _revoked(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self.partitions -= {place.partition for place in places}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(JOINS_S)
