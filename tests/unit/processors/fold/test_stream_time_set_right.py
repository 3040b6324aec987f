"""Stream time that had followed a wrong clock and is set right again: what was counted from the wrong time."""

import pytest

from processors.state.entities import TimerKind
from schemas.enums import Action, Hazard, PillarKind, Reason
from schemas.topics import PILLAR_EVENTS
from tests.support.expect import once, watch, within
from tests.support.log_records import ZONE, device, entry, envelope, gateway, ms
from tests.support.timeline import Timeline

HOUR_S = 3_600


def test_an_escalation_that_was_due_before_is_not_brought_forward() -> None:
    line = Timeline()
    line.press(0)
    line.tick(1)
    ahead = entry(envelope(device("P9", lat=31.0)), offset=line.state.offset, append_ms=ms(291))
    line.push_entry(ahead)
    line.press(6)
    line.run(7, 40)
    assert not within(line, 0, 29, action=Action.ESCALATE)
    once(line, 30, 30, reason=Reason.NOBODY_ACKNOWLEDGED)


def test_a_call_of_the_wrong_time_is_escalated_in_the_right_time() -> None:
    line = Timeline()
    line.tick(1)
    line.tick(2 + HOUR_S)
    line.press(3)
    line.run(4, 60)
    once(line, 4, 60, reason=Reason.NOBODY_ACKNOWLEDGED)


@pytest.mark.parametrize("ahead_s", [60, HOUR_S, 25 * HOUR_S])
def test_a_device_that_falls_silent_afterwards_is_told(ahead_s: int) -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100, "P1")
    line.tick(101 + ahead_s)
    watch(line, 102, 400)
    once(line, 102, 230, hazard=Hazard.COMM_FAIL, action=Action.RAISE)


def test_a_feed_that_is_no_longer_read_afterwards_is_told() -> None:
    line = Timeline(zone="unassigned")
    watch(line, 1, 100)
    line.tick(101 + HOUR_S)
    watch(line, 102, 110)
    told = line.run(111, 300)
    assert (told[0].hazard, told[0].reason) == (Hazard.FEED_SILENT, Reason.CONDITION_BACK)
    assert told[0].sent <= ms(142)


def test_a_site_that_comes_back_and_a_test_are_waited_for_no_longer_than_before() -> None:
    line = Timeline(gateway(heartbeat_s=20), device(gateway="G1", heartbeat_s=20, test_every_s=1_000))
    watch(line, 1, 120)
    line.tick(121 + HOUR_S)
    line.pillar(PillarKind.HEARTBEAT, 122, "G1")
    line.pillar(PillarKind.TEST, 122, "P1")
    line.tick(123)
    for name in ("G1", "P1"):
        found = line.state.devices[ZONE, name]
        assert found.settles_at is None or found.settles_at <= ms(123 + 20)
        assert found.test_due is None or found.test_due <= ms(123 + 1_100)


def test_no_timer_is_checked_twice_because_of_it() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100, "P1")
    for at_s in range(101, 131, 2):
        line.tick(at_s + HOUR_S)
        line.tick(at_s + 1)
    kinds = [timer.kind for timer in line.state.timers]
    assert kinds.count(TimerKind.SILENCE) == 1
    assert PILLAR_EVENTS in line.state.heard
    assert line.state.now == ms(130)
