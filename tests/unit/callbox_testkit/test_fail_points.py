"""Fail points: a worker is killed the n-th time that it has delivered, and nothing else of it changes."""

from collections.abc import Sequence

import pytest

from callbox_testkit.fail_points import FailPoint, killed_at, requested_fail_point
from schemas.errors import DeliveryFailed
from streams.kafka.batch import Batch
from streams.worker.agent import hooks_of
from tests.support.fakes import World, batch, processed, run
from tests.support.worker_parts import FakeAgent

BATCHES: Sequence[Batch] = (batch(b"", topic="topic"),)


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
    made: list[FakeAgent] = []
    done_at_the_end: list[list[str]] = []

    class Noted(FakeAgent):
        """Keeps itself for the test."""

        def __init__(self, context: object) -> None:
            super().__init__()
            made.append(self)

    point = FailPoint("alarms", 1, lambda: done_at_the_end.append(list(made[0].done)))
    agent = killed_at(Noted, point)(World("alarms").context)
    run(processed(agent, BATCHES))
    assert done_at_the_end == [["process", "delivered"]]


def test_a_batch_that_is_not_delivered_does_not_count() -> None:
    class Failing(FakeAgent):
        """The broker takes nothing."""

        async def _delivered(self) -> None:
            raise DeliveryFailed("refused")

    kills = Kills()
    agent = killed_at(Failing, FailPoint("alarms", 1, kills))(World("alarms").context)
    with pytest.raises(DeliveryFailed):
        run(processed(agent, BATCHES))
    assert kills.count == 0


def test_everything_else_is_the_shipped_agents() -> None:
    class Restoring(FakeAgent):
        """Says that it restores."""

        def is_restoring(self) -> bool:
            return True

    hooks = hooks_of(killed_at(Restoring, FailPoint("alarms", 1, Kills()))(World("alarms").context))
    assert hooks.is_restoring()
    assert hooks.is_ready() is hooks_of(Restoring()).is_ready()
