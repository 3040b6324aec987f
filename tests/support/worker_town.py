"""A town on an Apache Kafka of its own for a test: its topics, its pillars, and shipped workers that are ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from streams.kafka import topics
from streams.kafka.acls import group_of
from streams.kafka.config import KafkaConfig
from streams.worker.settings import RuntimeSettings
from tests.support.presses import NumberedFeed, press_feed
from tests.support.shipped_workers import ShippedWorkers, shipped_workers
from tests.support.wiped_kafka import wiped

PILLARS = 160


class WorkerTown(NamedTuple):
    """What a test works with.

    Attributes:
        kafka: How workers reach the broker.
        presses: The pillar feed; each press is of another pillar of the registry.
        workers: Starts workers.
    """

    kafka: KafkaConfig
    presses: NumberedFeed
    workers: ShippedWorkers


@contextmanager
def worker_town(kafka: KafkaConfig, folder: Path, pillars: int = PILLARS) -> Iterator[WorkerTown]:
    """Wipe the broker, make the topics and the registry; at the end stop the workers and wipe again."""
    with wiped(kafka):
        topics.apply(kafka, i_lose_order=False)
        presses = press_feed(kafka, pillars)
        with shipped_workers(folder) as workers:
            yield WorkerTown(kafka, presses, workers)


def group_name(worker: str) -> str:
    """The consumer group of the first set of a worker."""
    return group_of(worker, RuntimeSettings().group_prefix, "")
