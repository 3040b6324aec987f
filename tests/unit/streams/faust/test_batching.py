"""Batches through Faust: how a fetch is cut, and that the pinned Faust is the one that we override."""

import inspect
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, codec
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.faust.batching import Batch, BatchConsumer, BatchConsumerThread, BatchRecord, scheduler_of
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig
from streams.worker.settings import WorkerSettings
from tests.support.batch_consumer import GENERATION, app_consumer, make_consumer, message
from tests.support.fakes import batch, consumed, run

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


# --- the pinned libraries -----------------------------------------------------------------------------------------


def test_the_versions_whose_internals_are_overridden_are_installed() -> None:
    """On a new version read streams/faust/batching.py against it, run the kill tests, then change this."""
    pinned = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}
    assert {name: version(name) for name in pinned} == pinned


def test_what_is_overridden_has_the_signatures_that_it_had() -> None:
    def names(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert names(Consumer.ack) == ["self", "message"]
    assert names(Consumer._new_offset) == ["self", "tp"]
    assert names(Consumer._filter_tps_with_pending_acks) == ["self", "topics"]
    assert names(Consumer._add_gap) == ["self", "tp", "offset_from", "offset_to"]
    assert names(Consumer._wait_next_records) == ["self", "timeout"]
    assert names(Consumer._getmany) == ["self", "active_partitions", "timeout"]
    fetching = ["self", "consumer", "active_partitions", "timeout", "max_records"]
    assert names(driver.AIOKafkaConsumerThread._fetch_records) == fetching
    assert names(driver.Consumer._to_message) == ["self", "tp", "record"]
    assert names(Consumer.perform_seek) == ["self"]
    assert names(Consumer.on_partitions_revoked) == ["self", "revoked"]
    assert names(Consumer.on_partitions_assigned) == ["self", "assigned", "generation_id"]
    assert names(driver.Consumer._new_consumer_thread) == ["self"]
    assert names(driver.AIOKafkaConsumerThread._create_worker_consumer) == ["self", "transport"]
    assert names(DefaultSchedulingStrategy.iterate) == ["self", "records"]


def test_every_override_overrides_something() -> None:
    ours = {name for name in vars(BatchConsumer) if not name.startswith("__")}
    state = {"committed", "has_waiting", "has_unprocessed", "fetched_until", "answered_at", "_state_of"}
    added = {"thread_class", "most_in_hand", "_is_full", "_in_hand", "has_leader", "commit_limit"} | state
    assert [name for name in ours - added if not hasattr(driver.Consumer, name)] == []
    assert hasattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer")
    assert hasattr(driver.AIOKafkaConsumerThread, "_fetch_records")


def test_a_consumer_has_the_attributes_that_are_relied_on() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        message(A, 0, 1)
        assert consumer._unacked_messages is not None
        assert consumer._committed_offset[A] is None
        assert consumer._waiting_for_ack is None
        assert consumer.app.consumer_generation_id == GENERATION

    run(scene())


@pytest.mark.parametrize(("kind", "expected"), [(BrokerKind.KAFKA, 500), (BrokerKind.EMBEDDED, 10)])
def test_a_fetch_waits_as_long_as_suits_the_broker(kind: BrokerKind, expected: int) -> None:
    """Faust hard-codes 1,500 ms; aiokafka reads the attribute when the consumer starts."""
    assert "self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer)

    async def scene() -> int:
        kafka = KafkaConfig(bootstrap="127.0.0.1:1", kind=kind)
        consumer = app_consumer(WorkerSettings(http_port=0), kafka)
        assert isinstance(consumer._thread, BatchConsumerThread)
        wait_ms: int = consumer._thread._create_worker_consumer(consumer.transport)._fetch_max_wait_ms
        return wait_ms

    assert run(scene()) == expected


def test_every_compression_that_a_producer_may_choose_can_be_read() -> None:
    assert [codec.has_gzip(), codec.has_lz4(), codec.has_snappy(), codec.has_zstd()] == [True] * 4
