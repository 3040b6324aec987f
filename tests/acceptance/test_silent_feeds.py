"""Requirement 3: no device counts as silent while nobody reads its feed; the feed itself is reported."""

import pytest
from msgspec.structs import replace

from processors.state.policy import FusionPolicy
from schemas.enums import (
    AckAction,
    Action,
    Disposition,
    Feed,
    Grade,
    Hazard,
    PillarKind,
    Reason,
)
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import HOTLIST, MAINTENANCE
from tests.support.expect import never, once, summary, watch, within
from tests.support.log_records import LAT, ZONE, alive, device, list_age, ms, planned
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
    watch(line, 301, 370)
    once(
        line, 361, 367, hazard=Hazard.COMM_FAIL
    )  # it had a whole interval from when its feed was read again (F7)


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


def in_one_partition(*devices: RegistryDevice) -> Timeline:
    """A log with one partition, which also tells what belongs to no zone."""
    return Timeline(*devices, zone=UNASSIGNED_ZONE, partitions=1)


def test_f8_a_feed_that_was_never_read_is_one_blue_and_no_device_is_silent() -> None:
    line = in_one_partition(*(device(f"P{n}", heartbeat_s=20, zone=UNASSIGNED_ZONE) for n in range(9)))
    line.run(1, 600)
    silent = once(line, 30, 32, hazard=Hazard.FEED_SILENT, action=Action.RAISE)
    assert "alarm.pillar-event.v1" in silent.texts[0].description
    never(line, 0, 600, hazard=Hazard.COMM_FAIL)


def test_f8_all_partitions_of_a_feed_together_are_one_incident_and_one_that_is_gone_is_forgotten() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for second in range(1, 20):
        line.push(alive(second, 0, 1, 2, 3), at_s=second)
        line.tick(second)
    line.run(20, 100)
    silent = once(line, 20, 100, hazard=Hazard.FEED_SILENT, action=Action.RAISE)
    for second in range(101, 160):
        line.push(replace(alive(second, 0), partition_count=1), at_s=second)
        line.tick(second)
    over = once(line, 101, 160, hazard=Hazard.FEED_SILENT)
    assert (over.incident_id, over.reason) == (silent.incident_id, Reason.CONDITION_OVER)


def test_f8_a_partition_that_nobody_has_ever_read_makes_the_feed_silent_and_no_device() -> None:
    line = Timeline(device(zone=UNASSIGNED_ZONE, heartbeat_s=60), zone=UNASSIGNED_ZONE)
    for second in range(1, 400):
        line.push(replace(alive(second, 0), partition_count=2), at_s=second)
        line.tick(second)
    once(line, 30, 32, hazard=Hazard.FEED_SILENT, action=Action.RAISE)
    never(line, 0, 400, hazard=Hazard.COMM_FAIL)


def test_f7_after_an_outage_of_the_broker_nothing_is_silent_that_reports_again() -> None:
    names = [f"P{n}" for n in range(60)]
    line = Timeline(*(device(name, heartbeat_s=20, lat=LAT + n) for n, name in enumerate(names)))
    watch(line, 1, 100, *names)
    for name in names:
        line.pillar(PillarKind.HEARTBEAT, 171, name)
    watch(line, 171, 260, *names)
    never(line, 0, 260)


def test_f7_a_contact_and_a_test_that_nobody_could_hear_are_judged_anew() -> None:
    line = Timeline(device(test_every_s=100))
    watch(line, 1, 50)
    line.press(50.5)
    line.run(51, 300)  # nobody reads the feed
    line.pillar(PillarKind.RELEASE, 301)
    line.pillar(PillarKind.TEST, 302)
    watch(line, 303, 400)
    never(line, 0, 400, hazard=Hazard.STUCK_BUTTON)
    never(line, 0, 400, hazard=Hazard.TEST_MISSED)


def test_f12_the_clock_of_a_worker_that_reads_a_feed_is_watched_and_does_not_make_the_feed_silent() -> None:
    line = in_one_partition(device(heartbeat_s=20, zone=UNASSIGNED_ZONE))
    for second in range(1, 200):
        if second % 10 == 0:
            line.pillar(PillarKind.HEARTBEAT, second)
        line.push(replace(alive(second), at=ms(second + (0 if 20 <= second < 60 else 3_600))), at_s=second)
        line.tick(second)
    once(line, 90, 92, hazard=Hazard.CLOCK_DIFFERS, action=Action.RAISE)
    never(line, 0, 200, hazard=Hazard.FEED_SILENT)
    never(line, 0, 200, hazard=Hazard.COMM_FAIL)


def test_f7_a_contact_and_a_test_that_planned_work_has_held_are_not_told_while_nobody_listens() -> None:
    line = Timeline(device(test_every_s=100))
    watch(line, 1, 50)
    line.push(planned((51, 200)), at_s=50)
    line.press(52)
    watch(line, 53, 150)
    line.run(151, 400)  # nobody reads the feed when the work is over
    never(line, 0, 400, hazard=Hazard.STUCK_BUTTON)
    never(line, 0, 400, hazard=Hazard.TEST_MISSED)
    watch(line, 401, 480)
    once(line, 461, 464, hazard=Hazard.STUCK_BUTTON)
    once(line, 411, 414, hazard=Hazard.TEST_MISSED)


def test_f7_a_contact_that_is_stuck_again_during_work_is_not_told_while_nobody_listens() -> None:
    line = Timeline()
    line.press(1)
    watch(line, 2, 80)
    line.pillar(PillarKind.RELEASE, 81)
    line.push(planned((82, 200)), at_s=82)
    line.press(84)
    watch(line, 85, 180)
    line.run(181, 400)  # nobody reads the feed when the work is over
    never(line, 84, 400, hazard=Hazard.STUCK_BUTTON)
    watch(line, 401, 480)
    assert once(line, 461, 464, hazard=Hazard.STUCK_BUTTON).reason is Reason.CONDITION_BACK


def test_f7_a_closed_silence_is_not_told_again_while_nobody_listens() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.policy(FusionPolicy(still_there_ms=300_000))
    watch(line, 1, 70)
    silent = once(line, 60, 66, hazard=Hazard.COMM_FAIL)
    line.acknowledge(AckAction.ACCEPT, silent.incident_id, 71)
    line.acknowledge(AckAction.CLOSE, silent.incident_id, 72, disposition=Disposition.FOUNDED)
    line.run(73, 500)
    never(line, 73, 500, hazard=Hazard.COMM_FAIL)
    watch(line, 501, 570)
    assert once(line, 561, 564, hazard=Hazard.COMM_FAIL).reason is Reason.STILL_THERE


def test_f7_what_is_left_of_a_silent_area_is_told_only_once_it_is_proven() -> None:
    names = [f"P{n}" for n in range(30)]
    line = Timeline(*(device(name, heartbeat_s=60, lat=LAT + n) for n, name in enumerate(names)))
    watch(line, 1, 200)
    once(line, 60, 110, reason=Reason.AREA_FAULT)
    for second in range(201, 400):
        for name in names[2:] if second % 30 == 0 else ():
            line.pillar(PillarKind.HEARTBEAT, second, name)
        line.tick(second)  # what is read comes out of another partition: no watermark says that all of it is
    never(line, 201, 400, reason=Reason.STILL_AFTER_AREA)
    never(line, 201, 400, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    watch(line, 400, 480, *names[2:])
    told = within(line, 455, 480, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in told) == ["P0", "P1"]
