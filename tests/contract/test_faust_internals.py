"""What streams/faust/batching.py replaces in Faust, and what it leaves in place and rests on, has not changed.

Each line is the hash of a function's source in the versions that pyproject.toml pins (docs/adr/0006). After an
upgrade the failing lines say what to read against streams/faust/batching.py. Then the kill tests and the throughput
bench are run, and only then the hashes here are replaced by the ones that the failure shows.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust import App
from faust.app.base import BootStrategy
from faust.events import Event
from faust.streams import Stream
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types.tuples import Message

from streams.faust.batching import BatchApp, BatchConsumer, BatchConsumerThread

REPLACED = {
    "faust.transport.drivers.aiokafka.Consumer._new_consumer_thread": "39b2d0defc77",
    "faust.transport.consumer.Consumer.ack": "365affa06775",
    "faust.transport.consumer.Consumer._filter_tps_with_pending_acks": "33431d56a34a",
    "faust.transport.consumer.Consumer._new_offset": "ced1529d534b",
    "faust.transport.consumer.Consumer._wait_next_records": "919d6540a869",
    "faust.transport.consumer.ThreadDelegateConsumer._getmany": "2bb27f638f38",
    "faust.transport.drivers.aiokafka.Consumer._to_message": "0052784b9125",
    "faust.transport.consumer.Consumer._add_gap": "e3a5e6246d21",
    "faust.transport.consumer.Consumer.perform_seek": "97b2ed6be388",
    "faust.transport.consumer.Consumer.on_partitions_revoked": "986032b400d9",
    "faust.transport.consumer.Consumer.on_partitions_assigned": "d3746a73cb61",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread.on_start": "962ad3945459",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._create_worker_consumer": "056318d40ca4",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._fetch_records": "11b5e499b2ba",
    "faust.app.base.App._new_transport": "c5e3ad57c57f",
    "faust.app.base.App._create_directories": "1d8ba01ae486",
    "faust.transport.utils.DefaultSchedulingStrategy.iterate": "4ab02c971388",
}

RELIED_ON = {
    "faust.transport.consumer.Consumer.commit": "b0b73e31e2ae",
    "faust.transport.consumer.Consumer.force_commit": "1f704221474a",
    "faust.transport.consumer.Consumer._commit_tps": "51e425cebaea",
    "faust.transport.consumer.Consumer._filter_committable_offsets": "809e85f68d29",
    "faust.transport.consumer.Consumer._should_commit": "f1fb356b0a4c",
    "faust.transport.consumer.Consumer._commit_offsets": "6858c498fd96",
    "faust.transport.consumer.Consumer._commit_handler": "1b3a7405de74",
    "faust.transport.consumer.Consumer.on_stop": "38a334c7e4d7",
    "faust.transport.consumer.Consumer.wait_empty": "fa78bbee94dd",
    "faust.transport.consumer.Consumer._wait_for_ack": "39084cafce94",
    "faust.transport.consumer.Consumer._clean_unacked_messages": "5390c12f19e2",
    "faust.transport.consumer.Consumer.track_message": "e76c2fde6a8f",
    "faust.transport.consumer.Consumer.getmany": "0b9b564542ef",
    "faust.transport.consumer.Consumer._drain_messages": "282782a2a47c",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread.getmany": "a666d98da2cb",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread._ensure_consumer": "a66a03ac8f78",
    "faust.transport.drivers.aiokafka.AIOKafkaConsumerThread.verify_event_path": "1574cf8a0487",
    "aiokafka.consumer.fetcher.Fetcher._proc_offset_request": "8483187017b4",
    "aiokafka.consumer.fetcher.Fetcher._update_fetch_positions": "12b191365dab",
    "aiokafka.consumer.fetcher.Fetcher._get_actions_per_node": "b5dfda0c46e2",
    "aiokafka.client.AIOKafkaClient.force_metadata_update": "22411eafc83b",
    "aiokafka.cluster.ClusterMetadata.leader_for_partition": "88cdb61a08b8",
    "aiokafka.consumer.consumer.AIOKafkaConsumer.pause": "6aa8ad9ee1af",
    "aiokafka.consumer.consumer.AIOKafkaConsumer.resume": "319ae084840f",
    "aiokafka.consumer.consumer.AIOKafkaConsumer.paused": "437ac6943cd5",
    "aiokafka.consumer.subscription_state.TopicPartitionState.__init__": "5872d6846d74",
    "aiokafka.consumer.subscription_state.TopicPartitionState.consumed_to": "a49b856e00a3",
    "faust.streams.Stream.noack": "6fce08e7ec9b",
    "faust.streams.Stream.events": "2948e121fcd2",
    "faust.events.Event.ack": "d97414a16ff1",
    "faust.types.tuples.Message.ack": "db9ec9845326",
    "faust.app.base.BootStrategy.server": "fa4cbdc8048a",
}

REPLACING = (
    (BatchConsumer, driver.Consumer),
    (BatchConsumerThread, driver.AIOKafkaConsumerThread),
    (BatchApp, App),
)


def source_hash(function: Any) -> str:
    """The hash of a function's source as it is installed, comments and all: a comment there may be the reason."""
    text = textwrap.dedent(inspect.getsource(function))
    return blake2b(text.encode(), digest_size=6).hexdigest()


def replaced() -> Iterator[Callable[..., Any]]:
    """The functions of Faust that a class of streams/faust/batching.py has a function of its own for."""
    for ours, theirs in REPLACING:
        for name, member in vars(ours).items():
            if (
                callable(member)
                and not inspect.isclass(member)
                and not name.startswith("__")
                and hasattr(theirs, name)
            ):
                yield getattr(theirs, name)
    yield DefaultSchedulingStrategy.iterate


RESTS_ON: tuple[Callable[..., Any], ...] = (
    # How a commit gets from `_new_offset` to the broker, and what may hold it up.
    Consumer.commit,
    Consumer.force_commit,
    Consumer._commit_tps,
    Consumer._filter_committable_offsets,
    Consumer._should_commit,
    Consumer._commit_offsets,
    Consumer._commit_handler.fun,  # mode keeps a service's task in a `ServiceTask`
    # How a stop and a rebalance wait for what is in hand.
    Consumer.on_stop,
    Consumer.wait_empty,
    Consumer._wait_for_ack,
    Consumer._clean_unacked_messages,
    Consumer.track_message,
    # How a fetch becomes messages: the scheduler, the generation, the gaps.
    Consumer.getmany,
    Consumer._drain_messages,
    driver.AIOKafkaConsumerThread.getmany,
    # The consumer's thread, and what Faust itself reads of aiokafka's state.
    driver.AIOKafkaConsumerThread._ensure_consumer,
    driver.AIOKafkaConsumerThread.verify_event_path,
    # How the first offset of a partition is asked for (streams/faust/leader_refresh.py).
    Fetcher._proc_offset_request,
    Fetcher._update_fetch_positions,
    Fetcher._get_actions_per_node,
    AIOKafkaClient.force_metadata_update,
    ClusterMetadata.leader_for_partition,
    AIOKafkaConsumer.pause,
    AIOKafkaConsumer.resume,
    AIOKafkaConsumer.paused,
    TopicPartitionState.__init__,
    TopicPartitionState.consumed_to,
    # How an event is taken without an ack, and acked later.
    Stream.noack,
    Stream.events,
    Event.ack,
    Message.ack,
    # What of an app is started.
    BootStrategy.server,
)


def hashes(functions: Iterator[Callable[..., Any]]) -> dict[str, str]:
    return {f"{function.__module__}.{function.__qualname__}": source_hash(function) for function in functions}


def test_what_is_replaced_is_what_was_read_when_it_was_replaced() -> None:
    assert hashes(replaced()) == REPLACED


def test_what_is_left_in_place_does_what_it_did_when_it_was_relied_on() -> None:
    assert hashes(iter(RESTS_ON)) == RELIED_ON


def test_every_change_of_a_function_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def ack(self: Any, message: Any) -> bool:
        return True

    monkeypatch.setattr(driver.Consumer, "ack", ack)
    assert hashes(replaced()) != REPLACED
