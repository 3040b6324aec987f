"""Two brokers and what lies where: pictures on the first or on the second, everything else on the first.

    node 1: controller and broker ── alarms, fusion, honest hops; pictures too, unless they have a broker of their own
    node 2: broker                ── topics of pictures, in two of the conditions; else idle

Both run throughout, so that one run holds all conditions. A listener PICTURES with one network thread is on both.
"""

import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, only not in its __all__
    AdminClient,
    NewTopic,
)

from benchmarks.beside_pictures.conditions import MAIN, OWN
from benchmarks.support import backlog
from benchmarks.support.bench_broker import BENCH_JVM
from callbox_testkit.brokers.cluster import KafkaCluster, Node
from schemas.topics import BY_NAME, CATALOGUE, EVIDENCE, FRAMES, PLATE_READS, Topic
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.topic_plan import wanted_settings

LISTENER = "PICTURES"
NETWORK_THREADS = {f"listener.name.{LISTENER.lower()}.num.network.threads": "1"}
PICTURE_TOPICS = frozenset({FRAMES, PLATE_READS, EVIDENCE})

_OFFSETS = "__consumer_offsets"
_OFFSETS_SETTINGS = {
    "cleanup.policy": "compact",
    "compression.type": "producer",
    "segment.bytes": "104857600",
}
_OFFSETS_PARTITIONS = 4  # as in kafka-server.properties
_ASK_S = 30.0
_WARM_TOPIC = "bench.warm-pictures"
_WARM_FRAMES = 300
_NICE_0 = 20
"""The RLIMIT_NICE that lets a process go back from SCHED_IDLE to niceness 0 (getrlimit(2))."""


class Site:
    """The brokers.

    Args:
        cache: Folder that keeps the jars between runs.
    """

    def __init__(self, cache: Path) -> None:
        self._cluster = KafkaCluster(
            cache, 1, brokers=1, listeners=(LISTENER,), settings=NETWORK_THREADS, jvm=BENCH_JVM
        )
        self.pictures_on = MAIN

    @property
    def main(self) -> Node:
        """The node that carries everything but, perhaps, pictures."""
        return self._cluster.nodes[0]

    @property
    def own(self) -> Node:
        """The node that pictures can have for themselves."""
        return self._cluster.nodes[1]

    @property
    def kafka(self) -> KafkaConfig:
        """How everybody but the pictures connects."""
        return KafkaConfig(bootstrap=self.main.address)

    def make_catalogue(self) -> None:
        """Create callbox's topics, those of pictures on the broker that they are to lie on."""
        self.make(CATALOGUE, lambda topic: self.pictures_on if topic.name in PICTURE_TOPICS else MAIN)

    def make(self, topics: Iterable[Topic], node_of: Callable[[Topic], int] = lambda _topic: MAIN) -> None:
        """Create topics with one replica each.

        Args:
            topics: As the catalogue describes them.
            node_of: Where each is to lie.
        """
        self._create(
            NewTopic(
                topic.name,
                topic.partitions,
                replica_assignment=[[node_of(topic)]] * topic.partitions,
                config=wanted_settings(topic, 1, self.kafka.capabilities),
            )
            for topic in topics
        )

    def warm(self) -> None:
        """Send pictures through the second broker and read them: its JVM has nothing else to be warmed up by."""
        frames = BY_NAME[FRAMES]
        self._create(
            [NewTopic(_WARM_TOPIC, frames.partitions, replica_assignment=[[OWN]] * frames.partitions)]
        )
        publish(self.kafka, [record._replace(topic=_WARM_TOPIC) for record in backlog.frames(_WARM_FRAMES)])
        reading = Consumer(
            {**librdkafka_settings(self.kafka), "group.id": "bench", "auto.offset.reset": "earliest"}
        )
        reading.subscribe([_WARM_TOPIC])
        left = _WARM_FRAMES
        while left:
            left -= len([m for m in reading.consume(left, _ASK_S) if m.error() is None])
        reading.close()

    @contextmanager
    def in_background(self, node: Node) -> Iterator[None]:
        """A node runs as SCHED_IDLE within the block."""
        self._schedule(node, os.SCHED_IDLE)
        try:
            yield
        finally:
            self._schedule(node, os.SCHED_OTHER)

    def _schedule(self, node: Node, policy: int) -> None:
        for task in Path(f"/proc/{node.pid}/task").iterdir():  # threads that begin later inherit it
            try:
                os.sched_setscheduler(int(task.name), policy, os.sched_param(0))
            except ProcessLookupError:  # the thread has ended
                continue

    def _create(self, topics: Iterable[NewTopic]) -> None:
        admin = AdminClient(librdkafka_settings(self.kafka))
        for future in admin.create_topics(list(topics), operation_timeout=_ASK_S).values():
            future.result(_ASK_S)

    def __enter__(self) -> Self:
        try:
            self._cluster.start_all()
            self._place_offsets()
        except BaseException:  # also Ctrl-C: nothing may be left running
            self._cluster.close()
            raise
        return self

    def _place_offsets(self) -> None:
        """Kafka would spread them over both brokers: commits of presses would lie on that of the pictures."""
        offsets = NewTopic(
            _OFFSETS,
            _OFFSETS_PARTITIONS,
            replica_assignment=[[MAIN]] * _OFFSETS_PARTITIONS,
            config=_OFFSETS_SETTINGS,
        )
        self._create([offsets])

    def __exit__(self, *_: object) -> None:
        self._cluster.close()


def may_reschedule() -> bool:
    """Whether this user may make a process SCHED_IDLE and take that back."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NICE)
    return os.geteuid() == 0 or soft == resource.RLIM_INFINITY or soft >= _NICE_0
