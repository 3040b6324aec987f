"""The demo's check: whatever is missing, unexpected or otherwise is noticed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from callbox.demo.check.collect import Collected, PlacedAlert
from callbox.demo.check.outcome import expected, mismatches, observed, plate_read_counts, plate_read_problems
from callbox.demo.play import Sent
from callbox.demo.run import shipped
from callbox.demo.scenario import Scenario, read_scenario
from callbox.demo.steps import AckStep, AnyStep, PlateStep, PoisonStep, last_at_s
from callbox.registry.registry_file import read_site
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter
from schemas.enums import Grade, PillarKind, Reason
from schemas.errors import Cause
from schemas.evidence import EvidenceSnapshot
from schemas.fusion_log import Media
from schemas.topics import ALERTS, PLATE_READS, REGISTRY, TEST_ALERTS
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata
from tests.support.log_records import camera, flame
from tests.support.timeline import Timeline

SCENARIO = read_scenario(shipped("scenario.toml"), "scenario.toml")
TOWN = read_site(shipped("town.toml"), "town.toml")


def sent(scenario: Scenario = SCENARIO) -> list[Sent]:
    """One record of each step, each at a place of its own."""
    return [
        Sent(number, EpochMs(round(last_at_s(step) * 1000)), RecordMetadata("any", 0, number))
        for number, step in enumerate(scenario.steps)
    ]


def tampered(change: Callable[[AnyStep], AnyStep]) -> Scenario:
    return structs.replace(SCENARIO, steps=tuple(change(step) for step in SCENARIO.steps))


def problems(scenario: Scenario) -> list[str]:
    """What the check says when the shipped scenario came out and another one was expected."""
    return mismatches(expected(scenario, TOWN, sent()), expected(SCENARIO, TOWN, sent()))


def collected(*alerts: PlacedAlert, dead_letters: tuple[DeadLetter, ...] = ()) -> Collected:
    return Collected(
        partitions=4,
        records={},
        alerts=alerts,
        dead_letters=dead_letters,
        requests=(),
        answers=(),
        evidence={},
        repeats=0,
    )


def test_what_is_expected_is_no_problem() -> None:
    assert problems(SCENARIO) == []


@pytest.mark.parametrize("number", [n for n, step in enumerate(SCENARIO.steps) if step.alerts])
def test_an_alert_that_the_scenario_does_not_expect_is_named(number: int) -> None:
    step = SCENARIO.steps[number]
    found = problems(tampered(lambda other: structs.replace(other, alerts=()) if other is step else other))
    assert len(found) == len(step.alerts)
    assert all(problem.startswith("unexpected: ") and step.subject in problem for problem in found)


def test_another_answer_to_an_acknowledgement_is_noticed() -> None:
    def other_answer(step: AnyStep) -> AnyStep:
        if not isinstance(step, AckStep) or step.answer.reason is not Reason.UNKNOWN_INCIDENT:
            return step
        return structs.replace(step, answer=structs.replace(step.answer, reason=Reason.INCIDENT_OVER))

    found = problems(tampered(other_answer))
    assert [problem.split(" ack-")[0] for problem in found] == ["missing: answer to", "unexpected: answer to"]


def test_an_alert_too_many_in_the_scenario_is_missing() -> None:
    (problem,) = problems(
        tampered(
            lambda step: (
                structs.replace(step, alerts=step.alerts * 2) if step.subject == "pillar-04" else step
            )
        )
    )
    assert problem == ("missing: dispatch.alert.v1: red raise, first_fact, pillar-04 in oldtown, presses 1")


@pytest.mark.parametrize(
    "change", [{"grade": Grade.BLUE}, {"reason": Reason.BOUNCE}, {"press_count": 2}, {"picture": True}]
)
def test_any_other_field_is_missing_and_unexpected_at_once(change: dict[str, object]) -> None:
    found = problems(
        tampered(
            lambda step: (
                structs.replace(step, alerts=(structs.replace(step.alerts[0], **change),))
                if step.subject == "pillar-04"
                else step
            )
        )
    )
    assert [problem.split(":")[0] for problem in found] == ["missing", "unexpected"]


def test_a_dead_letter_with_another_cause_is_noticed() -> None:
    def other_cause(step: AnyStep) -> AnyStep:
        if not isinstance(step, PoisonStep) or step.topic != REGISTRY:
            return step
        return structs.replace(
            step, dead_letters=(structs.replace(step.dead_letters[0], cause=Cause.INVALID_FIELD),)
        )

    found = problems(tampered(other_cause))
    assert len(found) == 6  # three workers read the registry
    assert all("dead letter of any[0]" in problem for problem in found)


def test_a_question_that_nobody_expects_is_noticed() -> None:
    (problem,) = problems(tampered(lambda step: structs.replace(step, requests=())))
    assert problem == "unexpected: verification request about H-1001, with a crop"


def test_what_came_out_is_seen_by_topic_device_and_place() -> None:
    timeline = Timeline()
    timeline.press(1)
    timeline.pillar(PillarKind.TEST, 2)
    live, test = timeline.alerts
    dead_letter = DeadLetter(
        topic=REGISTRY,
        partition=0,
        offset=7,
        appended_at=EpochMs(1),
        cause=Cause.UNDECODABLE,
        detail=None,
        key=None,
        payload=None,
        worker="alarms",
    )
    found = observed(
        collected(PlacedAlert(ALERTS, live), PlacedAlert(TEST_ALERTS, test), dead_letters=(dead_letter,))
    )
    assert [str(outcome) for outcome in found] == [
        "dispatch.alert.v1: red raise, first_fact, P1 in east, presses 1",
        "dispatch.test-alert.v1: red raise, device_test, P1 in east, presses 1",
        "dead letter of site.registry.v1[0]@7: undecodable, by alarms",
    ]


def fire_alert() -> tuple[Alert, Media]:
    timeline = Timeline(camera())
    timeline.push(flame(picture=True))
    timeline.tick(10)
    (alert,) = timeline.alerts
    return alert, alert.media[0]


def test_a_picture_counts_only_if_it_is_there_and_is_the_one_that_was_named() -> None:
    alert, media = fire_alert()
    snapshot = EvidenceSnapshot(
        snapshot_id=media.snapshot_id,
        camera_id="C1",
        captured_at=EpochMs(1),
        jpeg=b"",
        sha256=media.sha256,
        width=1,
        height=1,
    )
    place = (media.partition, media.offset)

    def has_picture(evidence: dict[tuple[int, int], EvidenceSnapshot]) -> bool:
        found = replace(collected(PlacedAlert(ALERTS, alert)), evidence=evidence)
        return "with a picture" in str(next(iter(observed(found))))

    assert has_picture({place: snapshot})
    assert not has_picture({})
    assert not has_picture({place: structs.replace(snapshot, sha256="1" * 64)})


def reads(number: int) -> list[Sent]:
    return [Sent(number, EpochMs(1), RecordMetadata(PLATE_READS, 0, 0))]


def test_a_read_that_was_not_read_is_a_problem() -> None:
    numbers = {
        step.vehicle + step.says: number
        for number, step in enumerate(SCENARIO.steps)
        if isinstance(step, PlateStep)
    }
    listed, one_off = numbers["listednothing"], numbers["one-offnothing"]
    assert plate_read_problems(SCENARIO, reads(listed), {"hit": 1}) == []
    assert plate_read_problems(SCENARIO, reads(one_off), {"not_listed": 2}) == []  # read twice, counted twice
    assert plate_read_problems(SCENARIO, reads(one_off), {"not_read": 1}) == [
        "plate reads: 0 not_listed, expected 1",
        "plate reads: 1 not_read, expected 0",
    ]


def test_outcomes_are_read_off_the_page_of_metrics() -> None:
    page = (
        "# TYPE callbox_plate_reads_total counter\n"
        'callbox_plate_reads_total{outcome="hit"} 1.0\n'
        'callbox_plate_reads_created{outcome="hit"} 1.7e9\n'
        'callbox_plate_reads_total{outcome="not_listed"} 12.0\n'
    )
    assert plate_read_counts(page) == {"hit": 1, "not_listed": 12}
