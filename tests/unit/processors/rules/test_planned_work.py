"""Planned work holds a blue until its end, never a red; an exercise has an end, which is told (F21)."""

import pytest

from processors.rules.planned_work import LONGEST_MS, MAX_PERIODS, MAX_WINDOWS
from processors.state.policy import FusionPolicy
from schemas.enums import Action, Grade, Hazard, IncidentState, PillarKind, Reason, Status
from schemas.fusion_log import ExerciseNotice, MaintenanceWindow
from schemas.units import HOUR_MS
from tests.support.expect import at_s, never, once, restarted, watch, within
from tests.support.log_records import LAT, device, exercise, fact, gateway, planned
from tests.support.timeline import Timeline, only_alert

HOUR_S = HOUR_MS // 1000
DAY_S = 24 * HOUR_S


def working(*periods_s: tuple[float, float], **fields: object) -> Timeline:
    """A pillar with planned work."""
    line = Timeline()
    assert line.push(planned(*periods_s, **fields)).reason is Reason.MAINTENANCE_PLANNED  # type: ignore[arg-type]
    return line


def test_a_fault_that_still_holds_is_told_when_the_work_should_be_over_and_not_before() -> None:
    line = working((0, 600))
    assert line.pillar(PillarKind.MAINS, 10).reason is Reason.HELD
    line.run(11, 599)
    assert not line.alerts
    line.run(600, 700)
    told = once(line, 600, 601)
    assert (told.action, told.reason, told.grade) == (Action.RAISE, Reason.STILL_AFTER_WORK, Grade.BLUE)


def test_a_fault_that_is_over_before_the_work_is_never_told() -> None:
    line = working((0, 600))
    for second in range(10, 290, 10):  # it comes and goes while somebody works
        line.pillar(PillarKind.MAINS, second, active=second % 20 == 10)
    line.run(300, 1_000)
    assert not line.alerts
    assert not line.state.incidents


def test_a_fault_from_before_the_work_is_not_taken_back_nor_reminded_of_while_it_goes_on() -> None:
    line = Timeline()
    line.pillar(PillarKind.MAINS, 0)
    (told,) = line.run(30, 30)
    line.push(planned((40, 4_000)), at_s=40)
    line.run(41, 3_999)
    never(line, 41, 3_999)
    assert line.state.incidents[told.incident_id].state is IncidentState.RAISED
    line.run(4_000, 4_010)
    assert once(line, 4_000, 4_000).reason is Reason.NOBODY_ACKNOWLEDGED


@pytest.mark.parametrize("devices", [("P1",), ()])
def test_neither_a_press_nor_a_fire_is_ever_held(devices: tuple[str, ...]) -> None:
    line = working((0, 600), devices=devices)
    assert only_alert(line.press(10)).grade is Grade.RED


def test_a_device_that_is_worked_on_is_silent_only_if_it_still_is_at_the_end() -> None:
    line = Timeline(device("P1", heartbeat_s=20), device("P2", heartbeat_s=20, lat=LAT + 1))
    line.push(planned((30, 600), devices=("P1", "P2")))
    watch(line, 1, 30, "P1", "P2")
    watch(line, 31, 590)
    watch(line, 591, 700, "P1")
    assert [alert.sources[0].device_id for alert in line.alerts] == ["P2"]
    assert (line.alerts[0].reason, at_s(line.alerts[0]) >= 600) == (Reason.STILL_AFTER_WORK, True)


def test_a_site_that_is_worked_on_is_silent_only_if_it_still_is_at_the_end_and_is_one_incident() -> None:
    names = ("G1", "B1", "B2", "B3")
    line = Timeline(
        gateway(heartbeat_s=20), *(device(name, heartbeat_s=20, gateway="G1") for name in names[1:])
    )
    line.push(planned((30, 600), devices=(), gateway="G1"))
    watch(line, 1, 30, *names)
    watch(line, 31, 700)
    told = once(line, 0, 700)
    assert (told.hazard, told.reason) == (Hazard.SITE_COMM_FAIL, Reason.STILL_AFTER_WORK)


def test_work_that_comes_round_again_holds_in_each_of_its_periods_and_not_between_them() -> None:
    line = working((100, 200), (1_100, 1_200))
    for start_s, kind in ((110, PillarKind.MAINS), (500, PillarKind.BATTERY), (1_110, PillarKind.MAINS)):
        line.pillar(kind, start_s)
        line.run(start_s + 1, start_s + 60)
        line.pillar(kind, start_s + 61, active=False)
        line.run(start_s + 62, start_s + 150)
    assert [(at_s(alert), alert.hazard) for alert in line.alerts] == [
        (530, Hazard.BATTERY),
        (561, Hazard.BATTERY),
    ]


def test_of_a_fault_that_comes_back_during_the_work_neither_the_return_nor_its_end_is_told() -> None:
    line = Timeline()
    line.pillar(PillarKind.MAINS, 0)
    line.run(1, 31)
    line.pillar(PillarKind.MAINS, 60, active=False)
    line.push(planned((100, 600)), at_s=90)
    for second in (110, 210):
        assert line.pillar(PillarKind.MAINS, second).reason is Reason.HELD
        line.run(second + 1, second + 49)
        line.pillar(PillarKind.MAINS, second + 50, active=False)
        line.run(second + 51, second + 99)
    never(line, 100, 400)


def test_a_fault_that_comes_back_during_the_work_is_told_when_the_work_should_be_over() -> None:
    line = Timeline()
    line.pillar(PillarKind.MAINS, 0)
    (told,) = line.run(30, 30)
    line.pillar(PillarKind.MAINS, 60, active=False)
    line.push(planned((100, 600)), at_s=90)
    line.pillar(PillarKind.MAINS, 110)
    line.run(111, 610)
    back = once(line, 100, 610)
    assert (back.incident_id, back.reason, at_s(back)) == (told.incident_id, Reason.CONDITION_BACK, 600)


def test_work_that_ends_early_tells_with_the_next_tick_what_still_holds() -> None:
    line = working((0, 6_000))
    line.pillar(PillarKind.MAINS, 10)
    line.run(11, 100)
    ended = planned((0, 6_000), revision=2, ended=True)
    assert line.push(ended, at_s=100).reason is Reason.MAINTENANCE_ENDED
    line.run(101, 110)
    assert once(line, 100, 110).reason is Reason.STILL_AFTER_WORK
    assert at_s(line.alerts[0]) == 101


def test_a_fault_that_was_held_when_the_work_began_is_told_with_the_next_tick_when_it_ends_early() -> None:
    line = Timeline()
    line.pillar(PillarKind.MAINS, 10)
    line.push(planned((20, 6_000)), at_s=20)
    line.run(21, 99)
    never(line, 0, 99)
    line.push(planned((20, 6_000), revision=2, ended=True), at_s=100)
    line.run(101, 200)
    assert once(line, 100, 102).reason is Reason.STILL_AFTER_WORK


def test_what_falls_out_just_before_and_during_the_work_is_one_incident_after_it() -> None:
    """The work ends before the holds are over of what fell out last."""
    line = Timeline()
    names = [f"Q{number}" for number in range(30)]
    for number, name in enumerate(names):
        line.push(device(name, lat=20.0 + number))
    for number, name in enumerate(names[:15]):
        line.pillar(PillarKind.COMMS, 10 + number / 10, device_id=name, event_id=name)
    line.push(planned((12, 32), devices=()), at_s=12)
    for number, name in enumerate(names[15:]):
        line.pillar(PillarKind.COMMS, 13 + number / 10, device_id=name, event_id=name)
    line.run(15, 300)
    told = [alert for alert in line.alerts if alert.action is Action.RAISE]
    assert [(alert.hazard, alert.grade) for alert in told] == [(Hazard.COMMS, Grade.BLUE)]


def test_work_that_ends_early_is_still_held_by_another_window() -> None:
    line = working((0, 6_000))
    line.push(planned((0, 300), window_id="w2", devices=()))
    line.pillar(PillarKind.MAINS, 10)
    line.push(planned((0, 6_000), revision=2, ended=True), at_s=100)
    line.run(101, 299)
    assert not line.alerts
    line.run(300, 310)
    assert once(line, 300, 301).reason is Reason.STILL_AFTER_WORK


def test_a_window_that_is_made_longer_holds_for_longer() -> None:
    line = working((0, 300))
    line.pillar(PillarKind.MAINS, 10)
    line.push(planned((0, 600), revision=2), at_s=100)
    line.run(101, 599)
    assert not line.alerts
    line.run(600, 602)
    assert once(line, 600, 601).reason is Reason.STILL_AFTER_WORK


def test_copies_and_older_revisions_change_nothing_also_after_the_end() -> None:
    line = working((0, 6_000), revision=3)
    for revision, ended in ((3, False), (2, True), (1, False)):
        again = planned((0, 100), revision=revision, ended=ended)
        assert line.push(again, at_s=1).reason is Reason.DUPLICATE
    line.push(planned((0, 6_000), revision=4, ended=True), at_s=2)
    assert line.push(planned((0, 6_000), revision=3), at_s=3).reason is Reason.DUPLICATE
    line.pillar(PillarKind.MAINS, 4)
    line.run(5, 40)
    assert once(line, 0, 40).reason is Reason.CONDITION_ACTIVE


@pytest.mark.parametrize(
    ("window", "detail"),
    [
        (planned(), "0 periods"),
        (planned(*(((n * 10, n * 10 + 5)) for n in range(MAX_PERIODS + 1))), f"{MAX_PERIODS + 1} periods"),
        (planned((100, 100)), "ends before it begins"),
        (planned((100, 99)), "ends before it begins"),
        (planned((100, 200), (300, 300 + LONGEST_MS // 1000 + 1)), "longer than 30 days"),
        (planned((-200, -100)), "it is over"),
    ],
    ids=["none", "too many", "empty", "backwards", "too long", "over"],
)
def test_a_window_that_makes_no_sense_is_refused_and_says_why(window: MaintenanceWindow, detail: str) -> None:
    line = Timeline()
    decision = line.push(window)
    assert decision.reason is Reason.MAINTENANCE_REFUSED
    assert detail in (decision.detail or "")
    assert not line.state.windows


def test_a_window_in_the_envelope_of_another_zone_is_misrouted() -> None:
    assert Timeline().push(planned((0, 9), zone="elsewhere")).reason is Reason.MISROUTED


def test_windows_are_bounded_and_what_is_over_makes_room() -> None:
    line = Timeline()
    for number in range(MAX_WINDOWS):
        line.push(planned((0, 100), window_id=f"w{number}"))
    full = line.push(planned((0, 900), window_id="one more"))
    assert (full.reason, len(line.state.windows)) == (Reason.MAINTENANCE_REFUSED, MAX_WINDOWS)
    later = line.push(planned((0, 900), window_id="one more"), at_s=100)
    assert (later.reason, list(line.state.windows)) == (Reason.MAINTENANCE_PLANNED, ["one more"])


def test_a_restart_keeps_what_is_planned() -> None:
    line = working((0, 600))
    line.pillar(PillarKind.MAINS, 10)
    restarted(line)
    line.run(11, 599)
    assert not line.alerts
    line.run(600, 601)
    assert once(line, 600, 601).reason is Reason.STILL_AFTER_WORK


def marked(line: Timeline, second: float, device_id: str = "P1", **fields: object) -> Status:
    """The status of a press that is marked as part of an exercise."""
    decision = line.pillar(PillarKind.PRESS, second, device_id, exercise=True, **fields)  # type: ignore[arg-type]
    return decision.alerts[0].status


def overdue(line: Timeline) -> list[tuple[float, Reason]]:
    begin_and_end = {Reason.EXERCISE_OVER, Reason.CONDITION_BACK, Reason.CONDITION_OVER}
    found = within(line, 0, 1e7, hazard=Hazard.EXERCISE_OVERDUE)
    return [(at_s(alert), alert.reason) for alert in found if alert.reason in begin_and_end]


def test_an_exercise_that_nobody_ends_ends_after_four_hours_is_told_and_what_comes_then_is_real() -> None:
    line = Timeline(device(reports_release=False))
    assert marked(line, 0) is Status.EXERCISE
    assert marked(line, 4 * HOUR_S - 100) is Status.EXERCISE
    line.run(4 * HOUR_S - 99, 4 * HOUR_S + 10)
    assert overdue(line) == [(4 * HOUR_S, Reason.EXERCISE_OVER)]
    assert once(line, 0, 1e7, hazard=Hazard.EXERCISE_OVERDUE).status is Status.ACTUAL
    assert marked(line, 4 * HOUR_S + 11) is Status.ACTUAL
    assert once(line, 4 * HOUR_S + 11, 1e7, hazard=Hazard.EMERGENCY_CALL).grade is Grade.RED


@pytest.mark.parametrize("after_s", [0, 60, 3 * HOUR_S])
def test_what_is_marked_after_the_end_is_real_although_nothing_came_during_the_exercise(after_s: int) -> None:
    line = Timeline(device(reports_release=False))
    marked(line, 0)
    line.run(60, 4 * HOUR_S + after_s, every_s=60)
    assert [reason for _, reason in overdue(line)] == [Reason.EXERCISE_OVER]
    assert marked(line, 4 * HOUR_S + after_s + 1) is Status.ACTUAL


def test_marked_presses_are_real_from_the_end_on_also_before_the_tick_that_tells_it() -> None:
    line = Timeline(device(reports_release=False))
    marked(line, 0)
    assert marked(line, 4 * HOUR_S) is Status.ACTUAL


def test_the_policy_says_how_long_an_exercise_may_last() -> None:
    line = Timeline(device(reports_release=False))
    line.policy(FusionPolicy(exercise_ms=HOUR_MS))
    marked(line, 0)
    assert marked(line, HOUR_S - 60) is Status.EXERCISE
    line.run(HOUR_S, HOUR_S + 3)
    assert overdue(line) == [(HOUR_S, Reason.EXERCISE_OVER)]
    assert marked(line, HOUR_S + 4) is Status.ACTUAL


def test_a_panel_that_is_left_in_exercise_mode_for_days_is_heard() -> None:
    line = Timeline(device(reports_release=False))
    statuses = []
    for number in range(7 * 24):
        statuses.append(marked(line, number * HOUR_S + 1))
        line.run(number * HOUR_S + 2, (number + 1) * HOUR_S, every_s=300)
    assert statuses == [Status.EXERCISE] * 4 + [Status.ACTUAL] * (7 * 24 - 4)
    assert [reason for _, reason in overdue(line)].count(Reason.EXERCISE_OVER) == 1


def test_a_report_without_the_mark_ends_the_exercise_of_its_device_and_nothing_is_told() -> None:
    line = Timeline(device(reports_release=False))
    marked(line, 0)
    line.pillar(PillarKind.HEARTBEAT, 100)
    line.run(101, 5 * HOUR_S, every_s=60)
    assert overdue(line) == []
    assert marked(line, 5 * HOUR_S) is Status.EXERCISE


def test_the_devices_of_a_site_share_an_exercise_and_two_sites_have_one_each() -> None:
    line = Timeline(
        gateway(),
        device("B1", gateway="G1", reports_release=False),
        device("B2", gateway="G1", reports_release=False),
        device("P1", lat=LAT + 1, reports_release=False),
    )
    marked(line, 0, "B1")
    line.run(60, 3 * HOUR_S, every_s=60)
    assert marked(line, 3 * HOUR_S, "B2") is Status.EXERCISE
    assert marked(line, 3 * HOUR_S, "P1") is Status.EXERCISE
    line.run(3 * HOUR_S + 60, 5 * HOUR_S, every_s=60)
    assert len(overdue(line)) == 1
    assert marked(line, 5 * HOUR_S, "B2") is Status.ACTUAL
    assert marked(line, 5 * HOUR_S, "P1") is Status.EXERCISE


@pytest.mark.parametrize("kind", [PillarKind.PRESS, PillarKind.HEARTBEAT, PillarKind.RELEASE])
def test_a_copy_of_a_marked_report_begins_no_exercise_and_goes_on_with_none(kind: PillarKind) -> None:
    first = fact(kind, at_s=0, event_id="marked", exercise=True)
    statuses = []
    for copies_s in ((), (2 * HOUR_S,)):
        line = Timeline(device(reports_release=False))
        line.push(first, at_s=0)
        line.pillar(PillarKind.RELEASE, 60)  # without the mark: the exercise is over
        line.run(120, HOUR_S, every_s=60)
        for second in copies_s:
            assert line.push(first, at_s=second).reason is Reason.DUPLICATE
        line.run(2 * HOUR_S + 60, 7 * HOUR_S, every_s=60)
        statuses.append((marked(line, 7 * HOUR_S), overdue(line)))
    assert statuses[0] == statuses[1] == (Status.EXERCISE, [])


def announced(until_s: float, **fields: object) -> ExerciseNotice:
    return exercise(0, until_s, **fields)  # type: ignore[arg-type]


def test_an_exercise_that_is_announced_lasts_as_long_as_it_was_said_and_its_end_by_time_is_told() -> None:
    line = Timeline(device(reports_release=False))
    assert line.push(announced(6 * HOUR_S)).reason is Reason.EXERCISE_STARTED
    line.run(60, 5 * HOUR_S, every_s=60)
    assert marked(line, 5 * HOUR_S) is Status.EXERCISE
    line.run(5 * HOUR_S + 60, 6 * HOUR_S + 60, every_s=60)
    assert overdue(line) == [(6 * HOUR_S, Reason.EXERCISE_OVER)]
    assert marked(line, 6 * HOUR_S + 61) is Status.ACTUAL


def test_an_exercise_that_a_person_ends_is_over_and_nothing_is_told_of_it() -> None:
    line = Timeline(device(reports_release=False))
    line.push(announced(6 * HOUR_S))
    assert marked(line, 60) is Status.EXERCISE
    over = announced(6 * HOUR_S, revision=2, ended=True)
    assert line.push(over, at_s=HOUR_S).reason is Reason.EXERCISE_ENDED
    assert line.push(announced(6 * HOUR_S), at_s=HOUR_S + 1).reason is Reason.DUPLICATE
    assert marked(line, HOUR_S + 60) is Status.ACTUAL
    line.run(HOUR_S + 61, 7 * HOUR_S, every_s=60)
    assert overdue(line) == []


def test_the_end_that_a_person_says_clears_what_was_told_of_an_overdue_exercise() -> None:
    line = Timeline()
    line.push(announced(100))
    line.run(1, 101)
    line.push(announced(100, revision=2, ended=True), at_s=110)
    assert [reason for _, reason in overdue(line)] == [Reason.EXERCISE_OVER, Reason.CONDITION_OVER]


def test_a_press_without_the_mark_is_real_in_an_exercise_too() -> None:
    line = Timeline(device(reports_release=False))
    line.push(announced(6 * HOUR_S))
    real = only_alert(line.press(60))
    assert (real.status, real.grade) == (Status.ACTUAL, Grade.RED)


def test_no_exercise_may_be_announced_for_longer_than_a_day() -> None:
    line = Timeline(device(reports_release=False))
    line.push(announced(30 * DAY_S))
    line.run(60, DAY_S + 60, every_s=60)
    assert overdue(line) == [(DAY_S, Reason.EXERCISE_OVER)]


def test_an_exercise_in_the_envelope_of_another_zone_is_misrouted() -> None:
    assert Timeline().push(announced(9, zone="elsewhere")).reason is Reason.MISROUTED
