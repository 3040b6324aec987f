"""The peer of the latency bench: the same two hops with nothing but confluent-kafka (forward, deliver, commit).

IN ─► hop ─► MIDDLE ─► hop ─► OUT
"""

import sys

from confluent_kafka import Consumer, Producer

IN, MIDDLE, OUT = "bench.bare-in", "bench.bare-middle", "bench.bare-out"
MOST = 1000


def hop(bootstrap: str, source: str, target: str) -> None:
    """Forward records until killed; a batch is committed after all of it is delivered."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bare.{source}",
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
    while True:
        first = consumer.poll(1.0)
        if first is None:
            continue
        messages = [m for m in (first, *consumer.consume(MOST - 1, 0)) if m.error() is None]
        for message in messages:
            producer.produce(target, message.value(), message.key())
        producer.flush()
        consumer.commit(asynchronous=False)


if __name__ == "__main__":
    hop(*sys.argv[1:4])
