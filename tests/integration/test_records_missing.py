"""Retention takes records that nobody has read yet: how many, of which topic and partition, is told."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.support.registry_load import pillar
from callbox.demo.processes.broker import Broker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.codec import encode
from schemas.topics import HOTLIST, PILLAR_EVENTS, REGISTRY
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, publish
from tests.support.fakes import entry_of
from tests.support.notices import (
    FEED_BROKEN,
    broken_partitions,
    counts_told,
    notices,
    wait_until_blue,
    wait_until_told,
)
from tests.support.presses import NumberedFeed, ack_feed
from tests.support.shipped_workers import metric_total, reached_at
from tests.support.topic_accidents import ends_of, take_records
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PARTITION = 1
MISSING = "callbox_records_missing_total"

FEEDS = {"presses": lambda town: town.presses, "acknowledgements": lambda town: ack_feed(town.kafka)}
"""The feeds of `alarms`."""

each_feed = pytest.mark.parametrize("feed_of", FEEDS.values(), ids=FEEDS.keys())
FeedOf = Callable[[WorkerTown], NumberedFeed]


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


def take_all_but(kafka: KafkaConfig, topic: str, left: int, partition: int = PARTITION) -> None:
    """Retention leaves so many records of a partition."""
    end = ends_of(kafka, topic, partition + 1)[partition]
    take_records(kafka, topic, {partition: end - left})


def stopped_and_fed(worker: WorkerProcess, send: Callable[[int], object]) -> None:
    """Stop a worker in the middle, and let more come than the one fetch under way can bring it."""
    worker.send(signal.SIGSTOP)
    send(1)  # the broker answers the fetch that waits with it; the answer lies in the worker's socket
    time.sleep(1.5)
    send(10)


# --- of the feeds -------------------------------------------------------------------------------------------------


@each_feed
def test_records_that_went_while_the_worker_was_down_are_counted(town: WorkerTown, feed_of: FeedOf) -> None:
    feed = feed_of(town)
    worker = town.workers.start("alarms", town.kafka)
    feed.send(8)
    feed.assert_heard()
    assert worker.stop() == 0
    unread = feed.send(10, [PARTITION])
    take_all_but(town.kafka, feed.topic, 3)
    heir = town.workers.start("alarms", town.kafka)
    assert feed.missing(wanted=unread[-3:]) == []
    wait_until_told(town.kafka, feed.topic, {PARTITION})
    assert broken_partitions(town.kafka, feed.topic) == {PARTITION}
    assert 7 in counts_told(town.kafka, feed.topic, PARTITION)
    assert metric_total(heir, MISSING) == 7


@each_feed
def test_records_that_went_while_the_worker_was_behind_are_counted(town: WorkerTown, feed_of: FeedOf) -> None:
    feed = feed_of(town)
    worker = town.workers.start("alarms", town.kafka)
    feed.send(8)
    feed.assert_heard()
    stopped_and_fed(worker, lambda count: feed.send(count, [PARTITION]))
    take_all_but(town.kafka, feed.topic, 2)
    worker.send(signal.SIGCONT)
    assert feed.missing(wanted=feed.sent[-2:]) == []
    lost = feed.missing(within_s=0)
    assert lost, "the worker had fetched all of it: nothing was to be told"
    wait_until_told(town.kafka, feed.topic, {PARTITION})
    assert len(lost) in counts_told(town.kafka, feed.topic, PARTITION)
    assert metric_total(worker, MISSING) == len(lost)


def test_the_control_room_gets_a_blue_alert_for_presses_that_went(town: WorkerTown) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(4, [PARTITION])
    town.presses.assert_heard()
    assert worker.stop() == 0
    town.presses.send(5, [PARTITION])
    take_all_but(town.kafka, PILLAR_EVENTS, 0)
    town.workers.start("alarms", town.kafka)
    town.workers.start("fusion", town.kafka)
    wait_until_blue(town.kafka, FEED_BROKEN)


def test_a_group_that_has_never_committed_tells_nothing(town: WorkerTown) -> None:
    town.presses.send(10, [PARTITION])
    take_all_but(town.kafka, PILLAR_EVENTS, 4)
    worker = town.workers.start("alarms", town.kafka)
    assert town.presses.missing(wanted=town.presses.sent[-4:]) == []
    assert town.presses.missing(wanted=town.presses.send(4)) == []
    assert notices(town.kafka, PILLAR_EVENTS) == []
    assert metric_total(worker, MISSING) == 0


# --- of the lists -------------------------------------------------------------------------------------------------


def test_changes_of_the_registry_that_went_unread_are_told(town: WorkerTown) -> None:
    worker = town.workers.start("alarms", town.kafka)

    def change(count: int) -> None:
        device = pillar(0)
        publish(town.kafka, [ProducerRecord(REGISTRY, device.device_id.encode(), encode(device))] * count)

    stopped_and_fed(worker, change)
    take_all_but(town.kafka, REGISTRY, 1, partition=0)
    worker.send(signal.SIGCONT)
    wait_until_told(town.kafka, REGISTRY, {0})


@pytest.mark.weights
def test_entries_of_the_hotlist_that_went_unread_are_told(town: WorkerTown) -> None:
    worker = town.workers.start("plates", town.kafka)

    def enter(count: int) -> None:
        entry = entry_of()
        publish(town.kafka, [ProducerRecord(HOTLIST, entry.entry_id.encode(), encode(entry))] * count)

    stopped_and_fed(worker, enter)
    take_all_but(town.kafka, HOTLIST, 1, partition=0)
    worker.send(signal.SIGCONT)
    wait_until_told(town.kafka, HOTLIST, {0})
