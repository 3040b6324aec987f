"""Requirements 3, 4, 14 and the missing test of 5 in domain.md: what only a technician can mend, and how it is told."""

import pytest

from schemas.catalogue import ALERTS, HOTLIST, MAINTENANCE
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Feed,
    FeedState,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.errors import Cause
from schemas.log import FeedStatus
from schemas.site import UNASSIGNED_ZONE
from tests.expect import at_s, never, once, restarted, told, within
from tests.timeline import (
    LAT,
    ZONE,
    Timeline,
    alive,
    device,
    gateway,
    ms,
    only_alert,
    zone_of,
)

FAULTS = {
    PillarKind.TAMPER: Hazard.TAMPER,
    PillarKind.BATTERY: Hazard.BATTERY,
    PillarKind.MAINS: Hazard.MAINS,
    PillarKind.COMMS: Hazard.COMMS,
}

every_fault = pytest.mark.parametrize("kind", FAULTS)


def watch(line: Timeline, from_s: int, to_s: int, *speaking: str, every_s: int = 10) -> None:
    """Seconds in which the feed is read, a tick comes, and some devices speak."""
    for second in range(from_s, to_s + 1):
        for device_id in speaking if second % every_s == 0 else ():
            line.pillar(PillarKind.HEARTBEAT, second, device_id)
        line.push(alive(second), at_s=second)
        line.tick(second)


# 3: heartbeats


@pytest.mark.parametrize("heartbeat_s", [20, 60, 300, 3_600])
def test_req_03_a_missed_heartbeat_is_comm_fail_within_one_interval_and_ten_percent(heartbeat_s: int) -> None:
    line = Timeline(device(heartbeat_s=heartbeat_s))
    line.pillar(PillarKind.HEARTBEAT, 5)
    watch(line, 6, 5 + heartbeat_s * 2)
    silent = once(line, 5 + heartbeat_s, 5 + heartbeat_s * 1.1, hazard=Hazard.COMM_FAIL, topic=MAINTENANCE)
    assert (silent.grade, silent.action, silent.reason) == (Grade.BLUE, Action.RAISE, Reason.CONDITION_ACTIVE)
    never(line, 0, 4.9 + heartbeat_s)


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.9])
def test_req_03_ticks_and_feeds_of_any_phase_are_in_time(phase_s: float) -> None:
    line = Timeline(device(heartbeat_s=20))
    line.pillar(PillarKind.HEARTBEAT, 0.05)
    for second in range(1, 30):
        line.tick(second)
        line.push(alive(second + phase_s), at_s=second + phase_s)
    once(line, 20.05, 22.05, hazard=Hazard.COMM_FAIL)


def test_req_03_a_device_that_never_spoke_is_supervised_from_when_the_registry_names_it() -> None:
    line = Timeline(device("P9"))
    line.push(device("P1", heartbeat_s=60), at_s=100)
    watch(line, 100, 200)
    once(line, 160, 166, hazard=Hazard.COMM_FAIL)


@pytest.mark.parametrize("kind", [PillarKind.HEARTBEAT, PillarKind.PRESS, PillarKind.TEST, PillarKind.RELEASE])
def test_req_03_any_word_of_a_device_is_a_sign_of_life(kind: PillarKind) -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50)
    line.pillar(kind, 50)
    watch(line, 51, 109)
    never(line, 0, 109, hazard=Hazard.COMM_FAIL)
    watch(line, 110, 120)
    once(line, 110, 116, hazard=Hazard.COMM_FAIL)


def test_req_03_a_device_that_speaks_in_time_is_never_silent() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 600, "P1", every_s=60)
    never(line, 0, 600)


def test_req_03_a_device_without_a_heartbeat_class_promises_nothing() -> None:
    line = Timeline(device(heartbeat_s=None))
    watch(line, 1, 600)
    never(line, 0, 600)


def test_req_03_a_copy_of_an_old_heartbeat_is_no_sign_of_life() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.pillar(PillarKind.HEARTBEAT, 0, event_id="h")
    first = line.entries[-1]
    watch(line, 1, 40)
    line.push_entry(first._replace(offset=line.state.offset, append_ms=ms(40)))
    watch(line, 41, 70)
    once(line, 60, 66, hazard=Hazard.COMM_FAIL)


def test_req_03_a_silent_device_is_told_once_and_its_first_word_ends_it() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 500)
    silent = once(line, 0, 500, hazard=Hazard.COMM_FAIL)
    line.pillar(PillarKind.HEARTBEAT, 501)
    over = once(line, 501, 501)
    assert (over.incident_id, over.reason) == (silent.incident_id, Reason.CONDITION_OVER)
    assert over.state is IncidentState.CLEARED_UNACKED
    watch(line, 502, 600)
    assert once(line, 561, 567).reason is Reason.CONDITION_BACK


def test_req_03_a_press_of_a_silent_device_is_a_red_first_and_ends_the_silence_after() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100)
    line.press(101)
    first, second = within(line, 101, 101, action=Action.RAISE), within(line, 101, 101, hazard=Hazard.COMM_FAIL)
    assert [alert.grade for alert in first] == [Grade.RED]
    assert [alert.reason for alert in second][-1] is Reason.CONDITION_OVER
    assert line.alerts.index(first[0]) < line.alerts.index(second[-1])


def test_req_03_silence_is_found_after_a_restart_too() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30, "P1")
    restarted(line)
    watch(line, 31, 100)
    once(line, 90, 96, hazard=Hazard.COMM_FAIL)


def site(*, gateway_s: int | None = None, children: int = 4) -> Timeline:
    """Pillars behind one gateway, a kilometre apart."""
    pillars = (
        device(f"P{n}", heartbeat_s=60, gateway="G1", lat=LAT + n * 0.01) for n in range(1, children + 1)
    )
    return Timeline(gateway(heartbeat_s=gateway_s), *pillars)


def test_req_03_misses_behind_one_gateway_are_one_site_that_inhibits_its_children() -> None:
    line = site()
    watch(line, 1, 300)
    whole = once(line, 60, 66, hazard=Hazard.SITE_COMM_FAIL)
    assert (whole.reason, whole.grade, whole.state) == (Reason.SITE_SILENT, Grade.BLUE, IncidentState.RAISED)
    told_of = {alert.incident_id for alert in within(line, 0, 300, hazard=Hazard.COMM_FAIL)}
    ended = within(line, 60, 66, reason=Reason.INHIBITED, action=Action.CLOSE)
    assert told_of == {alert.incident_id for alert in ended}
    assert {alert.disposition for alert in ended} == {Disposition.DUPLICATE}
    assert len(line.state.incidents) == 1, told(line)


def test_req_03_fewer_misses_than_make_a_site_are_told_one_by_one() -> None:
    line = site()
    watch(line, 1, 300, "P1", "P2")
    assert len(within(line, 60, 66, hazard=Hazard.COMM_FAIL, action=Action.RAISE)) == 2
    never(line, 0, 300, hazard=Hazard.SITE_COMM_FAIL)
    never(line, 0, 300, reason=Reason.INHIBITED)


def test_req_03_a_silent_gateway_is_a_silent_site_at_once() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 300)
    once(line, 30, 33, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    never(line, 0, 300, hazard=Hazard.COMM_FAIL)


def test_req_03_a_child_that_was_silent_before_its_gateway_is_inhibited_too() -> None:
    line = site(gateway_s=120)
    watch(line, 1, 200, "P2", "P3", "P4")
    child = once(line, 60, 66, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    once(line, 120, 132, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    ended = once(line, 120, 132, reason=Reason.INHIBITED)
    assert ended.incident_id == child.incident_id


def test_req_03_an_inhibited_child_s_press_is_a_red_like_any_other() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 100)
    line.press(101, "P3")
    assert once(line, 101, 101, topic=ALERTS).grade is Grade.RED


def test_req_03_a_silent_site_inhibits_nothing_but_silence() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 100)
    line.pillar(PillarKind.TAMPER, 101, "P3")
    watch(line, 102, 140)
    once(line, 131, 132, hazard=Hazard.TAMPER)


def test_req_03_when_a_site_speaks_again_those_still_silent_are_told_one_by_one() -> None:
    line = site()
    watch(line, 1, 100)
    line.pillar(PillarKind.HEARTBEAT, 101, "P1")
    never(line, 101, 101, reason=Reason.CONDITION_OVER)  # three are silent still
    line.pillar(PillarKind.HEARTBEAT, 102, "P2")
    once(line, 102, 102, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
    own = within(line, 102, 102, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in own) == ["P3", "P4"]


def test_req_03_two_gateways_are_two_sites() -> None:
    line = Timeline(
        gateway(),
        gateway("G2"),
        *(device(f"P{n}", heartbeat_s=60, gateway="G1") for n in range(3)),
        *(device(f"Q{n}", heartbeat_s=60, gateway="G2") for n in range(3)),
    )
    watch(line, 1, 100, "Q0", "Q1", "Q2")
    assert once(line, 0, 100, hazard=Hazard.SITE_COMM_FAIL).sources[0].device_id == "G1"


# 3: what the feed has told


def test_req_03_while_nobody_reads_the_feed_no_device_is_silent() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50, "P1")
    line.run(51, 3_600)
    never(line, 0, 3_600)


def test_req_03_one_partition_that_nobody_reads_is_enough_to_wait() -> None:
    line = Timeline(device(heartbeat_s=60))
    for second in range(1, 200):
        line.push(alive(second, *((0, 1) if second < 50 else (0,))), at_s=second)
        line.tick(second)
    never(line, 0, 200, hazard=Hazard.COMM_FAIL)


def test_req_03_heartbeats_that_come_after_a_gap_of_the_feed_keep_their_device_alive() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50, "P1")
    line.run(51, 300)
    line.pillar(PillarKind.HEARTBEAT, 300.5)
    watch(line, 301, 350)
    never(line, 0, 350)


def test_req_03_who_stays_silent_when_the_feed_is_read_again_is_told_then() -> None:
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
    assert len({alert.incident_id for alert in line.alerts}) == 1, told(line)
    watch(line, 601, 700)
    assert once(line, 601, 700).reason is Reason.CONDITION_OVER


def test_a_feed_that_nobody_reads_is_told_by_no_other_partition() -> None:
    line = Timeline(zone=ZONE)
    watch(line, 1, 50)
    line.run(51, 600)
    never(line, 0, 600, hazard=Hazard.FEED_SILENT)


def hotlist(state: FeedState, second: float) -> FeedStatus:
    return FeedStatus(
        feed=Feed.HOTLIST,
        state=state,
        topic=HOTLIST,
        partition=-1,
        offset=-1,
        cause=Cause.UNKNOWN,
        at=ms(second),
    )


def test_a_list_that_is_too_old_raises_a_blue_and_a_fresh_one_clears_it() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    line.push(hotlist(FeedState.STALE, 0), at_s=1)
    stale = once(line, 1, 1, hazard=Hazard.FEED_STALE, action=Action.RAISE, topic=MAINTENANCE)
    line.push(hotlist(FeedState.STALE, 0), at_s=60)  # another worker says the same
    line.push(hotlist(FeedState.OK, 90), at_s=100)
    over = once(line, 2, 100)
    assert (over.incident_id, over.reason) == (stale.incident_id, Reason.CONDITION_OVER)
    line.push(hotlist(FeedState.STALE, 200), at_s=300)
    assert once(line, 300, 300).reason is Reason.CONDITION_BACK


# the registry


def test_a_removed_device_is_not_supervised_any_more() -> None:
    line = Timeline(device(heartbeat_s=60, test_every_s=100))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 500)
    never(line, 0, 500)


def test_the_faults_of_a_removed_device_end_and_its_call_goes_on() -> None:
    line = Timeline(device(heartbeat_s=60, reports_release=False))
    watch(line, 1, 100)
    silent = once(line, 60, 66)
    call = line.press(101).alerts[0]
    line.push(device(revision=2, removed=True), at_s=171)
    ended = once(line, 171, 171)
    assert (ended.incident_id, ended.action, ended.reason) == (
        silent.incident_id,
        Action.CLOSE,
        Reason.DEVICE_LEFT,
    )
    assert call.incident_id in line.state.incidents


def test_a_moved_device_is_supervised_where_it_is_now_and_nowhere_else() -> None:
    there = zone_of(is_ours=True)
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    line.push(device(zone=there, revision=2, heartbeat_s=60), at_s=31, zone=there)
    watch(line, 32, 300)
    assert once(line, 91, 97, hazard=Hazard.COMM_FAIL).zone == there
    assert {alert.zone for alert in line.alerts} == {there}


def test_a_device_that_comes_back_is_supervised_from_then_on() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 1_000)
    line.push(device(revision=3, heartbeat_s=60), at_s=1_000)
    watch(line, 1_001, 1_100)
    once(line, 1_060, 1_066, hazard=Hazard.COMM_FAIL)
    never(line, 0, 1_059)


def test_a_copy_of_a_removal_ends_nothing_that_came_later() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(device(revision=2, removed=True), at_s=10)
    copy = line.entries[-1]
    line.push(device(revision=3, heartbeat_s=60), at_s=20)
    line.push_entry(copy._replace(offset=line.state.offset, append_ms=ms(30)))
    watch(line, 31, 100)
    once(line, 80, 86, hazard=Hazard.COMM_FAIL)


def test_a_longer_heartbeat_class_counts_from_when_it_is_applied() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, heartbeat_s=300), at_s=31)
    watch(line, 32, 400)
    once(line, 300, 331, hazard=Hazard.COMM_FAIL)


# 4: what a device says of itself


@every_fault
def test_req_04_a_fault_is_maintenance_and_blue(kind: PillarKind) -> None:
    line = Timeline()
    line.pillar(kind, 0)
    line.run(1, 60)
    fault = once(line, 30, 31, topic=MAINTENANCE)
    assert (fault.hazard, fault.grade, fault.action) == (FAULTS[kind], Grade.BLUE, Action.RAISE)
    never(line, 0, 60, topic=ALERTS)


@every_fault
def test_req_04_a_fault_that_is_over_is_told_and_still_needs_somebody(kind: PillarKind) -> None:
    line = Timeline()
    line.pillar(kind, 0)
    line.run(1, 60)
    line.pillar(kind, 61, active=False)
    over = once(line, 61, 61)
    assert (over.reason, over.state) == (Reason.CONDITION_OVER, IncidentState.CLEARED_UNACKED)


@pytest.mark.parametrize("tamper_s", [1, 100, 159])
def test_req_04_tamper_and_a_press_within_sixty_seconds_stay_red(tamper_s: float) -> None:
    line = Timeline()
    events = sorted([(100.0, PillarKind.PRESS), (float(tamper_s), PillarKind.TAMPER)])
    for second, kind in events:
        line.pillar(kind, second)
    line.run(160, 230)
    calls = within(line, 0, 230, hazard=Hazard.EMERGENCY_CALL)
    assert {alert.grade for alert in calls} == {Grade.RED}
    assert calls[0].action is Action.RAISE
    tamper = once(line, 30, 230, hazard=Hazard.TAMPER, action=Action.RAISE)
    assert tamper.grade is Grade.BLUE
    assert tamper.incident_id != calls[0].incident_id


def test_req_04_tamper_and_a_press_name_each_other() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.pillar(PillarKind.TAMPER, 59)
    line.run(60, 100)
    assert once(line, 89, 90, hazard=Hazard.TAMPER, action=Action.RAISE).related_incidents == (call.incident_id,)


def test_req_04_faults_of_one_device_are_incidents_of_their_own() -> None:
    line = Timeline()
    for kind in FAULTS:
        line.pillar(kind, 0)
    line.run(1, 31)
    assert {alert.hazard for alert in line.alerts} == set(FAULTS.values())
    assert len({alert.incident_id for alert in line.alerts}) == len(FAULTS)


def test_req_04_any_number_of_faults_never_makes_more_than_a_blue() -> None:
    line = Timeline(*(device(f"P{n}", heartbeat_s=60, test_every_s=100) for n in range(5)))
    for n in range(5):
        for kind in FAULTS:
            line.pillar(kind, n, f"P{n}")
    watch(line, 6, 300)
    assert {alert.grade for alert in line.alerts} == {Grade.BLUE}
    assert {alert.verification_level for alert in line.alerts} == {0}


# 5: the missing test


def test_req_05_a_missing_scheduled_test_raises_a_blue() -> None:
    line = Timeline(device(test_every_s=1_000))
    watch(line, 1, 2_500)
    missing = once(line, 1_000, 1_101, hazard=Hazard.TEST_MISSED, action=Action.RAISE, topic=MAINTENANCE)
    assert missing.grade is Grade.BLUE


def test_req_05_a_test_that_comes_in_time_is_not_missed() -> None:
    line = Timeline(device(test_every_s=1_000))
    for start in range(0, 5_000, 1_000):
        line.run(start + 1, start + 999)
        line.pillar(PillarKind.TEST, start + 1_000)
    never(line, 0, 5_000, hazard=Hazard.TEST_MISSED)


def test_req_05_a_test_that_comes_late_ends_the_blue() -> None:
    line = Timeline(device(test_every_s=1_000))
    line.run(1, 1_200)
    missing = once(line, 1_000, 1_101)
    line.pillar(PillarKind.TEST, 1_201)
    over = once(line, 1_201, 1_201, hazard=Hazard.TEST_MISSED)
    assert (over.incident_id, over.reason) == (missing.incident_id, Reason.CONDITION_OVER)


@pytest.mark.parametrize("kind", [PillarKind.PRESS, PillarKind.HEARTBEAT])
def test_req_05_nothing_but_a_test_is_a_test(kind: PillarKind) -> None:
    line = Timeline(device(test_every_s=1_000, reports_release=False))
    line.run(1, 900)
    line.pillar(kind, 901)
    line.run(902, 1_200)
    once(line, 1_000, 1_101, hazard=Hazard.TEST_MISSED)


# 14: flapping


def cycle(line: Timeline, second: float, *, off_after_s: float = 1) -> None:
    line.pillar(PillarKind.BATTERY, second)
    line.pillar(PillarKind.BATTERY, second + off_after_s, active=False)


def faulty() -> Timeline:
    """A battery fault that was raised in second 30 and accepted."""
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    line.say(AckAction.ACCEPT, once(line, 30, 30).incident_id, 31)
    return line


def test_req_14_three_cycles_in_a_minute_are_flapping_and_told_once() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    cycle(line, 120)
    flapping = once(line, 120, 130, reason=Reason.FLAPPING)
    assert (at_s(flapping), flapping.flapping) == (121, True)
    for number in range(50):
        cycle(line, 130 + number * 10)
    never(line, 122, 640)


@pytest.mark.parametrize(("gap_s", "flaps"), [(30, True), (31, False)])
def test_req_14_the_minute_is_counted_between_the_first_and_the_third_cycle(gap_s: int, flaps: bool) -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 100 + gap_s - 1)
    cycle(line, 100 + 2 * gap_s - 1)
    assert bool(within(line, 100, 200, reason=Reason.FLAPPING)) is flaps, told(line)


def test_req_14_two_cycles_are_not_flapping() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    line.run(112, 300)
    never(line, 0, 300, reason=Reason.FLAPPING)
    assert not any(alert.flapping for alert in line.alerts)


def test_req_14_what_flaps_within_its_hold_is_raised_once_as_flapping() -> None:
    line = Timeline()
    for second in (0, 5, 10, 15, 20, 25):
        cycle(line, second)
        line.tick(second + 2)
    assert once(line, 0, 30).reason is Reason.FLAPPING


def test_req_14_when_it_is_calm_it_is_told_how_it_is_now() -> None:
    line = faulty()
    line.pillar(PillarKind.BATTERY, 100, active=False)
    cycle(line, 110)
    cycle(line, 120)
    line.pillar(PillarKind.BATTERY, 125)
    line.run(126, 400)
    calm = once(line, 185, 186)
    assert (calm.reason, calm.flapping) == (Reason.CONDITION_ACTIVE, False)


def test_req_14_a_red_is_exempt_however_often_it_is_pressed_and_taken_back() -> None:
    line = Timeline()
    for number in range(10):
        line.press(number * 5)
        line.pillar(PillarKind.CANCEL, number * 5 + 2)
    assert len(line.alerts) == 20, told(line)
    assert not any(alert.flapping for alert in line.alerts)


def regraded(line: Timeline, name: str, second: float, grade: Grade) -> None:
    reason = AckReason.MORE_SERIOUS if grade is Grade.RED else AckReason.LESS_SERIOUS
    line.say(AckAction.REGRADE, name, second, grade=grade, reason=reason)


@pytest.mark.parametrize(("last_s", "flaps"), [(1_800, True), (1_801, False)])
def test_req_14_more_than_two_changes_of_the_grade_in_half_an_hour_are_flapping(
    last_s: int, flaps: bool
) -> None:
    line = Timeline(device(reports_release=False))
    name = only_alert(line.press(-0.0)).incident_id
    regraded(line, name, 0, Grade.YELLOW)
    regraded(line, name, 900, Grade.RED)
    regraded(line, name, last_s, Grade.YELLOW)
    assert [alert.flapping for alert in line.alerts] == [False, False, False, flaps]


def test_req_14_what_rises_to_red_flaps_no_more() -> None:
    line = Timeline(device(reports_release=False))
    name = only_alert(line.press(0)).incident_id
    for second, grade in ((10, Grade.YELLOW), (20, Grade.RED), (30, Grade.YELLOW)):
        regraded(line, name, second, grade)
    assert line.alerts[-1].flapping
    line.press(40)
    risen = once(line, 40, 40)
    assert (risen.grade, risen.flapping) == (Grade.RED, False)
    line.run(41, 80)
    once(line, 70, 71, action=Action.ESCALATE)


def test_req_14_what_flaps_is_not_told_again_and_still_escalates() -> None:
    line = Timeline()
    line.pillar(PillarKind.BATTERY, 0)
    line.run(1, 30)
    for second in range(40, 1_900, 10):
        line.pillar(PillarKind.BATTERY, second, active=second % 20 == 0)
        line.run(second + 1, second + 9)
    once(line, 40, 1_900, reason=Reason.FLAPPING)
    never(line, 40, 1_900, reason=Reason.STILL_UNACKNOWLEDGED)
