"""The peer of the latency bench: the same two hops with nothing but confluent-kafka (forward, deliver, commit).

    honest-in ─► hop ─► honest-middle ─► hop ─► honest-out, an alert's size
                                          └───► honest-copy, the same once more, compacted
    bare-in   ─► hop ─► bare-middle   ─► hop ─► bare-out, as it came

The honest hops do what no worker can leave out: they commit once a second, without waiting, what is delivered, and the
second writes two records of an alert's size, as `fusion` does. The bare hops wait for a commit after each batch and
write one small record; they stand beside the others because earlier figures were measured against them.
"""

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, Producer

from schemas.topics import BY_NAME, INCIDENTS, PILLAR_EVENTS, Topic

MOST = 1000
COMMIT_EACH_S = 1.0
"""How often the honest hops commit: as often as our workers do."""


class Hops(NamedTuple):
    """The topics of two hops.

    Attributes:
        source: Where presses are sent to.
        middle: Between the hops.
        target: Where they come out.
        copy: The second record that the second hop writes; None if it writes one.
    """

    source: str
    middle: str
    target: str
    copy: str | None = None

    @property
    def topics(self) -> tuple[Topic, ...]:
        """As many partitions, and kept as long, as those of the workers."""
        feed, incidents = BY_NAME[PILLAR_EVENTS], BY_NAME[INCIDENTS]
        copies = (_like(incidents, self.copy),) if self.copy else ()
        return (*(_like(feed, name) for name in (self.source, self.middle, self.target)), *copies)

    def commands(self, bootstrap: str, alert_bytes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The arguments of the two processes."""
        first = ("--bootstrap", bootstrap, "--source", self.source, "--target", self.middle)
        second = ("--bootstrap", bootstrap, "--source", self.middle, "--target", self.target)
        if self.copy is None:
            return first, second
        each = ("--commit-each-s", str(COMMIT_EACH_S))
        return (*first, *each), (*second, *each, "--target", self.copy, "--bytes", str(alert_bytes))


HONEST = Hops("bench.honest-in", "bench.honest-middle", "bench.honest-out", "bench.honest-copy")
BARE = Hops("bench.bare-in", "bench.bare-middle", "bench.bare-out")


def hop(bootstrap: str, source: str, targets: Sequence[str], commit_each_s: float, size: int) -> None:
    """Forward records until killed; only what is delivered is committed.

    Args:
        bootstrap: The broker.
        source: Topic that is read.
        targets: Topics that each record is written to.
        commit_each_s: How often to commit, without waiting for the answer; 0 waits for a commit after each batch.
        size: Bytes to which each record is filled up.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bench.{source}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "partitioner": "murmur2_random",
        }
    )
    consumer.subscribe([source])
    committed_at = time.monotonic()
    while True:
        first = consumer.poll(1.0)
        if first is None:
            continue
        messages = [m for m in (first, *consumer.consume(MOST - 1, 0)) if m.error() is None]
        for message in messages:
            value = (message.value() or b"").ljust(size, b"\0")
            for target in targets:
                producer.produce(target, value, message.key())
        producer.flush()
        if not commit_each_s:
            consumer.commit(asynchronous=False)
        elif time.monotonic() - committed_at >= commit_each_s:
            consumer.commit(asynchronous=True)
            committed_at = time.monotonic()


def _like(topic: Topic, name: str) -> Topic:
    return Topic(
        name=name,
        key=topic.key,
        record=topic.record,
        partitions=topic.partitions,
        retention_ms=topic.retention_ms,
        cleanup=topic.cleanup,
    )


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", action="append", required=True)
    parser.add_argument("--commit-each-s", type=float, default=0.0)
    parser.add_argument("--bytes", type=int, default=0)
    given = parser.parse_args()
    hop(given.bootstrap, given.source, given.target, given.commit_each_s, given.bytes)


if __name__ == "__main__":
    _main()
