"""The practical limit in Python: one confluent-kafka loop that does the job and nothing else.

consume 1,000 ─► job ─► produce ─► flush, every answer looked at ─► once a second: commit
"""

import sys
import time
from typing import Any

from confluent_kafka import Consumer, Message, Producer

from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS, Job, load_job

MOST = 1000
COMMIT_S = 1.0  # as callbox ships


class Refused(Exception):
    """The broker did not take a record."""


def run(bootstrap: str, feed: str, group: str) -> None:
    """Do the job until killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(  # it may linger: a flush does not wait for that, and requests are fewer
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
        }
    )
    job = load_job(bootstrap, feed)
    consumer.subscribe([INPUTS[feed]])
    committed_at, stored = time.monotonic(), False
    while True:
        messages = [message for message in consumer.consume(MOST, 0.1) if message.error() is None]
        if messages:
            _deliver(producer, OUTPUTS[feed], job, messages)
            for message in {message.partition(): message for message in messages}.values():
                consumer.store_offsets(message)
            stored = True
        if stored and time.monotonic() - committed_at >= COMMIT_S:
            consumer.commit(asynchronous=False)
            committed_at, stored = time.monotonic(), False


def _deliver(producer: Producer, topic: str, job: Job, messages: list[Message]) -> None:
    failures: list[Any] = []

    def delivered(error: Any, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    for message in messages:
        for answer in job(message.value() or b"", message.timestamp()[1]):
            producer.produce(topic, answer.value, answer.key, on_delivery=delivered)
    producer.flush()
    if failures:
        raise Refused(str(failures[0]))


if __name__ == "__main__":
    run(*sys.argv[1:4])
