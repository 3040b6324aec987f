"""Time lines of presses: records are pushed at given seconds, and the alerts are checked."""

import pytest

from processors.fold.log_entry import LogEntry
from processors.incident.issue import topic_for
from processors.state.event_ids import WINDOW_SIZE
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Family,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
    Status,
    Tier,
)
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import ALERTS
from schemas.units import DAY_MS
from tests.support.log_records import (
    CHAIN,
    LAT,
    PARTITIONS,
    ZONE,
    ack,
    camera,
    device,
    entry,
    envelope,
    fact,
    flame,
    ms,
    other_zone,
)
from tests.support.timeline import Timeline, only_alert, reasons


def test_a_first_press_raises_a_red_at_once_with_everything_that_is_known() -> None:
    alert = only_alert(Timeline().press(10, event_id="e1"))
    assert (alert.action, alert.state, alert.reason) == (
        Action.RAISE,
        IncidentState.RAISED,
        Reason.FIRST_FACT,
    )
    assert (alert.grade, alert.hazard, alert.status) == (Grade.RED, Hazard.EMERGENCY_CALL, Status.ACTUAL)
    assert (alert.sent, alert.onset, alert.expires) == (ms(10), ms(10), ms(10) + DAY_MS)
    assert (alert.revision, alert.press_count, alert.source_count) == (1, 1, 1)
    assert alert.position is not None
    assert (alert.position.lon, alert.position.lat) == (120.0, 30.0)
    assert alert.cell_id == "c200:16679:57778"
    assert (alert.responsible_unit, alert.tier, alert.chain) == ("village-1", Tier.VILLAGE, CHAIN)
    assert [source.event_id for source in alert.sources] == ["e1"]
    assert alert.incident_id.startswith(f"{ZONE}-")
    assert topic_for(alert) == ALERTS
    assert decode(encode(alert), Alert) == alert


def test_presses_within_three_seconds_of_the_first_are_one_press() -> None:
    line = Timeline()
    for at_s in (0, 0.02, 1.5, 3.0):
        line.press(at_s)
    assert reasons(line)[1:] == [Reason.FIRST_FACT, Reason.BOUNCE, Reason.BOUNCE, Reason.BOUNCE]
    assert len(line.alerts) == 1


def test_a_series_of_bounces_is_measured_from_its_first_press() -> None:
    line = Timeline()
    for at_s in (0, 2, 4):
        line.press(at_s)
    assert reasons(line)[1:] == [Reason.FIRST_FACT, Reason.BOUNCE, Reason.PRESSED_AGAIN]


def test_a_later_press_updates_the_incident_and_its_press_count() -> None:
    line = Timeline()
    raised, again = only_alert(line.press(0)), only_alert(line.press(3.001, event_id="e2"))
    assert (again.incident_id, again.action, again.reason) == (
        raised.incident_id,
        Action.UPDATE,
        Reason.PRESSED_AGAIN,
    )
    assert (again.press_count, again.source_count, again.revision) == (2, 2, 2)
    assert [prior.alert_id for prior in again.prior] == [raised.alert_id]
    assert again.alert_id != raised.alert_id


def test_a_press_that_was_received_before_the_first_one_bounces_too() -> None:
    line = Timeline()
    line.press(10)
    assert line.push(fact(at_s=8, event_id="earlier"), at_s=11).reason is Reason.BOUNCE


def test_a_press_after_a_cancel_is_no_bounce() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.CANCEL, 1)
    assert line.press(2).reason is Reason.PRESSED_AGAIN


@pytest.mark.parametrize(("gap_s", "joins"), [(120, True), (120.001, False)])
def test_a_press_beside_another_joins_within_the_rolling_window_border_included(
    gap_s: float, joins: bool
) -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    raised, second = only_alert(line.press(0, "P1")), line.press(gap_s, "P2").alerts[0]
    assert (second.incident_id == raised.incident_id) is joins
    assert (raised.incident_id in second.related_incidents) is not joins, "F15: the two name each other"


def test_presses_beside_another_join_for_at_most_fifteen_minutes_however_often_they_come() -> None:
    names = [f"P{number}" for number in range(1, 12)]
    line = Timeline(*(device(name, reports_release=False) for name in names))
    raised = only_alert(line.press(0, names[0]))
    joined = [
        line.press(100 * number, name).alerts[0].incident_id == raised.incident_id
        for number, name in enumerate(names[1:], start=1)
    ]
    assert joined == [True] * 9 + [False]


def test_a_pillar_s_own_open_incident_takes_in_its_presses_whatever_the_windows() -> None:
    line = Timeline()
    raised = only_alert(line.press(0))
    again = [only_alert(line.press(130 * number)) for number in range(1, 167)]
    assert {alert.incident_id for alert in again} == {raised.incident_id}
    assert again[-1].press_count == 167


def test_a_press_goes_to_the_open_incident_of_its_own_pillar_before_a_newer_one_close_by() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    own = only_alert(line.press(0, "P1"))
    newer = line.press(200, "P2").alerts[0]
    assert newer.incident_id != own.incident_id
    assert only_alert(line.press(210, "P1")).incident_id == own.incident_id


def test_of_two_open_incidents_within_reach_the_one_raised_last_is_joined() -> None:
    line = Timeline(device("P1"), device("P2"), device("P3"))
    line.press(0, "P1")
    latest = line.press(121, "P2").alerts[0]
    assert only_alert(line.press(122, "P3")).incident_id == latest.incident_id


def test_a_press_of_a_pillar_close_by_joins_and_both_are_listed() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.0017))
    raised, joined = only_alert(line.press(0, "P1")), only_alert(line.press(1, "P2"))
    assert (joined.incident_id, joined.reason) == (raised.incident_id, Reason.ANOTHER_SOURCE)
    assert [source.device_id for source in joined.sources] == ["P1", "P2"]
    assert only_alert(line.press(10, "P2")).reason is Reason.PRESSED_AGAIN


def test_two_pillars_that_number_their_presses_alike_send_two_alerts_with_ids_of_their_own() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001), device("P3", lat=LAT - 0.001))
    for name in ("P1", "P2", "P3"):
        line.press(0, name, event_id="1")
    assert len({alert.incident_id for alert in line.alerts}) == 1
    assert len({alert.alert_id for alert in line.alerts}) == 3


def test_an_observation_never_makes_a_press_of_the_same_device_a_duplicate() -> None:
    line = Timeline(camera("C1"))
    line.push(flame("C1", event_id="1"))
    pressed = line.press(0, "C1", event_id="1")
    assert pressed.reason is Reason.CORROBORATED
    assert only_alert(pressed).press_count == 1


def test_a_press_and_a_flame_beside_each_other_are_two_incidents_when_they_are_far_apart_in_time() -> None:
    line = Timeline(camera("C1"), device("P1"))
    line.push(flame("C1", event_id="1"))
    (fire,) = line.run(10, 10)
    call, named = line.press(1_000, "P1", event_id="1").alerts
    assert call.incident_id != fire.incident_id
    assert (call.action, call.revision, call.related_incidents) == (Action.RAISE, 1, (fire.incident_id,))
    assert (named.incident_id, named.reason) == (fire.incident_id, Reason.RELATED)
    assert len(line.state.incidents) == 2


def test_a_press_that_joins_a_fire_moves_it_to_its_pillar_and_names_it() -> None:
    line = Timeline(camera("C1"), device("P1", lat=LAT + 0.0017))
    line.push(flame("C1"))
    (fire,) = line.run(10, 10)
    call = only_alert(line.press(20, "P1"))
    assert (call.incident_id, fire.uncertainty_m, call.uncertainty_m) == (fire.incident_id, 300, 10)
    assert call.position is not None
    assert call.position.lat == LAT + 0.0017
    assert all(name in call.texts[0].description for name in ("P1", "30.00170N 120.00000E"))
    assert line.state.by_place.keys() == {(ZONE, Family.EMERGENCY, call.cell_id)}


@pytest.mark.parametrize(("north_e7", "joins"), [(17_986, True), (17_987, False)])
def test_presses_fuse_across_a_cell_s_edge_up_to_two_hundred_metres(north_e7: int, joins: bool) -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + north_e7 / 1e7))
    raised, second = only_alert(line.press(0, "P1")), only_alert(line.press(1, "P2"))
    assert len({found.place.cell for found in line.state.devices.values() if found.place}) == 2
    assert (second.incident_id == raised.incident_id) is joins


def test_nothing_fuses_across_a_zone_s_border() -> None:
    other = other_zone(same_partition=True)
    line = Timeline(device("P1"))
    line.push(device("P2", zone=other), zone=other)
    line.press(0, "P1")
    decision = line.push(fact(device_id="P2"), zone=other, at_s=1)
    assert (decision.reason, only_alert(decision).zone) == (Reason.FIRST_FACT, other)


def test_a_press_of_a_pillar_in_no_registry_raises_with_the_control_room_as_its_unit() -> None:
    line = Timeline(zone="unassigned")
    alert = only_alert(line.press(0, "nobody-knows-me"))
    assert (alert.reason, alert.grade, alert.zone) == (Reason.UNREGISTERED_DEVICE, Grade.RED, "unassigned")
    assert (alert.position, alert.cell_id, alert.uncertainty_m) == (None, None, None)
    assert alert.responsible_unit == "control-room"
    assert line.press(10, "nobody-knows-me").reason is Reason.PRESSED_AGAIN


def test_two_pillars_in_no_registry_are_two_incidents() -> None:
    line = Timeline()
    assert only_alert(line.press(0, "X1")).incident_id != only_alert(line.press(0, "X2")).incident_id


def test_a_press_of_a_removed_pillar_raises_as_unregistered_at_its_last_place() -> None:
    line = Timeline()
    line.push(device(revision=2, removed=True))
    alert = only_alert(line.press(5))
    assert (alert.reason, alert.responsible_unit) == (Reason.UNREGISTERED_DEVICE, "control-room")
    assert alert.position is not None, "F14: a removed device's last place is used"
    assert (alert.position.lon, alert.position.lat) == (120.0, LAT)


def test_a_press_of_another_partition_s_zone_raises_in_a_zone_of_this_one_and_can_be_acknowledged() -> None:
    line = Timeline()
    decision = line.push(fact(), zone=other_zone(same_partition=False))
    alert = only_alert(decision)
    assert (decision.reason, alert.responsible_unit) == (Reason.UNREGISTERED_DEVICE, "control-room")
    assert alert.zone.startswith(UNASSIGNED_ZONE)
    assert partition_of(alert.zone, PARTITIONS) == line.state.partition
    answered = ack(alert.incident_id, at_s=1)
    assert line.push(answered, at_s=1, zone=alert.zone).reason is Reason.ACCEPTED


def test_a_press_of_another_partition_s_zone_is_one_incident_however_often_it_comes() -> None:
    line, other = Timeline(), other_zone(same_partition=False)
    raised = only_alert(line.push(fact(), zone=other))
    again = only_alert(line.push(fact(at_s=60, event_id="e2"), zone=other, at_s=60))
    assert (again.incident_id, again.reason) == (raised.incident_id, Reason.PRESSED_AGAIN)


def test_a_press_under_a_wrong_key_raises_at_its_pillar() -> None:
    line = Timeline()
    right = entry(envelope(fact()), offset=line.state.offset, append_ms=ms(0))
    (decision,) = line.push_entry(right._replace(key=b"elsewhere"))
    assert (decision.reason, only_alert(decision).responsible_unit) == (Reason.FIRST_FACT, "village-1")


def test_a_late_press_raises_and_is_marked_late() -> None:
    line = Timeline()
    in_time = line.pillar(PillarKind.PRESS, 100, occurred_s=60)
    late = line.pillar(PillarKind.PRESS, 300, "X1", occurred_s=259.999)
    assert [only_alert(in_time).late, only_alert(late).late] == [False, True]
    assert only_alert(late).onset == ms(259.999)


def test_a_press_that_its_gateway_passed_on_hours_later_is_late_and_the_text_says_when_it_was_and_when_it_came() -> (
    None
):
    line = Timeline()
    line.tick(10_800, clock_s=10_800)
    alert = only_alert(line.push(fact(at_s=1), at_s=10_801))
    assert (alert.late, alert.onset, alert.sent) == (True, ms(1), ms(10_801))
    assert "2025-10-09 08:53:21 UTC" in alert.texts[0].description
    assert "2025-10-09 11:53:21 UTC" in alert.texts[0].description


def test_a_press_with_a_replaced_time_is_marked_as_suspect() -> None:
    assert only_alert(Timeline().push(fact(clock_suspect=True))).clock_suspect


def test_a_resend_into_its_open_incident_changes_nothing_whatever_its_received_at() -> None:
    line = Timeline()
    line.press(0, event_id="e1")
    for at_s in (60, 7_200):
        assert line.push(fact(at_s=at_s, event_id="e1"), at_s=at_s).reason is Reason.DUPLICATE
    assert len(line.alerts) == 1


@pytest.mark.parametrize(
    ("again_s", "reason"), [(3, Reason.DUPLICATE), (3.001, Reason.FIRST_FACT), (7_200, Reason.FIRST_FACT)]
)
def test_a_known_id_at_another_time_is_a_press_when_its_incident_is_over(
    again_s: float, reason: Reason
) -> None:
    line = Timeline()
    raised = only_alert(line.press(0, event_id="1"))
    line.acknowledge(AckAction.CANCEL, raised.incident_id, 1, reason=AckReason.FALSE_ALARM)
    again = line.press(again_s, event_id="1")
    assert again.reason is reason
    assert all(alert.incident_id != raised.incident_id for alert in again.alerts)


def test_a_known_id_is_a_press_again_after_its_device_has_asked_to_cancel() -> None:
    line = Timeline()
    raised = only_alert(line.press(0, event_id="1"))
    line.pillar(PillarKind.CANCEL, 10)
    again = only_alert(line.press(20, event_id="1"))
    assert (again.incident_id, again.reason) == (raised.incident_id, Reason.PRESSED_AGAIN)


def test_no_limit_of_memory_drops_a_press() -> None:
    line = Timeline()
    for number in range(80):
        line.push(fact(PillarKind.RELEASE, at_s=10, event_id=f"r{number}"), at_s=10)
    for received_s in (10, 9):
        pressed = fact(at_s=received_s, event_id=f"pressed-{received_s}")
        assert Reason.BEYOND_MEMORY is not line.push(pressed, at_s=11).reason
    assert [source.event_id for source in line.alerts[0].sources] == ["pressed-10"]


@pytest.mark.parametrize("received_s", [0, 100])
def test_no_number_of_later_presses_makes_a_press_beyond_memory(received_s: float) -> None:
    line = Timeline()
    for number in range(70):
        line.press(100 + number * 10, "P1", event_id=f"e{number}")
    late = line.push(fact(at_s=received_s, event_id="from a buffer"), at_s=801)
    assert (late.reason, only_alert(late).sources[-1].event_id) == (Reason.PRESSED_AGAIN, "from a buffer")


def test_a_copy_is_recognised_after_sixty_three_later_presses_of_its_device() -> None:
    line = Timeline()
    raised = only_alert(line.press(0, event_id="first"))
    line.acknowledge(AckAction.CANCEL, raised.incident_id, 1, reason=AckReason.FALSE_ALARM)
    for number in range(WINDOW_SIZE - 1):
        line.press(200 + number * 10)
    copy = fact(at_s=0, event_id="first")
    assert line.push(copy, at_s=900).reason is Reason.DUPLICATE
    line.press(910)
    assert line.push(copy, at_s=920).reason is Reason.PRESSED_AGAIN, "no memory limit drops a press"


def test_a_resend_of_a_source_of_an_open_incident_is_a_duplicate_however_many_events_followed() -> None:
    line = Timeline()
    line.press(0, event_id="first")
    for at_s in range(200, 200 + 65 * 200, 200):
        line.press(at_s)
    assert line.push(fact(at_s=20_000, event_id="first"), at_s=20_000).reason is Reason.DUPLICATE


def test_an_alert_lists_the_first_source_and_the_latest_forty_nine() -> None:
    line = Timeline(device("P1"))
    for at_s in range(0, 60 * 10, 10):
        line.press(at_s, event_id=f"e{at_s}")
    alert = line.alerts[-1]
    assert (alert.source_count, len(alert.sources), len(alert.prior)) == (60, 50, 10)
    assert [source.event_id for source in alert.sources[:2]] == ["e0", "e110"]
    assert alert.sources[-1].event_id == "e590"


def test_unfounded_presses_never_change_the_grade() -> None:
    line = Timeline()
    for at_s in range(0, 4000, 60):
        line.press(at_s)
        line.pillar(PillarKind.CANCEL, at_s + 10)
    assert {alert.grade for alert in line.alerts} == {Grade.RED}


def test_stream_time_never_goes_back() -> None:
    line = Timeline()
    line.press(100)
    earlier = only_alert(line.push(fact(device_id="X", at_s=50), at_s=50))
    assert earlier.sent == ms(100)


def test_an_append_time_beyond_the_year_9999_does_not_move_stream_time() -> None:
    line = Timeline()
    line.press(100)
    (decision,) = line.push_entry(LogEntry(9, ms(1e14), None, None))
    assert (decision.reason, line.state.now) == (Reason.UNDECODABLE, ms(100))


def test_an_id_that_comes_round_again_is_heard_although_its_incident_is_cleared_but_open() -> None:
    line = Timeline()
    raised = only_alert(line.press(0, event_id="1"))
    line.acknowledge(AckAction.CLEAR, raised.incident_id, 10)
    line.run(11, 600)
    again = only_alert(line.press(601, event_id="1"))
    assert (again.incident_id, again.state) == (raised.incident_id, IncidentState.RAISED)
