"""The watcher: a consumer beside the workers, as a dispatch system has one, that notes when each alert arrives."""

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.alert import Alert
from schemas.codec import decode
from schemas.topics import ALERTS
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.client_settings import consumer_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.topics import partition_count

_GROUP: Final = "callbox-demo-watcher"  # librdkafka requires a group; no offset is committed
_POLL_S: Final = 0.1


class Arrival(NamedTuple):
    """A record that arrived.

    Attributes:
        topic: Its topic.
        value: Its bytes.
        at: When it arrived, by the clock of this process.
    """

    topic: str
    value: bytes
    at: EpochMs


class Watcher:
    """A context manager that reads topics from their beginning in a thread.

    Args:
        kafka: The broker.
        topics: Topics that exist on the broker.
    """

    def __init__(self, kafka: KafkaConfig, topics: Sequence[str]) -> None:
        self.arrivals: list[Arrival] = []
        self._consumer = Consumer(consumer_settings(kafka, _GROUP) | {"fetch.wait.max.ms": 10})
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in topics
                for partition in range(partition_count(kafka, topic))
            ]
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def incident_of(self, device: str) -> str | None:
        """The incident that the first press of a pillar has raised, as far as an alert has told it; no exercise."""
        for arrival in list(self.arrivals):
            if arrival.topic != ALERTS:
                continue
            alert = decode(arrival.value, Alert)
            if alert.press_count and device == next((source.device_id for source in alert.sources), None):
                return alert.incident_id
        return None

    def revision_of(self, incident_id: str) -> int:
        """The latest revision of an incident that an alert has told; 1 where none has."""
        alerts = (decode(each.value, Alert) for each in list(self.arrivals) if each.topic == ALERTS)
        return max((alert.revision for alert in alerts if alert.incident_id == incident_id), default=1)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(_POLL_S)
            if message is None or message.error() is not None:  # an error that lasts fails in `collect`
                continue
            arrival = Arrival(message.topic() or "", message.value() or b"", now_ms())
            self.arrivals.append(arrival)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()
