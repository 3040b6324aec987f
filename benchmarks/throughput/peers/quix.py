"""Quix Streams: a streaming dataframe with its own consumer, producer and checkpoints, at its defaults.

Its checkpoint flushes the producer, raises on a failed delivery and only then commits
(quixstreams/checkpointing/checkpoint.py, steps 3 and 4, in 3.28.1).
"""

import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # in the peers' own environment
from quixstreams.models import BytesSerializer  # type: ignore[import-not-found]  # as above

from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS, Answer, load_job


class AnswerSerializer(BytesSerializer):  # type: ignore[misc]  # as above
    """Sends the value of an answer; its key is taken from it before."""

    def __call__(self, value: Answer, ctx: Any) -> bytes:  # noqa: ARG002 - Quix passes it by name
        """The bytes of the wire."""
        return value.value


def run(bootstrap: str, feed: str, group: str) -> None:
    """Do the job until killed."""
    app = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="WARNING",
        producer_extra_config={"partitioner": "murmur2_random"},
    )
    source = app.topic(INPUTS[feed], key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(OUTPUTS[feed], key_serializer="bytes", value_serializer=AnswerSerializer())
    job = load_job(bootstrap, feed)

    def work(value: bytes, _key: Any, timestamp_ms: int, _headers: Any) -> list[Answer]:
        return job(value, timestamp_ms)

    answers = app.dataframe(source).apply(work, expand=True, metadata=True)
    answers.to_topic(target, key=lambda answer: answer.key)
    app.run()


if __name__ == "__main__":
    run(*sys.argv[1:4])
