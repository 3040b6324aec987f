"""The group refuses a worker: one line names the cause, it was never ready, and it ends with 77.

The broker of this file has limits that one of ours must meet, and a group there may have two members.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.wipe import drop_groups
from schemas.errors import AccessDenied
from schemas.topics import PILLAR_EVENTS
from streams.kafka.config import KafkaConfig
from tests.support.fake_client import CLASSIC, FakeClient
from tests.support.guarded_town import GROUP, READ, SHORT, Town, grants_of, guarded_town
from tests.support.shipped_workers import (
    ShippedWorkers,
    complaints_of,
    end_of,
    reached_at,
    shipped_workers,
    wait_until_not_ready,
)
from tests.support.worker_town import group_name

pytestmark = [pytest.mark.kafka, pytest.mark.long]

ENDS_S = 40.0
LIMITS = {
    "group.min.session.timeout.ms": "5000",
    "group.max.session.timeout.ms": "20000",
    "group.max.size": "2",
    # By default a broker turns a group of the one protocol into one of the other.
    "group.consumer.migration.policy": "disabled",
}
ALARMS = group_name("alarms")


class Place(NamedTuple):
    """The broker, and the town behind its listener with passwords."""

    kafka: KafkaConfig
    town: Town


@pytest.fixture(scope="module")
def place(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with guarded_town(cache, tmp_path_factory.mktemp("limited"), settings=LIMITS) as (town, open_to_all):
        yield Place(reached_at(open_to_all.bootstrap), town)


@pytest.fixture
def workers(place: Place, tmp_path: Path) -> Iterator[ShippedWorkers]:
    with shipped_workers(tmp_path) as workers:
        yield workers
    drop_groups(place.kafka)


def assert_refused(worker: WorkerProcess, *named: str) -> None:
    """It ends with 77, never ready, and exactly one of its last lines names the cause."""
    assert end_of(worker, ENDS_S) == AccessDenied.exit_code, worker.log_tail()
    complaints = [str(line) for line in complaints_of(worker)]
    wanted = [line for line in complaints if all(re.search(word, line, re.IGNORECASE) for word in named)]
    assert len(wanted) == 1, worker.log_tail()
    assert wanted == complaints[-1:], worker.log_tail()


# --- by who is there already --------------------------------------------------------------------------------------


def test_a_group_with_another_assignor_refuses_us(place: Place, workers: ShippedWorkers) -> None:
    settings = CLASSIC | {"partition.assignment.strategy": "range"}
    with FakeClient(place.kafka, ALARMS, PILLAR_EVENTS, settings) as other:
        other.wait_until_joined()
        assert_refused(workers.begin("alarms", place.kafka), ALARMS, "assign")


def test_a_group_that_is_full_refuses_us(place: Place, workers: ShippedWorkers) -> None:
    with ExitStack() as members:
        for _ in range(int(LIMITS["group.max.size"])):
            member = FakeClient(place.kafka, ALARMS, PILLAR_EVENTS, CLASSIC)
            members.enter_context(member).wait_until_joined()
        assert_refused(workers.begin("alarms", place.kafka), ALARMS, "group.max.size|full")


# --- by its limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "session_ms", [pytest.param(30_000, id="above the longest"), pytest.param(2_000, id="below the shortest")]
)
def test_a_session_beyond_the_limits_of_the_broker_is_refused(
    place: Place, workers: ShippedWorkers, session_ms: int
) -> None:
    kafka = reached_at(place.kafka.bootstrap, session_ms)
    assert_refused(workers.begin("alarms", kafka), ALARMS, "session_timeout_ms", str(session_ms))


# --- by a right that is gone --------------------------------------------------------------------------------------


def test_an_idle_worker_whose_right_to_its_group_is_taken_away_ends(
    place: Place, workers: ShippedWorkers
) -> None:
    town = place.town
    town.allow(SHORT, *grants_of("alarms"))
    worker = workers.start("alarms", town.as_user(SHORT))
    town.forbid(SHORT, (GROUP, ALARMS, READ))
    wait_until_not_ready(worker, ENDS_S)
    assert_refused(worker, ALARMS, "refuses us|authori[sz]ation")
    town.forbid(SHORT, *grants_of("alarms")[:-1])
