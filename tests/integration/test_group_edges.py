"""Who reads what: partitions that are new, and a client that is none of ours in the group of `alarms`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker import Broker
from callbox.demo.processes.worker_process import WorkerProcess
from schemas.topics import LOG_PARTITIONS, PILLAR_EVENTS
from tests.support.fake_client import CLASSIC, FakeClient, assignor_of
from tests.support.notices import TOLD_S, broken_partitions, wait_until_told
from tests.support.shipped_workers import READY_S, complaints_of, reached_at
from tests.support.topic_accidents import add_partitions
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, group_name, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

FOUND_S = 20.0
"""New partitions are to be read after 10 s; with the metadata age of librdkafka it would be 300 s."""


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


# --- new partitions -----------------------------------------------------------------------------------------------


def test_presses_to_new_partitions_of_the_pillar_feed_are_read_within_seconds(town: WorkerTown) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(4)
    town.presses.assert_heard()
    add_partitions(town.kafka, PILLAR_EVENTS, LOG_PARTITIONS + 2)
    pressed = town.presses.send(4, [LOG_PARTITIONS, LOG_PARTITIONS + 1])
    assert town.presses.missing(within_s=FOUND_S, wanted=pressed) == []
    pressed = town.presses.send(6, range(LOG_PARTITIONS + 2))
    assert town.presses.missing(within_s=FOUND_S, wanted=pressed) == []
    assert worker.exit_code is None


# --- a client that is none of ours --------------------------------------------------------------------------------


def test_a_foreign_client_in_our_group_is_told_and_named_and_takes_no_press_in_silence(
    town: WorkerTown,
) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(4)
    town.presses.assert_heard()
    group = group_name("alarms")
    settings = CLASSIC | {"partition.assignment.strategy": assignor_of(town.kafka, group)}
    with FakeClient(town.kafka, group, PILLAR_EVENTS, settings) as dashboard:
        dashboard.wait_until_joined()
        wait_until(lambda: dashboard.partitions, READY_S, lambda: "it was given no partition")
        town.presses.send(8)
        wait_until(lambda: dashboard.taken, READY_S, lambda: "it took no press")
        wait_until_told(town.kafka, PILLAR_EVENTS, set(dashboard.partitions))
        wait_until(lambda: names_the_dashboard(worker), TOLD_S, lambda: f"not named: {worker.log_tail()}")
    town.presses.assert_heard()  # what the other one committed is read again from where we were


def test_two_workers_of_ours_in_one_group_are_told_of_nobody(town: WorkerTown) -> None:
    first, second = (town.workers.start("alarms", town.kafka) for _ in range(2))
    town.presses.send(12)
    town.presses.assert_heard()
    first.stop()
    town.presses.send(12)
    town.presses.assert_heard()
    assert broken_partitions(town.kafka, PILLAR_EVENTS) == set()
    assert [line for line in complaints_of(second) if "foreign" in str(line["event"])] == []


def names_the_dashboard(worker: WorkerProcess) -> bool:
    return any("dashboard" in str(line) for line in complaints_of(worker))
