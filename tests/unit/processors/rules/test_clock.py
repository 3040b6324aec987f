"""Clocks beside the broker's: a difference that lasts is told once, until they agree; copies say nothing (F12)."""

import pytest

from processors.rules.clock import MAX_CLOCKS, WORKERS
from processors.state.policy import FusionPolicy
from schemas.enums import Action, Feed, Grade, Hazard, Reason
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FRAMES
from tests.support.expect import at_s, within
from tests.support.log_records import alive, clock_notice, device
from tests.support.timeline import Timeline


def lines() -> Timeline:
    return Timeline(device(zone=UNASSIGNED_ZONE), zone=UNASSIGNED_ZONE)


def told(line: Timeline) -> list[tuple[float, str, Reason]]:
    found = within(line, 0, 1e7, hazard=Hazard.CLOCK_DIFFERS)
    return [(at_s(alert), alert.sources[-1].device_id, alert.reason) for alert in found]


def ticks(line: Timeline, from_s: int, to_s: int, apart_s: float) -> None:
    """Ticks of a writer whose clock is behind the broker's by so much."""
    for second in range(from_s, to_s):
        line.tick(second, clock_s=second - apart_s)


@pytest.mark.parametrize("apart_s", [5.001, -5.001, 60, -3_600])
def test_a_clock_of_ticks_that_differs_for_half_a_minute_is_one_blue_until_it_agrees(apart_s: float) -> None:
    line = lines()
    ticks(line, 0, 10, 0)
    ticks(line, 10, 80, apart_s)
    ticks(line, 80, 100, 0)
    assert told(line) == [
        (40, "fusion", Reason.CONDITION_ACTIVE),
        (80, "fusion", Reason.CONDITION_OVER),
    ]
    assert {alert.grade for alert in line.alerts} == {Grade.BLUE}


@pytest.mark.parametrize("apart_s", [0, 5, -5])
def test_clocks_that_are_at_most_five_seconds_apart_agree(apart_s: float) -> None:
    line = lines()
    ticks(line, 0, 120, apart_s)
    assert told(line) == []


def test_a_difference_that_does_not_last_is_none() -> None:
    line = lines()
    for second in range(0, 200, 20):
        ticks(line, second, second + 19, 60)
        ticks(line, second + 19, second + 20, 0)
    assert told(line) == []


def test_the_policy_says_how_far_apart_and_for_how_long() -> None:
    line = lines()
    line.policy(FusionPolicy(clock_apart_ms=1_000, clock_for_ms=5_000))
    ticks(line, 0, 10, 1.5)
    assert [second for second, _, _ in told(line)] == [5]


def test_ticks_of_before_0_5_0_have_no_clock_to_compare() -> None:
    line = lines()
    line.run(0, 120)
    assert told(line) == []


def test_a_difference_stops_no_timer() -> None:
    line = lines()
    line.press(0)
    ticks(line, 1, 40, 60)
    assert [at_s(alert) for alert in within(line, 1, 40, action=Action.ESCALATE)] == [30]


def marks(line: Timeline, from_s: int, to_s: int, apart_s: float, *, feed: Feed = Feed.PILLARS) -> None:
    for second in range(from_s, to_s):
        if feed is Feed.PILLARS:
            line.push(alive(second - apart_s, 0), at_s=second)
        else:
            line.push(alive(second - apart_s, 0, topic=FRAMES, feed=feed), at_s=second)
        line.tick(second, clock_s=second)


@pytest.mark.parametrize("apart_s", [25, -25, 3_600])
def test_the_clock_of_a_writer_of_watermarks_is_watched_too_and_does_not_make_its_feed_silent(
    apart_s: float,
) -> None:
    line = lines()
    marks(line, 0, 40, 0)
    marks(line, 40, 140, apart_s)
    marks(line, 140, 240, 0)
    assert [(name, reason) for _, name, reason in told(line)] == [
        ("pillars", Reason.CONDITION_ACTIVE),
        ("pillars", Reason.CONDITION_OVER),
    ]
    assert {alert.hazard for alert in line.alerts} == {Hazard.CLOCK_DIFFERS}


def test_each_writer_has_an_incident_of_its_own() -> None:
    line = lines()
    for second in range(60):
        line.push(alive(second - 20, 0), at_s=second)
        line.push(alive(second - 20, 0, topic=FRAMES, feed=Feed.CAMERAS), at_s=second)
        line.tick(second, clock_s=second - 20)
    assert sorted(name for _, name, _ in told(line)) == ["cameras", "fusion", "pillars"]


def test_only_the_partition_of_the_zone_unassigned_tells_of_clocks() -> None:
    line = Timeline()
    ticks(line, 0, 120, 60)
    assert told(line) == []
    assert not line.state.clocks


def notice(
    line: Timeline, at_s: float, *, differs: bool, said_s: float | None = None, worker: str = "frames@b"
) -> Reason:
    said = clock_notice(at_s if said_s is None else said_s, differs=differs, worker=worker)
    return line.push(said, at_s=at_s).reason


def test_what_a_worker_says_of_its_own_clock_is_told_at_once_until_it_says_that_it_agrees() -> None:
    line = lines()
    notice(line, 1, differs=True)
    notice(line, 60, differs=True)
    notice(line, 100, differs=False)
    assert told(line) == [(1, "frames@b", Reason.CONDITION_ACTIVE), (100, "frames@b", Reason.CONDITION_OVER)]


def test_copies_of_notices_change_nothing_also_when_it_is_over() -> None:
    line = lines()
    for second, differs in ((1, True), (2, False)):
        notice(line, second, differs=differs)
    before = len(line.alerts)
    for said_s, differs in ((1, True), (2, False)):
        assert notice(line, 10, said_s=said_s, differs=differs) is Reason.DUPLICATE
    assert len(line.alerts) == before


@pytest.mark.parametrize("length", [0, 1_000])
def test_a_name_is_never_empty_nor_longer_than_a_name(length: int) -> None:
    line = lines()
    notice(line, 1, differs=True, worker="x" * length)
    ((_, name, _),) = told(line)
    assert 0 < len(name) <= 128


def test_the_writers_that_are_remembered_are_bounded() -> None:
    line = lines()
    for number in range(MAX_CLOCKS + 20):
        notice(line, number, differs=True, worker=f"made-up-{number}")
    assert len(line.state.clocks) <= MAX_CLOCKS + len(WORKERS)
    assert len(line.state.incidents) <= MAX_CLOCKS + len(WORKERS)


def test_workers_that_agree_make_room_for_others() -> None:
    line = lines()
    for number in range(MAX_CLOCKS):
        notice(line, number, differs=False, worker=f"frames@{number}")
    notice(line, MAX_CLOCKS, differs=True, worker="alarms@new")
    assert [name for _, name, _ in told(line)] == ["alarms@new"]
    assert len(line.state.clocks) == MAX_CLOCKS
