"""The log loses records, or is made anew, under the shipped workers: told of, incidents kept, presses heard."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from callbox.demo.processes.broker import Broker
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Hazard, Reason
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, INCIDENTS, LOG_PARTITIONS, MAINTENANCE
from streams.kafka import topics
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.reader import bounds, latest_by_key, read_all
from tests.support.kill_harness import KillHarness, kill_harness

pytestmark = [pytest.mark.kafka, pytest.mark.long]

PRESSES = 40
WITHIN_S = 40.0


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, PRESSES) as running:
        yield running


def told(running: KillHarness) -> set[Reason]:
    """What the control room was told of the log."""
    alerts = [decode(record.value, Alert) for record in read_all(running.kafka, MAINTENANCE)]
    broken = [alert for alert in alerts if alert.hazard is Hazard.LOG_BROKEN]
    assert all(alert.zone == UNASSIGNED_ZONE for alert in broken)
    return {alert.reason for alert in broken}


def wait_until_told(running: KillHarness) -> None:
    deadline = time.monotonic() + WITHIN_S
    while Reason.LOG_BROKEN not in told(running):
        assert time.monotonic() < deadline, "nobody was told"
        time.sleep(0.3)


def admin_of(running: KillHarness) -> AdminClient:
    return AdminClient(librdkafka_settings(running.kafka))


def test_records_that_retention_takes_from_a_stopped_group_are_told_of(running: KillHarness) -> None:
    running.start("alarms")
    fusion = running.start("fusion")
    with running.presses(PRESSES // 2, 50):
        pass
    assert running.lost() == set()
    fusion.stop()
    with running.presses(PRESSES // 4, 50):  # the pillars are pressed again, and nobody folds it
        time.sleep(1)
    admin = admin_of(running)
    gone = [
        TopicPartition(FUSION_INPUT, partition, bounds(running.kafka, FUSION_INPUT, partition)[1] or 0)
        for partition in range(LOG_PARTITIONS)
    ]
    for taken in admin.delete_records(gone).values():
        taken.result(10)
    running.start("fusion")
    wait_until_told(running)
    assert told(running) == {Reason.LOG_BROKEN}


def test_a_log_that_is_made_anew_is_told_of_and_what_comes_then_is_heard(running: KillHarness) -> None:
    alarms = running.start("alarms")
    fusion = running.start("fusion")
    with running.presses(PRESSES // 2, 50):
        pass
    assert running.lost() == set()
    for worker in (alarms, fusion):
        worker.stop()
    admin = admin_of(running)
    admin.delete_topics([FUSION_INPUT])[FUSION_INPUT].result(10)
    while FUSION_INPUT in admin.list_topics(timeout=10).topics:
        time.sleep(0.1)
    topics.apply(running.kafka, i_lose_order=False)
    running.start("alarms")
    running.start("fusion")
    with running.presses(PRESSES, 50):
        pass
    assert running.lost() == set()
    wait_until_told(running)
    assert len(latest_by_key(running.kafka, INCIDENTS)) >= PRESSES
