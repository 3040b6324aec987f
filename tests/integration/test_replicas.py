"""Two replicas beside each other send the same; the kill of a worker leaves no gap to be filled. On Apache Kafka."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from callbox.demo.processes.broker import Broker
from examples.once import Once, Sight
from schemas.alert import Alert
from schemas.codec import decode
from schemas.topics import ALERTS, FUSION_INPUT, FUSION_SNAPSHOT, LOG_PARTITIONS
from streams.kafka.admin import admin_client
from streams.kafka.reader import read_all
from streams.worker.replica_start import advance_to_first_group
from tests.support.kill_harness import SESSION_MS, KillHarness, kill_harness

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PRESSES = 400
RATE = 100
NAME = "b"


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, PRESSES) as running:
        yield running


def sights(running: KillHarness) -> list[Sight]:
    """What a consumer makes of all alerts, in the order in which they lie."""
    once = Once()
    return [
        once.see(decode(record.value, Alert).alert_id, record.value or b"", 0.0)
        for record in read_all(running.kafka, ALERTS)
    ]


def committed(running: KillHarness, group: str) -> dict[int, int]:
    places = [TopicPartition(FUSION_INPUT, partition) for partition in range(LOG_PARTITIONS)]
    client = admin_client(running.kafka, [])  # it must live until the answer is there
    asked = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    return {place.partition: place.offset for place in asked[group].result(10).topic_partitions or ()}


def test_two_replicas_send_the_same_bytes_and_the_kill_of_one_worker_is_not_waited_for(
    running: KillHarness,
) -> None:
    first = [running.start(name) for name in ("alarms", "fusion")]
    second = [running.start(name, replica=NAME) for name in ("alarms", "fusion")]
    with running.presses(PRESSES, RATE):
        time.sleep(1)
        first[1].send(signal.SIGKILL)
        assert first[1].wait(10) == -signal.SIGKILL
    assert running.lost() == set()
    assert Sight.CONFLICT not in sights(running)
    assert sights(running).count(Sight.REPEAT) > 0, "the replicas were not both at work"
    assert all(worker.is_ready() for worker in second)
    differences, _ = running.account()
    assert differences == []


def test_a_replica_begins_where_the_first_one_is_and_repeats_nothing_older(running: KillHarness) -> None:
    running.start("alarms")
    first = running.start("fusion")
    with running.presses(PRESSES, RATE):
        pass
    assert running.lost() == set()
    told = len(sights(running))
    first.stop()
    before = committed(running, "callbox.fusion")
    running.start("fusion", replica=NAME)
    running.start("alarms", replica=NAME)
    time.sleep(SESSION_MS / 1000)
    assert len(sights(running)) == told
    after = committed(running, f"callbox.fusion.{NAME}")
    assert all(after[partition] >= offset for partition, offset in before.items())
    assert {f"0-0-{NAME}".encode()} <= {record.key for record in read_all(running.kafka, FUSION_SNAPSHOT)}
    differences, _ = running.account()
    assert differences == []


def test_a_group_that_is_at_work_or_further_on_is_left_where_it_is(running: KillHarness) -> None:
    running.start("fusion")
    running.start("fusion", replica=NAME)
    time.sleep(SESSION_MS / 1000)
    before = committed(running, f"callbox.fusion.{NAME}")
    topics = {FUSION_INPUT: LOG_PARTITIONS}
    advance_to_first_group(running.kafka, topics, f"callbox.fusion.{NAME}", "callbox.fusion")
    advance_to_first_group(running.kafka, topics, "callbox.fusion", "callbox.nobody")
    after = committed(running, f"callbox.fusion.{NAME}")
    assert all(after[partition] >= offset for partition, offset in before.items())
