"""Requirement 3: no device counts as silent while nobody reads its feed; the feed itself is reported."""

import pytest

from schemas.enums import (
    Action,
    Feed,
    Grade,
    Hazard,
    PillarKind,
    Reason,
)
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import HOTLIST, MAINTENANCE
from tests.support.expect import never, once, summary, watch
from tests.support.log_records import ZONE, alive, device, list_age
from tests.support.timeline import Timeline


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.9])
def test_req_03_silence_is_reported_in_time_at_any_phase_of_ticks_and_watermarks(phase_s: float) -> None:
    line = Timeline(device(heartbeat_s=20))
    line.pillar(PillarKind.HEARTBEAT, 0.05)
    for second in range(1, 30):
        line.tick(second)
        line.push(alive(second + phase_s), at_s=second + phase_s)
    once(line, 20.05, 22.05, hazard=Hazard.COMM_FAIL)


def test_req_03_while_nobody_reads_the_feed_no_device_is_silent() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50, "P1")
    line.run(51, 3_600)
    never(line, 0, 3_600)


def test_req_03_one_unread_partition_of_the_feed_defers_silence() -> None:
    line = Timeline(device(heartbeat_s=60))
    for second in range(1, 200):
        line.push(alive(second, *((0, 1) if second < 50 else (0,))), at_s=second)
        line.tick(second)
    never(line, 0, 200, hazard=Hazard.COMM_FAIL)


def test_req_03_a_heartbeat_read_after_a_gap_of_the_feed_prevents_silence() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50, "P1")
    line.run(51, 300)
    line.pillar(PillarKind.HEARTBEAT, 300.5)
    watch(line, 301, 350)
    never(line, 0, 350)


def test_req_03_a_device_that_stays_silent_is_reported_once_the_feed_is_read_again() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50, "P1")
    line.run(51, 300)
    watch(line, 301, 320)
    once(line, 301, 303, hazard=Hazard.COMM_FAIL)


def test_a_feed_that_nobody_reads_is_one_blue_in_the_zone_unassigned() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    watch(line, 1, 50)
    line.run(51, 600)
    silent = once(line, 80, 81, hazard=Hazard.FEED_SILENT, action=Action.RAISE, topic=MAINTENANCE)
    assert (silent.zone, silent.grade) == (UNASSIGNED_ZONE, Grade.BLUE)
    assert silent.responsible_unit == "control-room"
    assert len({alert.incident_id for alert in line.alerts}) == 1, summary(line)
    watch(line, 601, 700)
    assert once(line, 601, 700).reason is Reason.CONDITION_OVER


def test_a_feed_that_nobody_reads_is_reported_by_one_partition_of_the_log_only() -> None:
    line = Timeline(zone=ZONE)
    watch(line, 1, 50)
    line.run(51, 600)
    never(line, 0, 600, hazard=Hazard.FEED_SILENT)


def test_a_list_that_is_too_old_raises_a_blue_and_a_fresh_one_clears_it() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(list_age(0, stale=True, topic=HOTLIST, feed=Feed.HOTLIST), at_s=1)
    stale = once(line, 1, 1, hazard=Hazard.FEED_STALE, action=Action.RAISE, topic=MAINTENANCE)
    line.push(
        list_age(0, stale=True, topic=HOTLIST, feed=Feed.HOTLIST), at_s=60
    )  # another worker reports the same
    line.push(list_age(90, stale=False, topic=HOTLIST, feed=Feed.HOTLIST), at_s=100)
    over = once(line, 2, 100)
    assert (over.incident_id, over.reason) == (stale.incident_id, Reason.CONDITION_OVER)
    line.push(list_age(200, stale=True, topic=HOTLIST, feed=Feed.HOTLIST), at_s=300)
    assert once(line, 300, 300).reason is Reason.CONDITION_BACK


# the registry
