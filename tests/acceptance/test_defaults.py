"""The default times of docs/requirements.md, for each grade: hold, acknowledge, notify, stale, windows, shelve."""

import pytest

from schemas.alert import Alert
from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Grade,
    IncidentState,
    PillarKind,
    Reason,
    Tier,
)
from schemas.topics import ALERTS, MAINTENANCE
from schemas.units import DAY_MS
from tests.support.expect import at_s, never, once, summary, within
from tests.support.grades import ACKNOWLEDGE_S, FOUR_TIERS, begin, begin_beside, every_grade, raised, site
from tests.support.log_records import dead_letter, flame, ms
from tests.support.timeline import Timeline, only_alert

HOLD_S = {Grade.RED: 0, Grade.YELLOW: 10, Grade.BLUE: 30}
NOTIFY_S = {Grade.RED: 60, Grade.YELLOW: 300, Grade.BLUE: 1_800}
STALE_S = {Grade.RED: 300, Grade.YELLOW: 900, Grade.BLUE: 4 * 3_600}
ROLLING_S = {Grade.RED: 120, Grade.YELLOW: 300, Grade.BLUE: 1_800}
AT_MOST_S = {Grade.RED: 900, Grade.YELLOW: 1_800, Grade.BLUE: 24 * 3_600}
SHELVE_S = {Grade.RED: 0, Grade.YELLOW: 1_800, Grade.BLUE: 8 * 3_600}
"""docs/requirements.md, default times."""


def accepted(line: Timeline, grade: Grade) -> Alert:
    alert = raised(line, grade)
    line.acknowledge(AckAction.ACCEPT, alert.incident_id, 0)
    return alert


@every_grade
def test_the_first_alert_is_held_for_the_hold_time_of_its_grade(grade: Grade) -> None:
    line = site()
    begin(line, grade, 0)
    line.run(1, 60)
    first = once(line, HOLD_S[grade], HOLD_S[grade] + 1, action=Action.RAISE)
    assert first.grade is grade
    assert line.alerts[0] is first


@every_grade
def test_a_condition_that_clears_within_its_hold_is_never_reported_but_a_red_always_is(grade: Grade) -> None:
    line = site()
    begin(line, grade, 0)
    if grade is Grade.BLUE:
        line.pillar(PillarKind.BATTERY, 5, active=False)
    else:
        line.pillar(PillarKind.CANCEL, 5, "P1" if grade is Grade.RED else "C1")
    line.run(6, 60)
    assert bool(line.alerts) is (grade is Grade.RED), summary(line)


@every_grade
def test_an_alert_carries_the_time_by_which_it_must_be_acknowledged(grade: Grade) -> None:
    alert = raised(site(), grade)
    due = ms(ACKNOWLEDGE_S[grade])
    assert (alert.ack_by, alert.escalate_at) == (due, due)


@every_grade
def test_an_unacknowledged_incident_gets_reminders(grade: Grade) -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, grade)
    interval_s = NOTIFY_S[grade]
    line.run(1, 3 * interval_s + 1)
    again = within(line, 1, 3 * interval_s + 1, reason=Reason.STILL_UNACKNOWLEDGED)
    assert [at_s(alert) for alert in again] == [interval_s, 2 * interval_s, 3 * interval_s]


@every_grade
def test_an_acknowledged_incident_gets_neither_reminders_nor_escalation(grade: Grade) -> None:
    line = site()
    accepted(line, grade)
    line.run(1, STALE_S[grade] - 1)
    never(line, 1, STALE_S[grade] - 1)


@every_grade
def test_an_acknowledgement_without_progress_goes_stale(grade: Grade) -> None:
    line = site()
    alert = accepted(line, grade)
    stale_s = STALE_S[grade]
    line.run(1, stale_s + ACKNOWLEDGE_S[grade] + 1)
    stale = once(line, stale_s, stale_s + 1, reason=Reason.NO_PROGRESS)
    assert (stale.state, stale.incident_id) == (IncidentState.RAISED, alert.incident_id)
    due = stale_s + ACKNOWLEDGE_S[grade]
    assert once(line, due, due + 1, action=Action.ESCALATE).tier is Tier.TOWNSHIP


@every_grade
def test_an_acknowledgement_with_progress_does_not_go_stale(grade: Grade) -> None:
    line = site()
    alert = accepted(line, grade)
    line.acknowledge(AckAction.EN_ROUTE, alert.incident_id, STALE_S[grade] - 1)
    line.run(STALE_S[grade], STALE_S[grade] + 100)
    never(line, STALE_S[grade], STALE_S[grade] + 100)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
@pytest.mark.parametrize("is_within", [True, False])
def test_a_fact_joins_within_the_rolling_window_of_its_grade(grade: Grade, is_within: bool) -> None:
    line = site()
    first = raised(line, grade)
    second = ROLLING_S[grade] + (0 if is_within else 0.001)
    begin_beside(line, grade, second)
    others = {alert.incident_id for alert in line.alerts} - {first.incident_id}
    assert bool(others) is not is_within, summary(line)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
def test_facts_stop_joining_after_the_longest_window_however_often_they_come(grade: Grade) -> None:
    line = site()
    first = raised(line, grade)
    step, end = 100, AT_MOST_S[grade]
    for number in range(1, end // step + 2):
        begin_beside(line, grade, number * step, number=number)
    new = once(line, 1, end + step, action=Action.RAISE)
    assert (at_s(new), line.state.incidents[first.incident_id].last_at) == (end + step, ms(end))


def test_dead_letters_of_one_cause_are_told_again_at_growing_intervals_and_at_most_twice_an_hour() -> None:
    line = site()
    for second in range(7_200):
        line.push(dead_letter(second, at_s=second), at_s=second)
        line.tick(second)
    told = [at_s(alert) for alert in within(line, 1, 7_200, reason=Reason.MORE_RECORDS)]
    assert told == [60, 180, 420, 900, 1_860, 3_660, 5_460]
    assert line.alerts[-1].source_count > 5_000


@every_grade
def test_shelving_ends_after_the_longest_time_of_its_grade(grade: Grade) -> None:
    line = site()
    alert = raised(line, grade)
    longest_s = SHELVE_S[grade]
    decision = line.acknowledge(
        AckAction.SHELVE, alert.incident_id, 1, reason=AckReason.KNOWN_FAULT, shelve_s=longest_s or 1
    )
    if not longest_s:
        assert (decision.reason, decision.alerts) == (Reason.NEVER_FOR_GRADE, ())
        return
    assert only_alert(decision).state is IncidentState.SHELVED
    line.run(2, longest_s + 2)
    never(line, 2, longest_s)
    over = once(line, longest_s + 1, longest_s + 2, reason=Reason.SHELVING_OVER)
    assert over.state is IncidentState.RAISED


@pytest.mark.parametrize("grade", [Grade.YELLOW, Grade.BLUE])
def test_shelving_for_longer_than_allowed_or_without_a_reason_is_rejected(grade: Grade) -> None:
    line = site()
    name = raised(line, grade).incident_id
    longest_s = SHELVE_S[grade]
    too_long = line.acknowledge(
        AckAction.SHELVE, name, 1, reason=AckReason.KNOWN_FAULT, shelve_s=longest_s + 1, ack_id="long"
    )
    assert too_long.reason is Reason.TOO_LONG
    assert line.acknowledge(AckAction.SHELVE, name, 1, shelve_s=60).reason is Reason.REASON_MISSING


def test_a_shelved_yellow_that_becomes_red_is_no_longer_shelved() -> None:
    line = site()
    fire = raised(line, Grade.YELLOW)
    line.acknowledge(AckAction.SHELVE, fire.incident_id, 1, reason=AckReason.KNOWN_FAULT)
    line.press(5)
    risen = once(line, 5, 5)
    assert (risen.incident_id, risen.grade, risen.state) == (
        fire.incident_id,
        Grade.RED,
        IncidentState.RAISED,
    )
    line.run(6, 40)
    once(line, 35, 36, action=Action.ESCALATE)


def test_a_red_never_waits_behind_a_candidate() -> None:
    line = site()
    line.push(flame(), at_s=0)
    line.press(2)
    first = once(line, 0, 2)
    assert (first.action, first.grade, first.revision) == (Action.RAISE, Grade.RED, 1)
    line.run(3, 20)
    never(line, 3, 20)


@every_grade
def test_each_grade_goes_to_its_own_topic(grade: Grade) -> None:
    line = site()
    raised(line, grade)
    once(line, 0, 0, topic=MAINTENANCE if grade is Grade.BLUE else ALERTS)


def test_an_emergency_that_nobody_updates_ends_after_a_day_with_an_alert() -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, Grade.RED)
    day_s = DAY_MS / 1000
    line.tick(day_s - 1)
    line.tick(day_s)
    assert once(line, day_s, day_s, action=Action.CLOSE).reason is Reason.EXPIRED
