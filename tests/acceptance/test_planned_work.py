"""Rule F21: planned work is said in advance, and what still holds at its end is told; an exercise has an end too."""

from msgspec.structs import replace

from schemas.enums import AckAction, Action, Disposition, Grade, Hazard, PillarKind, Reason, Status
from schemas.fusion_log import ExerciseNotice, MaintenanceWindow, Period
from tests.support.expect import never, once, watch, within
from tests.support.log_records import ACTOR, LAT, ZONE, device, exercise, gateway, ms
from tests.support.timeline import Timeline


def work(*periods: tuple[float, float], window_id: str = "w", revision: int = 1) -> MaintenanceWindow:
    return MaintenanceWindow(
        window_id=window_id,
        zone=ZONE,
        revision=revision,
        periods=tuple(Period(begins_at=ms(begins), ends_at=ms(ends)) for begins, ends in periods),
        actor=ACTOR,
    )


def test_f21_faults_during_planned_work_are_told_at_its_end_if_they_still_hold() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 1))
    line.push(replace(work((10, 500)), devices=("P1", "P2")))
    line.pillar(PillarKind.TAMPER, 20, "P1")
    line.pillar(PillarKind.TAMPER, 20, "P2")
    line.pillar(PillarKind.TAMPER, 400, "P2", active=False)
    line.run(21, 499)
    never(line, 0, 499)
    line.run(500, 510)
    told = once(line, 500, 501, action=Action.RAISE)
    assert (told.reason, told.sources[0].device_id) == (Reason.STILL_AFTER_WORK, "P1")


def test_f21_planned_work_never_holds_a_press() -> None:
    line = Timeline()
    line.push(work((0, 500)))
    line.press(20)
    assert once(line, 20, 20).grade is Grade.RED


def test_f21_a_window_covers_a_site_and_only_its_periods() -> None:
    line = Timeline(gateway(), device("P1", gateway="G1"), device("P2", lat=LAT + 1))
    line.push(replace(work((100, 200), (1_000, 1_100)), gateway="G1"))
    for second in (110, 300, 1_010):
        line.pillar(PillarKind.BATTERY, second, "P1")
        line.run(second + 1, second + 50)
        line.pillar(PillarKind.BATTERY, second + 51, "P1", active=False)
        line.run(second + 52, second + 150)
    assert [alert.sent for alert in within(line, 0, 1_200, action=Action.RAISE)] == [ms(330)]
    line.pillar(PillarKind.BATTERY, 1_200, "P2")
    line.run(1_201, 1_300)
    once(line, 1_230, 1_230, action=Action.RAISE)


def test_f21_work_that_ends_early_tells_what_holds_then() -> None:
    line = Timeline()
    line.push(work((10, 5_000)))
    line.pillar(PillarKind.TAMPER, 20)
    line.run(21, 100)
    line.push(replace(work((10, 5_000), revision=2), ended=True), at_s=101)
    line.run(102, 110)
    assert once(line, 101, 110, action=Action.RAISE).hazard is Hazard.TAMPER


def test_f21_an_exercise_that_nobody_ends_ends_by_itself_and_what_comes_then_is_real() -> None:
    line = Timeline()
    line.pillar(PillarKind.PRESS, 0, exercise=True)
    for second in range(600, 5 * 3_600, 600):
        line.pillar(PillarKind.HEARTBEAT, second, exercise=True)
        line.tick(second)
    over = once(line, 4 * 3_600, 4 * 3_600 + 600, hazard=Hazard.EXERCISE_OVERDUE)
    assert (over.action, over.status) == (Action.RAISE, Status.ACTUAL)
    line.pillar(PillarKind.PRESS, 5 * 3_600, exercise=True)
    assert once(line, 5 * 3_600, 5 * 3_600, grade=Grade.RED).status is Status.ACTUAL


def test_f21_an_announced_exercise_ends_by_a_person() -> None:
    line = Timeline()
    notice = ExerciseNotice(exercise_id="e", zone=ZONE, revision=1, at=ms(0), ends_at=ms(7_200), actor=ACTOR)
    line.push(notice, at_s=0)
    line.pillar(PillarKind.PRESS, 60, exercise=True)
    assert once(line, 60, 60).status is Status.EXERCISE
    line.push(replace(notice, revision=2, ended=True), at_s=120)
    line.run(121, 200)
    line.pillar(PillarKind.PRESS, 201, exercise=True)
    assert once(line, 201, 201, grade=Grade.RED, action=Action.RAISE).status is Status.ACTUAL
    line.run(7_000, 7_300)
    never(line, 0, 8_000, hazard=Hazard.EXERCISE_OVERDUE)


def test_f21_work_that_is_planned_otherwise_holds_nothing_any_longer_than_that() -> None:
    for changed in (work((0, 100), revision=2), replace(work((0, 5_000), revision=2), devices=("P9",))):
        line = Timeline()
        line.push(work((0, 5_000)))
        line.pillar(PillarKind.TAMPER, 5)
        line.run(6, 60)
        line.push(changed, at_s=61)
        line.run(62, 120)
        assert once(line, 0, 120, action=Action.RAISE).reason is Reason.STILL_AFTER_WORK


def test_f21_work_that_ends_early_delays_no_escalation_and_no_return_any_longer() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 1))
    line.pillar(PillarKind.TAMPER, 0, "P1")
    line.pillar(PillarKind.BATTERY, 0, "P2")
    line.run(1, 60)
    line.push(work((60, 50_000)), at_s=60)
    line.pillar(PillarKind.BATTERY, 70, "P2", active=False)
    line.pillar(PillarKind.BATTERY, 80, "P2")
    line.run(81, 700)
    never(line, 81, 700)
    line.push(replace(work((60, 50_000), revision=2), ended=True), at_s=701)
    line.run(702, 710)
    once(line, 702, 702, hazard=Hazard.TAMPER, action=Action.ESCALATE)
    once(line, 702, 702, hazard=Hazard.BATTERY, reason=Reason.CONDITION_BACK)


def test_f21_an_exercise_that_was_too_long_is_over_when_a_person_says_so() -> None:
    line = Timeline()
    line.push(exercise(0, 100))
    line.run(1, 130)
    told = once(line, 100, 101, hazard=Hazard.EXERCISE_OVERDUE)
    line.acknowledge(AckAction.ACCEPT, told.incident_id, 131)
    line.acknowledge(AckAction.CLOSE, told.incident_id, 132, disposition=Disposition.FOUNDED)
    line.push(exercise(140, 100, revision=2, ended=True), at_s=140)
    assert not line.run(141, 2 * 86_400, every_s=60)


def test_f21_devices_behind_one_gateway_that_are_silent_after_the_work_are_a_site() -> None:
    pillars = [device(f"P{n}", gateway="G1", heartbeat_s=60, lat=LAT + n) for n in range(10)]
    line = Timeline(gateway(heartbeat_s=60), *pillars)
    line.push(replace(work((60, 300)), devices=tuple(each.device_id for each in pillars)))
    watch(line, 1, 500, "G1")
    told = once(line, 0, 500, action=Action.RAISE)
    assert (told.hazard, told.sources[0].device_id) == (Hazard.SITE_COMM_FAIL, "G1")
