"""A broker comes back at another address while nothing is pressed: it is found again, or the worker ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import BrokerUnavailable, WorkerStalled
from tests.support.kill_harness import kafka_or_skip
from tests.support.movable_broker import MovableBroker, free_address
from tests.support.shipped_workers import (
    READY_S,
    reached_at,
    wait_until_not_ready,
)
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

NOTICED_S = 20.0
"""10 s are wanted; a loaded machine gets twice that."""

GIVE_UP_S = 10.0


@pytest.fixture(scope="module")
def broker(cache: Path) -> Iterator[MovableBroker]:
    with kafka_or_skip(), MovableBroker(cache) as broker:
        yield broker


@pytest.fixture
def elsewhere() -> str:
    """Where the broker will come back."""
    return free_address()


@pytest.fixture
def town(broker: MovableBroker, elsewhere: str, tmp_path: Path) -> Iterator[WorkerTown]:
    """Its workers know both addresses."""
    kafka = reached_at(f"{broker.address},{elsewhere}")
    with worker_town(kafka, tmp_path) as town:
        yield town


def test_an_idle_worker_reads_a_press_after_the_broker_came_back_at_another_address(
    town: WorkerTown, broker: MovableBroker, elsewhere: str
) -> None:
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(4)
    town.presses.assert_heard()
    broker.move(elsewhere)
    town.presses.send(4)
    town.presses.assert_heard()
    wait_until(worker.is_ready, READY_S, worker.log_tail)


def test_an_idle_worker_that_does_not_know_the_new_address_is_not_ready_and_ends(
    town: WorkerTown, broker: MovableBroker, elsewhere: str
) -> None:
    worker = town.workers.start("alarms", reached_at(broker.address), stall_s=5.0, give_up_s=GIVE_UP_S)
    town.presses.send(4)
    town.presses.assert_heard()
    broker.move(elsewhere)
    wait_until_not_ready(worker, NOTICED_S)
    assert worker.wait(GIVE_UP_S + NOTICED_S) in {BrokerUnavailable.exit_code, WorkerStalled.exit_code}
    town.workers.start("alarms", town.kafka)
    town.presses.send(4)
    town.presses.assert_heard()
