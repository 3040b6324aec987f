"""Requirements 11 to 13: grades and verification levels."""

import pytest

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Category,
    DeviceKind,
    Feed,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
    Urgency,
)
from schemas.topics import ALERTS, MAINTENANCE
from tests.support.expect import never, once, within
from tests.support.log_records import LAT, alive, camera, device, flame
from tests.support.timeline import Timeline, only_alert

JUST_WITHIN, JUST_BEYOND = LAT + 0.0017986, LAT + 0.0017987

"""199.995 m and 200.006 m north (docs/cells.md)."""


def incidents_of(line: Timeline) -> set[str]:
    return {alert.incident_id for alert in line.alerts}


def test_req_11_a_grade_rises_by_itself() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 12)
    fire = once(line, 10, 11, grade=Grade.YELLOW, action=Action.RAISE)
    line.press(15)
    risen = once(line, 15, 15)
    assert (risen.incident_id, risen.grade, risen.hazard) == (fire.incident_id, Grade.RED, Hazard.FIRE)
    assert (risen.urgency, risen.actor) == (Urgency.IMMEDIATE, None)


def test_req_11_a_risen_grade_needs_a_new_acknowledgement() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 12)
    fire = line.alerts[0]
    line.acknowledge(AckAction.ACCEPT, fire.incident_id, 13)
    line.press(15)
    assert once(line, 15, 15).state is IncidentState.RAISED
    line.run(16, 50)
    once(line, 45, 46, action=Action.ESCALATE)


def test_req_11_a_risen_grade_keeps_the_state_where_somebody_is_on_scene() -> None:
    line = Timeline(device(), camera())
    line.push(flame())
    line.run(1, 12)
    line.acknowledge(AckAction.ON_SCENE, line.alerts[0].incident_id, 13)
    line.press(15)
    assert once(line, 15, 15, grade=Grade.RED).state is IncidentState.ON_SCENE


def test_req_11_no_fact_lowers_a_grade() -> None:
    line = Timeline(device(), camera())
    line.press(0)
    line.push(flame(at_s=5), at_s=5)
    line.pillar(PillarKind.CANCEL, 6)
    line.pillar(PillarKind.RELEASE, 7)
    line.pillar(PillarKind.TEST, 8)
    line.run(9, 1_000)
    assert {alert.grade for alert in within(line, 0, 1_000, topic=ALERTS)} == {Grade.RED}


def test_req_11_a_person_lowers_a_grade_and_the_alert_names_them() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.acknowledge(
        AckAction.REGRADE, call.incident_id, 5, grade=Grade.YELLOW, reason=AckReason.LESS_SERIOUS
    )
    lowered = once(line, 5, 5, grade=Grade.YELLOW, reason=Reason.REGRADED)
    assert lowered.actor is not None
    line.press(10)
    assert once(line, 10, 10).grade is Grade.RED  # and the grade rises by itself again


def test_req_11_nobody_can_regrade_an_emergency_to_maintenance() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    decision = line.acknowledge(
        AckAction.REGRADE, call.incident_id, 5, grade=Grade.BLUE, reason=AckReason.LESS_SERIOUS
    )
    assert (decision.reason, decision.alerts) == (Reason.NEVER_FOR_GRADE, ())


@pytest.mark.parametrize("lat", [LAT, JUST_WITHIN])
def test_req_12_a_second_feed_corroborates(lat: float) -> None:
    line = Timeline(device(), camera(lat=lat))
    call = only_alert(line.press(0))
    line.push(flame(at_s=20), at_s=20)
    both = once(line, 20, 20, reason=Reason.CORROBORATED)
    assert [call.verification_level, both.verification_level] == [1, 2]
    assert (both.hazard, both.categories) == (
        Hazard.FIRE,
        (Category.FIRE, Category.RESCUE, Category.SECURITY),
    )


def test_req_12_more_facts_of_one_feed_stay_unverified() -> None:
    line = Timeline(device(), device("P2", lat=LAT + 0.001))
    line.press(0)
    line.press(10, "P2")
    line.press(20)
    assert {alert.verification_level for alert in line.alerts} == {1}


def test_req_12_a_fact_out_of_reach_corroborates_nothing() -> None:
    line = Timeline(device(), camera(lat=JUST_BEYOND))
    line.press(0)
    line.push(flame(at_s=5), at_s=5)
    line.run(6, 30)
    assert {alert.verification_level for alert in line.alerts} == {1}
    assert len(incidents_of(line)) == 2


def test_req_12_nobody_is_sent_to_a_test_or_a_fault() -> None:
    line = Timeline()
    line.pillar(PillarKind.TEST, 0)
    line.pillar(PillarKind.BATTERY, 1)
    line.run(2, 40)
    assert {alert.hazard: alert.verification_level for alert in line.alerts} == {
        Hazard.EMERGENCY_CALL: 0,
        Hazard.BATTERY: 0,
    }


def test_req_12_the_alert_lists_every_contributing_source() -> None:
    line = Timeline(device(), device("P2", lat=LAT + 0.001), camera())
    line.press(0, event_id="a")
    line.push(flame(at_s=4, event_id="b"), at_s=4)
    line.press(8, "P2", event_id="c")
    last = line.alerts[-1]
    assert [(each.feed, each.device_id, each.event_id) for each in last.sources] == [
        (Feed.PILLARS, "P1", "a"),
        (Feed.CAMERAS, "C1", "b"),
        (Feed.PILLARS, "P2", "c"),
    ]
    assert last.source_count == 3


def test_req_12_of_very_many_sources_fifty_are_listed_and_all_are_counted() -> None:
    line = Timeline()
    for number in range(60):
        line.press(number * 4)
    last = line.alerts[-1]
    assert (len(last.sources), last.source_count, last.press_count) == (50, 60, 60)
    assert last.sources[0] == line.alerts[0].sources[0]


@pytest.mark.parametrize("kind", [PillarKind.TAMPER, PillarKind.BATTERY, PillarKind.MAINS, PillarKind.COMMS])
def test_req_13_no_fault_of_a_camera_raises_more_than_a_blue(kind: PillarKind) -> None:
    line = Timeline(camera())
    line.pillar(kind, 0, "C1")
    line.run(1, 4_000)
    assert {(alert.grade, alert.verification_level) for alert in line.alerts} == {(Grade.BLUE, 0)}
    never(line, 0, 4_000, topic=ALERTS)


def test_req_13_a_camera_that_delivers_no_frames_raises_a_blue() -> None:
    line = Timeline(device("C1", kind=DeviceKind.CAMERA, heartbeat_s=60))
    line.push(alive(1, topic="camera.frame.v1", feed=Feed.CAMERAS), at_s=1)
    for second in range(2, 100):
        line.push(alive(second, topic="camera.frame.v1", feed=Feed.CAMERAS), at_s=second)
        line.tick(second)
    once(line, 60, 66, hazard=Hazard.COMM_FAIL, grade=Grade.BLUE, topic=MAINTENANCE)
    never(line, 0, 100, topic=ALERTS)


def test_req_13_a_camera_s_fault_beside_a_press_stays_blue_and_the_press_red() -> None:
    line = Timeline(device(), camera())
    line.pillar(PillarKind.TAMPER, 0, "C1")
    line.run(1, 31)
    line.press(40)
    fault, call = once(line, 30, 31, hazard=Hazard.TAMPER), once(line, 40, 40, action=Action.RAISE)
    assert (fault.grade, call.grade, call.verification_level) == (Grade.BLUE, Grade.RED, 1)
    assert call.related_incidents == (fault.incident_id,)
