"""Fail points: a worker is killed the n-th time that it has delivered, and nothing else of it changes."""

from typing import cast

import pytest

from callbox_testkit.fail_points import (
    DeadlyRecord,
    FailPoint,
    ended_by,
    killed_at,
    requested_deadly_record,
    requested_fail_point,
)
from schemas.errors import DeliveryFailed
from schemas.topics import FUSION_INPUT
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.worker.agent import hooks_of, hot_hooks_of
from streams.worker.context import Context
from streams.worker.work import Work
from tests.support.fakes import World, batch, decided, done, settled

BATCH = batch(b"", topic="topic")


class FakeHotAgent:
    """Hands over one record for a batch."""

    def __init__(self, _context: Context) -> None:
        pass

    def process(self, _batch: Batch, work: Work) -> None:
        work.hand_over([ProducerRecord(FUSION_INPUT, b"k", b"v")])

    def is_restoring(self) -> bool:
        return True

    def prepare(self, _batch: Batch, work: Work | None) -> bool:
        return work is not None


class Kills:
    """Counts what would have been the end of the process."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_nothing_is_asked_for_without_the_variable() -> None:
    assert requested_fail_point({}) is None
    assert requested_fail_point({"CALLBOX_FAIL_POINT": ""}) is None


def test_the_variable_names_the_worker() -> None:
    found = requested_fail_point({"CALLBOX_FAIL_POINT": "plates.delivered:3"})
    assert found is not None
    assert found.worker == "plates"


@pytest.mark.parametrize("text", ["fusion", ".delivered", "fusion.started:1", "fusion.delivered:often"])
def test_what_is_no_fail_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fail point|invalid literal"):
        FailPoint.parse(text)


def test_the_process_ends_the_nth_time_and_only_then() -> None:
    kills = Kills()
    point = FailPoint("fusion", 3, kills)
    counts = []
    for _ in range(4):
        point.delivered()
        counts.append(kills.count)
    assert counts == [0, 0, 1, 1]


def test_without_a_number_it_is_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: killed.append(number))
    FailPoint.parse("alarms.delivered").delivered()
    assert killed == [9]


def test_the_agent_has_delivered_when_the_process_ends() -> None:
    world, kills = World("alarms"), Kills()
    world.delivery.held = frozenset({FUSION_INPUT})
    agent = killed_at(FakeHotAgent, FailPoint("alarms", 1, kills))(world.context)
    work = decided(world, agent, BATCH)
    assert kills.count == 0
    world.delivery.confirm()
    settled(work)
    assert kills.count == 1


def test_a_batch_that_is_not_delivered_does_not_count() -> None:
    world, kills = World("alarms"), Kills()
    world.delivery.refused = frozenset({FUSION_INPUT})
    agent = killed_at(FakeHotAgent, FailPoint("alarms", 1, kills))(world.context)
    with pytest.raises(DeliveryFailed):
        done(world, agent, BATCH)
    assert kills.count == 0


def test_everything_else_is_the_shipped_agents() -> None:
    agent = killed_at(FakeHotAgent, FailPoint("alarms", 1, Kills()))(World("alarms").context)
    assert hooks_of(agent).is_restoring()
    assert not hot_hooks_of(agent).prepare(BATCH, cast("Work", None))


# --- records that kill --------------------------------------------------------------------------------------------


def test_a_deadly_record_is_the_end_of_who_processes_it_and_of_nobody_else() -> None:
    kills = Kills()
    deadly = DeadlyRecord("alarms", b"press-7", kill=kills)
    world = World("alarms")
    agent = ended_by(FakeHotAgent, deadly)(world.context)
    done(world, agent, batch(b"press-6", topic="topic"))
    assert kills.count == 0
    done(world, agent, batch(b"one press-7", topic="topic"))
    assert kills.count == 1


@pytest.mark.parametrize("text", ["alarms.record", "alarms.record:", ".record:x", "record:x"])
def test_what_is_no_deadly_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        DeadlyRecord.parse(text)


def test_a_deadly_record_is_asked_for_in_the_same_variable() -> None:
    asked = {"CALLBOX_FAIL_POINT": "fusion.rule:press-7"}
    deadly = requested_deadly_record(asked)
    assert deadly is not None
    assert (deadly.worker, deadly.is_folded) == ("fusion", True)
    assert requested_fail_point(asked) is None
    assert requested_deadly_record({"CALLBOX_FAIL_POINT": "fusion.delivered:4"}) is None
    assert requested_deadly_record({}) is None
