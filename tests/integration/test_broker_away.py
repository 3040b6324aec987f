"""The broker is away for a quarter of a minute: not ready, a handful of lines, and nothing lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kill_harness import kafka_or_skip
from tests.support.movable_broker import MovableBroker
from tests.support.shipped_workers import (
    READY_S,
    complaints_of,
    reached_at,
    readiness,
    wait_until_not_ready,
)
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, worker_town

pytestmark = [pytest.mark.kafka, pytest.mark.long]

AWAY_S = 15.0
NOTICED_S = 15.0
A_HANDFUL = 8
"""Lines of a worker about one outage: the loss of each connection once, not of each attempt."""


@pytest.fixture(scope="module")
def broker(cache: Path) -> Iterator[MovableBroker]:
    with kafka_or_skip(), MovableBroker(cache) as broker:
        yield broker


@pytest.fixture
def town(broker: MovableBroker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(broker.address), tmp_path) as town:
        yield town


@pytest.mark.parametrize("hangs", [True, False], ids=["it hangs", "it is killed"])
def test_a_broker_that_is_away_costs_a_handful_of_lines_and_no_press(
    town: WorkerTown, broker: MovableBroker, *, hangs: bool
) -> None:
    workers = [town.workers.start(name, town.kafka) for name in ("alarms", "fusion")]
    town.presses.send(8)
    town.presses.assert_heard(town.presses.in_alerts)
    before = [len(complaints_of(worker)) for worker in workers]
    with broker.hanging() if hangs else broker.killed():
        began = time.monotonic()
        town.presses.send_later(8)
        for worker in workers:
            wait_until_not_ready(worker, NOTICED_S)
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - began)))
        assert [readiness(worker)[0] for worker in workers] == [503, 503]
    town.presses.flush()
    town.presses.assert_heard(town.presses.in_alerts)
    for worker in workers:
        wait_until(worker.is_ready, READY_S, worker.log_tail)
    said = [len(complaints_of(worker)) - was for worker, was in zip(workers, before, strict=True)]
    assert max(said) <= A_HANDFUL, said
