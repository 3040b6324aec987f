"""Time lines of what feeds say of themselves: dead letters, lists, broken logs, watermarks."""

import pytest

from processors.incident.issue import topic_for
from schemas.codec import encode
from schemas.enums import (
    Action,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Tier,
)
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE, ChainLink
from schemas.topics import FRAMES, MAINTENANCE, PILLAR_EVENTS, pillar_topic
from tests.support.log_records import (
    PARTITIONS,
    FeedRecord,
    alive,
    before_0_4,
    dead_letter,
    device,
    expected,
    list_age,
    log_broken,
    ms,
)
from tests.support.timeline import Timeline, only_alert

DAY_S = 86_400
FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=tier.value)
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)


def test_a_dead_letter_of_the_pillar_feed_is_a_blue_for_maintenance() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    alert = only_alert(line.push(dead_letter()))
    assert (alert.hazard, alert.grade, alert.reason) == (Hazard.FEED_FAULT, Grade.BLUE, Reason.FEED_FAULT)
    assert (alert.verification_level, alert.responsible_unit) == (0, "control-room")
    assert [source.event_id for source in alert.sources] == ["alarm.pillar-event.v1:2:7"]
    assert topic_for(alert) == MAINTENANCE


def test_a_list_that_stays_fresh_changes_nothing() -> None:
    line = Timeline()
    assert line.push(list_age(0, stale=False)).reason is Reason.NOT_ACTIVE
    assert not line.state.incidents


def test_a_list_that_is_too_old_is_a_blue_until_it_is_fresh_again() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    stale = only_alert(line.push(list_age(0, stale=True)))
    fresh = only_alert(line.push(list_age(9, stale=False), at_s=9))
    assert (stale.hazard, stale.grade, stale.action) == (Hazard.FEED_STALE, Grade.BLUE, Action.RAISE)
    assert (fresh.incident_id, fresh.state) == (stale.incident_id, IncidentState.CLEARED_UNACKED)
    assert line.push(list_age(0, stale=True), at_s=10).reason is Reason.DUPLICATE


def test_a_broken_log_is_a_blue_that_names_topic_partition_and_offset() -> None:
    alert = only_alert(Timeline(zone=UNASSIGNED_ZONE).push(log_broken(9)))
    assert (alert.hazard, alert.grade, alert.reason) == (Hazard.LOG_BROKEN, Grade.BLUE, Reason.LOG_BROKEN)
    assert [source.event_id for source in alert.sources] == ["fusion.input.v1:0:9"]


def test_feed_records_written_before_0_4_0_give_the_same_alerts_as_present_ones() -> None:
    reports: list[tuple[float, FeedRecord]] = [
        (1, alive(1, 0, 1)),
        (2, dead_letter(7, at_s=2)),
        (3, dead_letter(7, at_s=2)),
        (4, list_age(0, stale=True)),
        (60, alive(60, 0)),
        (70, list_age(65, stale=False)),
        (80, alive(80, 1)),
        (90, log_broken(9, at_s=90)),
    ]

    def alerts_of(*, earlier: bool) -> list[bytes]:
        line = Timeline(zone=UNASSIGNED_ZONE)
        for at_s, record in reports:
            line.push(before_0_4(record) if earlier else record, at_s=at_s)
            line.tick(at_s)
        return [encode(alert) for alert in line.alerts]

    assert len(alerts_of(earlier=False)) >= 6
    assert alerts_of(earlier=True) == alerts_of(earlier=False)


@pytest.mark.parametrize(("zone", "told"), [(UNASSIGNED_ZONE, 1), ("east", 0)])
def test_a_silent_feed_is_reported_by_one_partition_only(zone: str, told: int) -> None:
    assert partition_of("east", PARTITIONS) != partition_of(UNASSIGNED_ZONE, PARTITIONS)
    line = Timeline(device(zone=zone), zone=zone)
    line.push(alive(0, 0, 1), at_s=0)
    line.push(alive(29, 0), at_s=29)
    silent = [alert for alert in line.run(1, 58) if alert.hazard is Hazard.FEED_SILENT]
    assert [source.device_id for alert in silent for source in alert.sources] == [PILLAR_EVENTS] * told
    again = line.push(alive(58, 0, 1), at_s=59)
    assert [alert.reason for alert in again.alerts] == [Reason.CONDITION_OVER] * told


def told_of_feeds(line: Timeline) -> list[tuple[str, Reason]]:
    return [
        (alert.sources[-1].device_id, alert.reason)
        for alert in line.alerts
        if alert.hazard is Hazard.FEED_SILENT
    ]


def test_all_partitions_of_a_feed_that_nobody_reads_are_one_incident_until_all_are_read() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(alive(0, 0, 1, 2, 3), at_s=0)
    line.run(1, 60)
    assert told_of_feeds(line) == [(PILLAR_EVENTS, Reason.CONDITION_ACTIVE)]
    for second, read in ((61, (0, 1, 2)), (62, (3,))):
        line.push(alive(second, *read), at_s=second)
    assert told_of_feeds(line)[1:] == [(PILLAR_EVENTS, Reason.CONDITION_OVER)]
    assert line.alerts[-1].sent == ms(62)


def test_a_feed_that_was_never_read_is_one_silent_feed_and_no_silent_device() -> None:
    line = Timeline(
        *(device(f"P{n}", zone=UNASSIGNED_ZONE, heartbeat_s=20) for n in range(10)), zone=UNASSIGNED_ZONE
    )
    line.run(1, 120)
    assert {alert.hazard for alert in line.alerts} == {Hazard.FEED_SILENT}
    assert told_of_feeds(line) == [(PILLAR_EVENTS, Reason.CONDITION_ACTIVE)]


def test_a_feed_that_the_registry_expects_is_silent_until_somebody_reads_it() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    assert line.push(expected(FRAMES, "made-up")).reason is Reason.FEED_STATUS
    line.run(1, 29)
    assert not told_of_feeds(line)
    line.run(30, 31)
    assert told_of_feeds(line) == [(FRAMES, Reason.CONDITION_ACTIVE)]
    line.push(alive(32, 0, topic=FRAMES, feed=Feed.CAMERAS), at_s=32)
    assert told_of_feeds(line)[1:] == [(FRAMES, Reason.CONDITION_OVER)]


def test_a_feed_that_the_registry_expects_no_longer_is_not_missed() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(expected(FRAMES, revision=1))
    assert line.push(expected(revision=2), at_s=1).reason is Reason.FEED_STATUS
    assert line.push(expected(FRAMES, revision=1), at_s=2).reason is Reason.DUPLICATE
    line.run(3, 120)
    assert not line.alerts


def test_a_gateways_topic_that_the_registry_expects_no_longer_is_not_missed() -> None:
    """Its last device is bound to another gateway: watermarks of its topic count no more, nor does it lack them."""
    topic = pillar_topic("gateway-7")
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(expected(topic, revision=1))
    line.run(1, 31)
    assert told_of_feeds(line) == [(topic, Reason.CONDITION_ACTIVE)]
    line.push(alive(32, 0, topic=topic), at_s=32)
    line.run(33, 80)
    assert told_of_feeds(line)[-1] == (topic, Reason.CONDITION_BACK)
    over = only_alert(line.push(expected(revision=2), at_s=81))
    assert (over.hazard, over.reason) == (Hazard.FEED_SILENT, Reason.CONDITION_OVER)
    assert line.push(alive(82, 0, topic=topic), at_s=82).reason is Reason.NOT_SUPPORTED
    told = len(told_of_feeds(line))
    line.run(83, 300)
    assert not told_of_feeds(line)[told:]
    assert not line.state.watermarks
    line.push(expected(topic, revision=3), at_s=301)
    line.run(302, 332)
    assert told_of_feeds(line)[-1] == (topic, Reason.CONDITION_BACK)


def test_a_partition_that_is_no_more_is_forgotten_but_not_while_somebody_still_reads_it() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(alive(0, 0, 1), at_s=0)
    line.push(alive(1, 0, count=1), at_s=1)
    assert (PILLAR_EVENTS, 1) in line.state.watermarks, "read a second ago by a worker that knows it"
    for second in range(2, 60):
        line.push(alive(second, 0, count=1), at_s=second)
        line.tick(second)
    assert list(line.state.watermarks) == [(PILLAR_EVENTS, 0)]
    line.push(alive(60, 0, count=1), at_s=60)
    line.run(61, 70)
    assert told_of_feeds(line)[-1:] != [(PILLAR_EVENTS, Reason.CONDITION_ACTIVE)]


def test_a_worker_whose_clock_is_set_back_is_still_heard() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for second in range(200):
        said_s = second - (3_600 if second >= 60 else 0)
        line.push(alive(said_s, 0), at_s=second)
        line.tick(second)
    assert not told_of_feeds(line)


def test_copies_of_old_watermarks_that_come_all_at_once_are_no_sign_that_a_feed_is_read() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    marks = [alive(second, 0) for second in range(20)]
    for second, mark in enumerate(marks):
        line.push(mark, at_s=second)
    line.run(20, 40)
    assert [line.push(mark, at_s=40).reason for mark in marks] == [Reason.DUPLICATE] * len(marks)
    line.run(41, 60)
    assert told_of_feeds(line) == [(PILLAR_EVENTS, Reason.CONDITION_ACTIVE)]


@pytest.mark.parametrize("every_s", [1, 40])
def test_copies_of_a_watermark_tell_nothing_of_its_writer_s_clock(every_s: int) -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    mark = alive(0, 0)
    line.push(mark, at_s=0)
    for second in range(1, 120):
        line.tick(second)
        if second % every_s == 0:
            assert line.push(mark, at_s=second).reason is Reason.DUPLICATE
    assert {alert.hazard for alert in line.alerts} == {Hazard.FEED_SILENT}
