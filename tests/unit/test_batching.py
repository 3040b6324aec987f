"""Batches through Faust: how a fetch is cut, what an ack means, and that the pinned Faust is the one we override."""

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.app import create_app
from streams.batching import Batch, BatchConsumer, BatchConsumerThread, BatchRecord, scheduler_of
from streams.kafka_config import KafkaConfig
from streams.settings import RuntimeSettings, WorkerSettings
from tests.batching import GENERATION, make_consumer, message
from tests.fakes import batch, consumed, run

A, B = TP("topic", 0), TP("topic", 1)


# --- how a fetch is cut -------------------------------------------------------------------------------------------


def test_a_fetch_is_cut_into_batches_in_order() -> None:
    fetched = {A: [consumed(b"x", offset=offset) for offset in range(7)]}
    cut = list(scheduler_of(3)().iterate(fetched))
    assert [tp for tp, _ in cut] == [A, A, A]
    assert [[record.offset for record in each.value] for _, each in cut] == [[0, 1, 2], [3, 4, 5], [6]]


def test_no_batch_holds_records_of_two_partitions() -> None:
    fetched = {
        tp: [consumed(b"x", partition=tp.partition, offset=offset) for offset in range(3)] for tp in (A, B)
    }
    cut = list(scheduler_of(1000)().iterate(fetched))
    assert {tp: {record.partition for record in each.value} for tp, each in cut} == {A: {0}, B: {1}}


def test_an_empty_fetch_gives_nothing() -> None:
    assert list(scheduler_of(3)().iterate({A: []})) == []


def test_a_batch_begins_with_its_first_record_and_ends_after_its_last_whatever_is_missing_between() -> None:
    found = Batch(consumed(b"x", offset=offset) for offset in (4, 5, 9))
    assert (found.start, found.end) == (4, 10)


def test_a_batch_looks_like_its_last_record() -> None:
    last = consumed(b"345", offset=2, partition=1)
    cut = BatchRecord([consumed(b"12", offset=1, partition=1), last])
    assert (cut.topic, cut.partition, cut.offset, cut.timestamp) == ("topic", 1, 2, last.timestamp)
    assert cut.serialized_value_size == 5


def test_a_batch_shows_its_place_and_no_content() -> None:
    assert repr(batch(b"B12345", b"x", topic="topic", start=4)) == "Batch(topic[0]@4-6)"


# --- what an ack means --------------------------------------------------------------------------------------------


def test_a_commit_is_the_end_of_the_last_acked_batch() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        for each in (message(A, 0, 10), message(B, 3, 4), message(A, 10, 12)):
            consumer.track_message(each)
            assert consumer.ack(each)
        assert await consumer.commit()
        assert thread.committed == [{A: 12, B: 4}]
        assert (consumer.committed(A), consumer.committed(B)) == (12, 4)
        assert not consumer.unacked

    run(scene())


def test_what_is_committed_is_not_committed_again() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        assert not await consumer.commit()
        assert len(thread.committed) == 1

    run(scene())


def test_the_highest_end_wins() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 10, 12))
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        assert thread.committed == [{A: 12}]

    run(scene())


def test_a_second_ack_of_a_batch_changes_nothing() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        acked = message(A, 0, 10)
        assert consumer.ack(acked)
        assert not consumer.ack(acked)

    run(scene())


@pytest.mark.parametrize("generation", [GENERATION - 1, GENERATION + 1])
def test_a_batch_of_another_generation_is_done_and_never_committed(generation: int) -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        old = message(A, 0, 10, generation)
        consumer.track_message(old)
        assert not consumer.ack(old)
        assert not await consumer.commit()
        assert thread.committed == []
        assert not consumer.unacked, "a rebalance would wait for it"

    run(scene())


def test_only_the_partitions_asked_for_are_committed() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B, TP("other", 0))
        for tp in (A, B, TP("other", 0)):
            consumer.ack(message(tp, 0, 1))
        await consumer.commit(topics={B})
        await consumer.commit(topics={"other"})
        assert thread.committed == [{B: 1}, {TP("other", 0): 1}]

    run(scene())


def test_a_partition_that_is_not_ours_any_more_is_not_committed() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        consumer.ack(message(A, 0, 10))
        thread.assigned = {B}
        assert not await consumer.commit()
        assert thread.committed == []

    run(scene())


def test_a_revoked_partition_is_forgotten() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        consumer.ack(message(A, 0, 10))
        consumer.ack(message(B, 0, 5))
        await consumer.on_partitions_revoked({A})
        await consumer.commit()
        assert thread.committed == [{B: 5}]

    run(scene())


def test_what_is_done_when_partitions_are_revoked_is_committed_first() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))

        async def commit(_revoked: set[TP]) -> None:
            await consumer.commit()  # as App._on_partitions_revoked does through wait_empty

        consumer._on_partitions_revoked = commit
        await consumer.on_partitions_revoked({A})
        assert thread.committed == [{A: 10}]

    run(scene())


def test_an_ack_between_revocation_and_assignment_is_never_committed() -> None:
    """Another owner may have gone on meanwhile: the commit would throw the group back."""

    async def scene() -> None:
        consumer, thread = make_consumer(A)
        await consumer.on_partitions_revoked({A})
        consumer.ack(message(A, 0, 10))
        consumer.app.consumer_generation_id = GENERATION + 1
        await consumer.on_partitions_assigned({A}, GENERATION + 1)
        assert not await consumer.commit()
        assert thread.committed == []

    run(scene())


def test_a_seek_back_forgets_what_was_acked_since_the_commit() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        consumer.ack(message(A, 10, 20))
        await consumer.perform_seek()
        assert not await consumer.commit()
        assert consumer.committed(A) == 10
        consumer.ack(message(A, 10, 15))
        await consumer.commit()
        assert thread.committed == [{A: 10}, {A: 15}]

    run(scene())


def test_an_ack_wakes_whoever_waits_for_the_last_one() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        last = message(A, 0, 10)
        consumer.track_message(last)
        emptied = asyncio.create_task(consumer.wait_empty())
        for _ in range(20):
            await asyncio.sleep(0)
        waited_for = consumer._waiting_for_ack
        assert waited_for is not None
        consumer.ack(last)
        assert waited_for.done(), "a rebalance would take a second longer"
        await emptied

    run(scene())


# --- whether anything waits ---------------------------------------------------------------------------------------


def at_place(consumer: BatchConsumer, *, position: int | None, highwater: int | None) -> None:
    """Give the fetching thread's view of partition A, in the classes that aiokafka has for it."""

    class Found:
        def state_value(self, place: object) -> TopicPartitionState:
            assert place == A
            state = TopicPartitionState(None)
            state.highwater = highwater
            if position is not None:
                state.seek(position)
            return state

    class Subscription:
        assignment = Found()

    class Subscriptions:
        subscription = Subscription()

    class Fetching:
        _subscription = Subscriptions()

    consumer._thread._ensure_consumer = Fetching  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("position", "highwater", "expected"),
    [(None, None, False), (5, None, False), (5, 5, False), (5, 6, True)],
)
def test_records_wait_when_the_broker_has_more_than_was_fetched(
    position: int | None, highwater: int | None, expected: bool
) -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=position, highwater=highwater)
        assert consumer.has_waiting(A) is expected

    run(scene())


def test_records_wait_until_they_are_acked_and_committed() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=10, highwater=10)
        fetched = message(A, 0, 10)
        consumer.track_message(fetched)
        assert consumer.has_waiting(A)
        consumer.ack(fetched)
        assert consumer.has_waiting(A)
        await consumer.commit()
        assert not consumer.has_waiting(A)

    run(scene())


def test_nothing_waits_on_a_partition_whose_records_retention_took_before_anybody_read_them() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=5_000, highwater=5_000)
        assert consumer.committed(A) is None
        assert not consumer.has_waiting(A)

    run(scene())


# --- the pinned libraries -----------------------------------------------------------------------------------------


def test_the_versions_whose_internals_are_overridden_are_installed() -> None:
    """On a new version read streams/batching.py against it, run the kill tests, then change this."""
    pinned = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}
    assert {name: version(name) for name in pinned} == pinned


def test_what_is_overridden_has_the_signatures_that_it_had() -> None:
    def names(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert names(Consumer.ack) == ["self", "message"]
    assert names(Consumer._new_offset) == ["self", "tp"]
    assert names(Consumer._filter_tps_with_pending_acks) == ["self", "topics"]
    assert names(Consumer._add_gap) == ["self", "tp", "offset_from", "offset_to"]
    assert names(Consumer.perform_seek) == ["self"]
    assert names(Consumer.on_partitions_revoked) == ["self", "revoked"]
    assert names(Consumer.on_partitions_assigned) == ["self", "assigned", "generation_id"]
    assert names(driver.Consumer._new_consumer_thread) == ["self"]
    assert names(driver.AIOKafkaConsumerThread._create_worker_consumer) == ["self", "transport"]
    assert names(DefaultSchedulingStrategy.iterate) == ["self", "records"]


def test_every_override_overrides_something() -> None:
    ours = {name for name in vars(BatchConsumer) if not name.startswith("__")}
    added = {"thread_class", "committed", "has_waiting"}
    assert [name for name in ours - added if not hasattr(driver.Consumer, name)] == []
    assert hasattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer")


def test_a_consumer_has_the_attributes_that_are_relied_on() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        message(A, 0, 1)
        assert consumer._unacked_messages is not None
        assert consumer._committed_offset[A] is None
        assert consumer._waiting_for_ack is None
        assert consumer.app.consumer_generation_id == GENERATION

    run(scene())


def test_the_embedded_broker_is_not_waited_for_in_a_fetch() -> None:
    """Faust hard-codes 1,500 ms; aiokafka reads the attribute when the consumer starts."""
    assert "self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer)

    async def scene() -> int:
        app = create_app(
            "group", KafkaConfig(bootstrap="127.0.0.1:1"), WorkerSettings(http_port=0), RuntimeSettings()
        )
        assert isinstance(app.consumer, BatchConsumer)
        thread = app.consumer._new_consumer_thread()
        assert isinstance(thread, BatchConsumerThread)
        wait_ms: int = thread._create_worker_consumer(app.transport)._fetch_max_wait_ms
        return wait_ms

    assert run(scene()) == 500
