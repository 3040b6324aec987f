"""Press to alert has one definition: each press is named first by exactly one red alert, and that one is found."""

from hypothesis import given, settings

from processors.fold.last_resort import minimal_red
from processors.incident.press_latency import first_named_press
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import AckAction, Feed, Grade, InputKind, PillarKind, Reason, Status
from schemas.fusion_log import PillarFact
from tests.support.fold_logs import Step, entries, folded, logs
from tests.support.log_records import ZONE, camera, device, fact, flame, ms
from tests.support.timeline import Timeline


def named(alert: Alert) -> tuple[str, str] | None:
    """Device and event id of the press that an alert is the first to name."""
    press = first_named_press(alert)
    return None if press is None else (press.device_id, press.event_id)


def named_in(timeline: Timeline) -> list[tuple[str, str] | None]:
    return [named(alert) for alert in timeline.alerts]


def test_a_press_that_raises_is_named_with_the_time_of_its_receipt() -> None:
    timeline = Timeline()
    (alert,) = timeline.press(3, event_id="a").alerts
    press = first_named_press(alert)
    assert press is not None
    assert (press.event_id, press.received_at) == ("a", ms(3))


def test_a_press_of_an_unregistered_device_is_named() -> None:
    timeline = Timeline()
    timeline.press(1, "stranger", event_id="a")
    assert named_in(timeline) == [("stranger", "a")]


def test_a_press_that_joins_is_named_and_the_one_before_it_is_not_named_again() -> None:
    timeline = Timeline(device("P1"), device("P2"))
    timeline.press(1, "P1", event_id="a")
    timeline.press(20, "P1", event_id="b")
    timeline.press(25, "P2", event_id="c")
    assert named_in(timeline) == [("P1", "a"), ("P1", "b"), ("P2", "c")]


def test_a_press_that_turns_a_held_fire_red_is_named() -> None:
    timeline = Timeline(device("P1"), camera())
    timeline.push(flame(at_s=1), at_s=1)
    timeline.press(2, event_id="a")
    assert [alert.reason for alert in timeline.alerts] == [Reason.CORROBORATED]
    assert named_in(timeline) == [("P1", "a")]


def test_a_flame_that_joins_a_call_names_no_press() -> None:
    timeline = Timeline(device("P1"), camera())
    timeline.press(1, event_id="a")
    timeline.push(flame(at_s=2), at_s=2)
    assert named_in(timeline) == [("P1", "a"), None]


def test_alerts_caused_by_people_and_timers_name_no_press() -> None:
    timeline = Timeline()
    (alert,) = timeline.press(1, event_id="a").alerts
    timeline.run(2, 400)
    timeline.acknowledge(AckAction.ACCEPT, alert.incident_id, 401)
    first, *later = named_in(timeline)
    assert first == ("P1", "a")
    assert len(later) >= 2
    assert set(later) == {None}


def test_an_exercise_and_a_device_test_name_no_press() -> None:
    timeline = Timeline()
    timeline.pillar(PillarKind.PRESS, 1, exercise=True)
    timeline.pillar(PillarKind.TEST, 2)
    assert [alert.status for alert in timeline.alerts] == [Status.EXERCISE, Status.TEST]
    assert named_in(timeline) == [None, None]


def test_the_minimal_red_of_a_press_names_it() -> None:
    assert named(minimal_red(ZONE, fact(event_id="a"), ms(1))) == ("P1", "a")


def presses(steps: list[Step]) -> set[tuple[str, str, int]]:
    """Device, event id and received_at of every press of a log; one that is marked may turn out to be real."""
    facts = [
        decode(step.given.payload, PillarFact) for step in steps if step.given.kind is InputKind.PILLAR_EVENT
    ]
    return {
        (fact.device_id, fact.event_id, fact.received_at) for fact in facts if fact.kind is PillarKind.PRESS
    }


@settings(max_examples=150)
@given(logs())
def test_the_press_found_is_the_one_that_no_earlier_red_of_any_log_has_named(steps: list[Step]) -> None:
    pressed, seen = presses(steps), set[tuple[str, tuple[str, str, int]]]()
    for alert in (alert for decision in folded(entries(steps)) for alert in decision.alerts):
        found = first_named_press(alert)
        if alert.status is not Status.ACTUAL or alert.grade is not Grade.RED:
            assert found is None
            continue
        sources = [
            (each.device_id, each.event_id, each.received_at)
            for each in alert.sources
            if each.feed is Feed.PILLARS
        ]
        new = [name for name in sources if name in pressed and (alert.incident_id, name) not in seen]
        assert new == ([] if found is None else [(found.device_id, found.event_id, found.received_at)])
        seen |= {(alert.incident_id, name) for name in sources}
