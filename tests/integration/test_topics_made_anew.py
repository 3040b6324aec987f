"""A topic is deleted and made anew under a running worker: every record of the new one is read, and it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker import Broker
from schemas.topics import ACKS, FUSION_INPUT, PILLAR_EVENTS
from tests.support.notices import AS_A_WHOLE, LOG_BROKEN, broken_partitions, wait_until_told
from tests.support.presses import ack_feed
from tests.support.shipped_workers import READY_S, reached_at
from tests.support.topic_accidents import make_anew
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

BEFORE = 20


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(12, id="shorter than the old position"),
        pytest.param(60, id="longer than the old position"),
    ],
)
def test_presses_to_a_pillar_topic_that_was_made_anew_are_all_read(town: WorkerTown, after: int) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(BEFORE)
    town.presses.assert_heard()
    make_anew(town.kafka, PILLAR_EVENTS)
    town.presses.send(after)
    town.presses.assert_heard()
    wait_until_told(town.kafka, PILLAR_EVENTS, AS_A_WHOLE)
    wait_until(worker.is_ready, READY_S, worker.log_tail)
    assert worker.exit_code is None


def test_a_pillar_topic_that_is_made_anew_twice_is_read_twice(town: WorkerTown) -> None:
    town.workers.start("alarms", town.kafka)
    town.presses.send(BEFORE)
    town.presses.assert_heard()
    for _ in range(2):
        make_anew(town.kafka, PILLAR_EVENTS)
        town.presses.send(8)
        town.presses.assert_heard()


def test_acknowledgements_to_a_topic_that_was_made_anew_are_all_read(town: WorkerTown) -> None:
    acks = ack_feed(town.kafka)
    town.workers.start("alarms", town.kafka)
    acks.send(BEFORE)
    acks.assert_heard()
    make_anew(town.kafka, ACKS)
    acks.send(12)
    acks.assert_heard()
    wait_until_told(town.kafka, ACKS, AS_A_WHOLE)


def test_presses_are_heard_through_a_log_that_was_made_anew(town: WorkerTown) -> None:
    town.workers.start("alarms", town.kafka)
    town.workers.start("fusion", town.kafka)
    town.presses.send(BEFORE)
    town.presses.assert_heard(town.presses.in_alerts)
    make_anew(town.kafka, FUSION_INPUT)
    town.presses.send(8)
    town.presses.assert_heard(town.presses.in_alerts)
    wait_until(
        lambda: broken_partitions(town.kafka, FUSION_INPUT, LOG_BROKEN),
        READY_S,
        lambda: "nobody was told of the log",
    )
