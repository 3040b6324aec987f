"""Time lines of observations: a flame that is held, told, joined and corroborated."""

import pytest
from msgspec.structs import replace

from processors.incident.issue import topic_for
from processors.state.policy import Grades
from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    Action,
    Category,
    Grade,
    Hazard,
    IncidentState,
    Reason,
    Tier,
    Urgency,
)
from schemas.registry import ChainLink, RegistryDevice
from schemas.topics import ALERTS
from tests.support.log_records import (
    LAT,
    camera,
    device,
    flame,
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


def fires_are_red(line: Timeline, at_s: float) -> None:
    line.policy(replace(line.state.policy, grades=Grades(fire=Grade.RED)), at_s=at_s)


def test_a_fire_that_goes_on_under_a_policy_with_another_grade_is_told_with_it() -> None:
    line, raised = burning()
    fires_are_red(line, 20)
    again = only_alert(line.push(flame(at_s=21, event_id="o21"), at_s=21))
    assert (again.incident_id, again.reason) == (raised.incident_id, Reason.CONDITION_BACK)
    assert (again.action, again.grade) == (Action.UPDATE, Grade.RED)


def test_a_flame_that_is_held_is_raised_as_the_first_once_a_policy_holds_it_no_longer() -> None:
    line = Timeline(camera())
    line.push(flame())
    fires_are_red(line, 5)
    raised = only_alert(line.push(flame(at_s=6, event_id="o6"), at_s=6))
    assert (raised.action, raised.reason, raised.grade) == (Action.RAISE, Reason.FIRST_FACT, Grade.RED)
