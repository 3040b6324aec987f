"""Time lines of observations, dead letters and ticks."""

from msgspec.structs import replace

from processors.alerts import topic_for
from schemas.catalogue import ALERTS, MAINTENANCE
from schemas.enums import (
    Action,
    Category,
    FeedState,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Urgency,
)
from schemas.log import Tick
from schemas.site import UNASSIGNED_ZONE
from tests.timeline import LAT, Timeline, camera, dead_letter, device, flame, ms, only_alert, reasons

DAY_S = 86_400


def test_a_flame_is_a_yellow_fire_at_the_camera_with_an_uncertainty() -> None:
    line = Timeline(camera())
    alert = only_alert(line.push(flame(score=640, picture=True)))
    assert (alert.hazard, alert.grade, alert.urgency) == (Hazard.FIRE, Grade.YELLOW, Urgency.EXPECTED)
    assert (alert.categories, alert.verification_level, alert.confidence) == ((Category.FIRE,), 1, 0.64)
    assert alert.position is not None
    assert alert.uncertainty_m == 300
    assert [media.snapshot_id for media in alert.media] == ["o1"]
    assert topic_for(alert) == ALERTS


def test_a_fire_that_still_burns_is_silent_until_a_picture_comes() -> None:
    line = Timeline(camera())
    for number, picture in enumerate((False, False, True, True)):
        line.push(flame(at_s=number, event_id=f"o{number}", picture=picture), at_s=number)
    assert reasons(line)[1:] == [
        Reason.FIRST_FACT,
        Reason.STILL_BURNING,
        Reason.PICTURE_ADDED,
        Reason.STILL_BURNING,
    ]
    update = line.alerts[-1]
    assert (update.action, update.source_count, [m.snapshot_id for m in update.media]) == (
        Action.UPDATE,
        3,
        ["o2"],
    )


def test_a_fire_keeps_its_best_score() -> None:
    line = Timeline(camera())
    for number, score in enumerate((400, 900, 500)):
        line.push(flame(at_s=number, event_id=f"o{number}", score=score, picture=number == 2))
    assert line.alerts[-1].confidence == 0.9


def test_another_camera_close_by_is_named() -> None:
    line = Timeline(camera("C1"), camera("C2", lat=LAT + 0.001))
    line.push(flame("C1"))
    update = only_alert(line.push(flame("C2")))
    assert (update.reason, [source.device_id for source in update.sources]) == (
        Reason.ANOTHER_SOURCE,
        ["C1", "C2"],
    )


def test_a_fire_and_a_press_in_one_place_are_two_incidents() -> None:
    line = Timeline(device("P1"), camera("C1"))
    fire, call = only_alert(line.push(flame())), only_alert(line.press(1))
    assert fire.incident_id != call.incident_id
    assert (fire.grade, call.grade) == (Grade.YELLOW, Grade.RED)


def test_a_fire_joins_for_five_minutes_after_the_last_fact() -> None:
    line = Timeline(camera())
    for at_s in (0, 300, 600.001):
        line.push(flame(at_s=at_s, event_id=f"o{at_s}"), at_s=at_s)
    assert reasons(line)[1:] == [Reason.FIRST_FACT, Reason.STILL_BURNING, Reason.FIRST_FACT]


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


def test_more_dead_letters_are_counted_in_silence_for_half_an_hour() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for offset, at_s in ((7, 0), (8, 1_800), (8, 1_801), (9, 3_601)):
        line.push(dead_letter(offset, at_s=at_s), at_s=at_s)
    assert reasons(line)[1:] == [
        Reason.FEED_FAULT,
        Reason.FEED_STATUS,
        Reason.DUPLICATE,
        Reason.FEED_FAULT,
    ]
    assert next(iter(line.state.incidents.values())).source_count == 2


def test_a_feed_that_is_well_changes_nothing() -> None:
    line = Timeline()
    assert line.push(dead_letter(state=FeedState.OK)).reason is Reason.FEED_STATUS
    assert not line.state.incidents


def test_an_incident_that_nobody_touches_ends_after_a_day() -> None:
    line = Timeline()
    raised = only_alert(line.press(0))
    assert [decision.reason for decision in line.tick(DAY_S - 1)] == [Reason.TICK]
    closed, ticked = line.tick(DAY_S)
    alert = only_alert(closed)
    assert (alert.incident_id, alert.action, alert.state) == (
        raised.incident_id,
        Action.CLOSE,
        IncidentState.CLOSED,
    )
    assert (closed.reason, ticked.reason, alert.sent) == (Reason.EXPIRED, Reason.TICK, ms(DAY_S))
    assert not line.state.incidents
    assert not line.state.timers


def test_a_day_is_counted_from_the_last_fact() -> None:
    line = Timeline()
    line.press(0)
    line.press(100)
    assert len(line.tick(DAY_S + 99)) == 1
    assert line.tick(DAY_S + 100)[0].reason is Reason.EXPIRED


def test_timers_fire_in_the_order_of_due_and_incident_whatever_the_order_of_the_log() -> None:
    line = Timeline()
    for name in ("X3", "X1", "X2"):
        line.press(0, name, event_id="same")
    ended = [only_alert(decision).incident_id for decision in line.tick(2 * DAY_S)[:-1]]
    assert ended == sorted(ended)
    assert len(ended) == 3


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
