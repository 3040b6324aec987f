"""Fail points: a named place kills the process the n-th time it is passed, and costs nothing else."""

import signal

import pytest

from streams import failpoints
from streams.failpoints import FailPoint, pass_by


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: found.append(number))
    return found


def arm(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    armed, left = failpoints._parse(text)
    monkeypatch.setattr(failpoints, "_armed", armed)
    monkeypatch.setattr(failpoints, "_left", left)


def test_without_the_variable_every_place_is_passed(
    kills: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(monkeypatch, "")
    for point in FailPoint:
        pass_by(point)
    assert kills == []


def test_the_process_is_killed_the_nth_time(kills: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "fusion.delivered:3")
    passed = []
    for _ in range(3):
        pass_by(FailPoint.FUSION_DELIVERED)
        passed.append(len(kills))
    assert passed == [0, 0, 1]
    assert kills == [signal.SIGKILL]


def test_without_a_number_it_is_the_first_time(kills: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "alarms.delivered")
    pass_by(FailPoint.ALARMS_DELIVERED)
    assert kills == [signal.SIGKILL]


def test_other_places_do_not_count(kills: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    arm(monkeypatch, "fusion.delivered:1")
    pass_by(FailPoint.ALARMS_DELIVERED)
    assert kills == []
    pass_by(FailPoint.FUSION_DELIVERED)
    assert kills == [signal.SIGKILL]


@pytest.mark.parametrize("worker", ["alarms", "frames", "plates", "fusion"])
def test_every_worker_has_a_place_between_delivery_and_ack(worker: str) -> None:
    assert FailPoint(f"{worker}.delivered") in FailPoint
