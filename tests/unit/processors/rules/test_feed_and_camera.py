"""Time lines of observations, dead letters and ticks."""

import pytest
from msgspec.structs import replace

from processors.incident.issue import topic_for
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import (
    AckAction,
    Action,
    Category,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Tier,
    Urgency,
)
from schemas.fusion_log import Tick
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE, ChainLink, RegistryDevice
from schemas.topics import ALERTS, FRAMES, MAINTENANCE, PILLAR_EVENTS
from tests.support.log_records import (
    LAT,
    PARTITIONS,
    FeedRecord,
    alive,
    before_0_4,
    camera,
    dead_letter,
    device,
    expected,
    flame,
    list_age,
    log_broken,
    ms,
)
from tests.support.timeline import Timeline, only_alert, reasons

DAY_S = 86_400
FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=tier.value)
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)


def burning(*cameras: RegistryDevice) -> tuple[Timeline, Alert]:
    """A fire that cameras have reported and that was raised after its hold."""
    line = Timeline(*(cameras or (camera(),)))
    line.push(flame())
    (raised,) = line.run(10, 10)
    return line, raised


def test_a_flame_is_held_then_a_yellow_fire_at_the_camera_with_an_uncertainty() -> None:
    line = Timeline(camera())
    assert line.push(flame(score=640, picture=True)).reason is Reason.HELD
    assert not line.run(1, 9)
    (alert,) = line.run(10, 10)
    assert (alert.action, alert.reason, alert.state) == (
        Action.RAISE,
        Reason.FIRST_FACT,
        IncidentState.RAISED,
    )
    assert (alert.hazard, alert.grade, alert.urgency) == (Hazard.FIRE, Grade.YELLOW, Urgency.EXPECTED)
    assert (alert.categories, alert.verification_level, alert.confidence) == ((Category.FIRE,), 1, 0.64)
    assert alert.position is not None
    assert alert.uncertainty_m == 300
    assert [media.snapshot_id for media in alert.media] == ["o1"]
    assert (alert.onset, alert.sent) == (ms(0), ms(10))
    assert topic_for(alert) == ALERTS


def test_a_continuing_fire_issues_no_alert_until_a_picture_arrives() -> None:
    line, _ = burning()
    for at_s, picture in ((11, False), (12, True), (13, True)):
        line.push(flame(at_s=at_s, event_id=f"o{at_s}", picture=picture), at_s=at_s)
    assert reasons(line)[-3:] == [Reason.STILL_BURNING, Reason.PICTURE_ADDED, Reason.STILL_BURNING]
    update = line.alerts[-1]
    assert (update.action, update.source_count, [m.snapshot_id for m in update.media]) == (
        Action.UPDATE,
        3,
        ["o12"],
    )


def test_facts_that_join_a_held_fire_are_in_its_first_alert() -> None:
    line = Timeline(camera("C1"), camera("C2", lat=LAT + 0.001))
    line.push(flame("C1"))
    assert line.push(flame("C2", at_s=5, picture=True), at_s=5).reason is Reason.HELD
    (alert,) = line.run(10, 10)
    assert ([source.device_id for source in alert.sources], len(alert.media)) == (["C1", "C2"], 1)


def test_a_fire_keeps_its_best_score() -> None:
    line = Timeline(camera())
    for number, score in enumerate((400, 900, 500)):
        line.push(flame(at_s=number, event_id=f"o{number}", score=score, picture=number == 2))
    (alert,) = line.run(10, 10)
    assert alert.confidence == 0.9


def test_another_camera_close_by_is_named() -> None:
    line, _ = burning(camera("C1"), camera("C2", lat=LAT + 0.001))
    update = only_alert(line.push(flame("C2")))
    assert (update.reason, [source.device_id for source in update.sources]) == (
        Reason.ANOTHER_SOURCE,
        ["C1", "C2"],
    )
    assert update.verification_level == 1, "more of the same feed is no second feed"


def test_a_press_at_a_fire_makes_it_one_red_emergency_that_two_feeds_report() -> None:
    line, fire = burning(device("P1"), camera("C1"))
    call = only_alert(line.press(11))
    assert (call.incident_id, call.action, call.reason) == (
        fire.incident_id,
        Action.UPDATE,
        Reason.CORROBORATED,
    )
    assert (call.grade, call.hazard, call.verification_level) == (Grade.RED, Hazard.FIRE, 2)
    assert call.state is IncidentState.RAISED
    assert Category.RESCUE in call.categories


def test_a_press_at_a_fire_that_is_held_raises_it_at_once() -> None:
    line = Timeline(device("P1"), camera("C1"))
    line.push(flame())
    alert = only_alert(line.press(1))
    assert (alert.action, alert.grade, alert.verification_level) == (Action.RAISE, Grade.RED, 2)
    assert [source.device_id for source in alert.sources] == ["C1", "P1"]
    assert not line.run(10, 12), "its hold is over before it began"


def test_a_flame_at_a_call_corroborates_it_and_changes_neither_its_grade_nor_its_answer() -> None:
    line = Timeline(device("P1"), camera("C1"))
    call = only_alert(line.press(0))
    line.acknowledge(AckAction.ACCEPT, call.incident_id, 1)
    fire = only_alert(line.push(flame(at_s=2), at_s=2))
    assert (fire.incident_id, fire.reason, fire.verification_level) == (
        call.incident_id,
        Reason.CORROBORATED,
        2,
    )
    assert (fire.grade, fire.state, fire.hazard) == (Grade.RED, IncidentState.ACKED, Hazard.FIRE)


@pytest.mark.parametrize(("last_s", "reason"), [(600, Reason.ANOTHER_SOURCE), (600.001, Reason.HELD)])
def test_a_flame_of_another_camera_joins_a_fire_for_five_minutes_after_the_last_fact(
    last_s: float, reason: Reason
) -> None:
    line, raised = burning(camera("C1"), camera("C2"))
    assert line.push(flame("C1", at_s=300, event_id="o300"), at_s=300).reason is Reason.STILL_BURNING
    assert line.push(flame("C2", at_s=last_s), at_s=last_s).reason is reason
    assert next(iter(line.state.incidents)) == raised.incident_id
    assert len(line.state.incidents) == (1 if reason is Reason.ANOTHER_SOURCE else 2)


def test_a_camera_s_own_fire_takes_in_its_flames_whatever_the_windows() -> None:
    line, raised = burning()
    for at_s in (3_600, 7_200):
        assert line.push(flame(at_s=at_s, event_id=f"o{at_s}"), at_s=at_s).reason is Reason.STILL_BURNING
    assert list(line.state.incidents) == [raised.incident_id]
    assert line.state.incidents[raised.incident_id].source_count == 3


def test_a_flame_never_moves_a_call_to_its_camera() -> None:
    line = Timeline(device("P1"), camera("C1", lat=LAT + 0.001))
    call = only_alert(line.press(0))
    fire = only_alert(line.push(flame(at_s=1), at_s=1))
    assert (fire.incident_id, fire.position, fire.uncertainty_m) == (
        call.incident_id,
        call.position,
        10,
    )


def test_a_camera_in_no_registry_raises_nothing_nor_does_a_copy_once_it_is_known() -> None:
    line = Timeline()
    line.push(flame())
    line.push(camera())
    line.push(flame())
    assert reasons(line)[1:] == [Reason.UNKNOWN_DEVICE, Reason.DEVICE_UPDATED, Reason.DUPLICATE]
    assert not line.alerts


def test_an_observation_of_another_hazard_is_not_supported() -> None:
    line = Timeline(camera())
    assert line.push(replace(flame(), hazard=Hazard.UNKNOWN)).reason is Reason.NOT_SUPPORTED


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


def unheard_for_a_day() -> tuple[Timeline, Alert]:
    """A press of an unregistered device, for which only the control room is asked, after its reminders."""
    line = Timeline()
    raised = only_alert(line.press(0, "X1"))
    line.run(0, DAY_S - 300, every_s=300)
    line.tick(DAY_S - 1)
    return line, raised


def test_an_incident_that_nobody_updates_ends_after_a_day() -> None:
    line, raised = unheard_for_a_day()
    assert list(line.state.incidents) == [raised.incident_id]
    closed, ticked = line.tick(DAY_S)
    alert = only_alert(closed)
    assert (alert.incident_id, alert.action, alert.state) == (
        raised.incident_id,
        Action.CLOSE,
        IncidentState.CLOSED,
    )
    assert (closed.reason, ticked.reason, alert.sent) == (Reason.EXPIRED, Reason.TICK, ms(DAY_S))
    assert not line.state.incidents
    line.tick(DAY_S + 3_600)
    assert not line.state.timers


def test_a_day_is_counted_from_the_last_fact() -> None:
    line = Timeline()
    line.press(0, "X1")
    line.press(100, "X1")
    line.run(100, DAY_S, every_s=300)
    assert Reason.EXPIRED not in [decision.reason for decision in line.tick(DAY_S + 99)]
    assert line.tick(DAY_S + 100)[0].reason is Reason.EXPIRED


def test_timers_fire_in_the_order_of_due_and_incident_whatever_the_order_of_the_log() -> None:
    line = Timeline()
    for name in ("X3", "X1", "X2"):
        line.press(0, name, event_id="same")
    told = [alert for decision in line.tick(60) for alert in decision.alerts]
    assert {alert.reason for alert in told} == {Reason.STILL_UNACKNOWLEDGED}
    ids = [alert.incident_id for alert in told]
    assert ids == sorted(ids)
    assert len(ids) == 3


def test_after_a_gap_each_timer_fires_once_a_tick() -> None:
    line = Timeline(device(chain=FOUR_TIERS, reports_release=False))
    line.press(0)
    tiers = [
        [alert.tier for alert in line.run(at_s, at_s) if alert.action is Action.ESCALATE]
        for at_s in (7_200, 7_229, 7_230, 90_000)
    ]
    assert tiers == [[Tier.TOWNSHIP], [], [Tier.COUNTY], [Tier.MULTI_AGENCY]]


def test_a_copy_of_a_tick_fires_nothing() -> None:
    line = Timeline()
    line.tick(1)
    line.press(2)
    assert line.push(Tick(number=1), at_s=2 * DAY_S).reason is Reason.DUPLICATE
    assert line.state.incidents


def test_only_ticks_fire_timers() -> None:
    line = Timeline()
    line.press(0)
    line.press(2 * DAY_S, "X1")
    assert len(line.state.incidents) == 2
