"""A Kafka that is as good as new: none of callbox's topics, none of its consumer groups.

Workers read the topics of the catalogue by their one name each, so tests with workers cannot stand side by side on one
broker. One after the other they can.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from callbox_testkit.brokers.wipe import wipe
from streams.kafka.config import KafkaConfig


@contextmanager
def wiped(kafka: KafkaConfig) -> Iterator[KafkaConfig]:
    """Nothing of callbox is there at the beginning, and nothing is left at the end."""
    wipe(kafka)
    try:
        yield kafka
    finally:
        wipe(kafka)
