"""A batch consumer without a broker: its fetching thread is a record of what was committed."""

from collections.abc import Mapping
from typing import Any

from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.faust.app import create_app
from streams.kafka.batch import Batch
from streams.kafka.config import KafkaConfig
from streams.worker.settings import WorkerSettings
from tests.support.fakes import KAFKA, batch

GENERATION = 7


class FakeThread:
    """The fetching thread: what is assigned, and what was committed."""

    def __init__(self, assigned: set[TP]) -> None:
        self.assigned = assigned
        self.paused_topics: frozenset[str] = frozenset()
        self.committed: list[Mapping[TP, int]] = []
        self.at_broker: dict[TP, int] = {}

    def assignment(self) -> set[TP]:
        return self.assigned

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        self.committed.append(dict(offsets))
        self.at_broker.update(offsets)
        return True

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {tp: self.at_broker[tp] for tp in self.assigned if tp in self.at_broker}


def app_consumer(settings: WorkerSettings, kafka: KafkaConfig = KAFKA) -> BatchConsumer:
    """The consumer of a worker's app, not started; needs a running loop."""
    app = create_app(
        "group",
        kafka,
        batch_records=settings.batch_records,
        waiting_batches=settings.waiting_batches,
        fetch_bytes=settings.fetch_bytes,
        commit_interval_s=1.0,
    )
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._thread.thread_loop.close()  # Faust makes it at once and closes it when the thread ends: it never ran
    return consumer


def make_consumer(*assigned: TP) -> tuple[BatchConsumer, FakeThread]:
    """A consumer with a generation, whose thread is a fake."""
    consumer, thread = app_consumer(WorkerSettings(http_port=0)), FakeThread(set(assigned))
    consumer.app.consumer_generation_id = GENERATION
    consumer._thread = thread  # type: ignore[assignment]  # all of it that acks and commits touch

    async def nothing(*_: Any) -> None: ...

    consumer._on_partitions_revoked = nothing
    consumer._on_partitions_assigned = nothing
    return consumer, thread


def message(tp: TP, start: int, end: int, generation: int = GENERATION) -> ConsumerMessage:
    """One batch as the conductor hands it to a stream."""
    value = batch(*[b""] * (end - start), topic=tp.topic, partition=tp.partition, start=start)
    last = BatchRecord(value)
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        0.0,
        1,
        None,
        b"",
        value,  # type: ignore[arg-type]  # Faust's hint says bytes; the codec hands it through
        None,
        tp=tp,
        generation_id=generation,
    )
