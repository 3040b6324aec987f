"""Requirement 15 of domain.md, and its table of defaults for each grade: hold, acknowledge, notify, stale, windows."""

import pytest
from msgspec.structs import replace

from processors.policy import ByGrade, FusionPolicy
from schemas.alerts import Alert
from schemas.catalogue import ALERTS, MAINTENANCE
from schemas.codec import encode
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
from schemas.site import ChainLink
from schemas.units import DAY_MS
from tests.expect import at_s, never, once, replayed, restarted, told, within
from tests.timeline import Timeline, camera, dead_letter, device, flame, ms, only_alert

FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=f"{tier}-unit")
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)
GRADES = (Grade.RED, Grade.YELLOW, Grade.BLUE)
HOLD_S = {Grade.RED: 0, Grade.YELLOW: 10, Grade.BLUE: 30}
ACKNOWLEDGE_S = {Grade.RED: 30, Grade.YELLOW: 120, Grade.BLUE: 600}
NOTIFY_S = {Grade.RED: 60, Grade.YELLOW: 300, Grade.BLUE: 1_800}
STALE_S = {Grade.RED: 300, Grade.YELLOW: 900, Grade.BLUE: 4 * 3_600}
ROLLING_S = {Grade.RED: 120, Grade.YELLOW: 300, Grade.BLUE: 1_800}
AT_MOST_S = {Grade.RED: 900, Grade.YELLOW: 1_800, Grade.BLUE: 24 * 3_600}
SHELVE_S = {Grade.RED: 0, Grade.YELLOW: 1_800, Grade.BLUE: 8 * 3_600}
"""domain.md, "Incident life cycle", the table of defaults."""

every_grade = pytest.mark.parametrize("grade", GRADES)


UNHELD = FusionPolicy(hold_ms=ByGrade(red=0, yellow=0, blue=0))
"""The defaults, but that an incident is raised in the second of its first fact: times are counted from there."""


def site(*, chain: tuple[ChainLink, ...] = FOUR_TIERS) -> Timeline:
    """A pillar that says nothing of its contact, and a camera beside it."""
    return Timeline(device(chain=chain, reports_release=False), replace(camera(), chain=chain))


def begin(line: Timeline, grade: Grade, second: float, number: int = 0) -> None:
    """A first fact of a grade."""
    if grade is Grade.RED:
        line.press(second)
    elif grade is Grade.YELLOW:
        line.push(flame(at_s=second, event_id=f"flame-{number}"), at_s=second)
    else:
        line.pillar(PillarKind.BATTERY, second)


def raised(line: Timeline, grade: Grade) -> Alert:
    """An incident of a grade that is raised in second 0."""
    line.policy(UNHELD)
    begin(line, grade, 0)
    return once(line, 0, 0, action=Action.RAISE, grade=grade)


def accepted(line: Timeline, grade: Grade) -> Alert:
    alert = raised(line, grade)
    line.say(AckAction.ACCEPT, alert.incident_id, 0)
    return alert


@every_grade
def test_the_first_alert_waits_for_the_hold_of_its_grade(grade: Grade) -> None:
    line = site()
    begin(line, grade, 0)
    line.run(1, 60)
    first = once(line, HOLD_S[grade], HOLD_S[grade] + 1, action=Action.RAISE)
    assert first.grade is grade
    assert line.alerts[0] is first


@every_grade
def test_what_is_over_within_the_hold_is_never_told_but_a_red_always_is(grade: Grade) -> None:
    line = site()
    begin(line, grade, 0)
    if grade is Grade.BLUE:
        line.pillar(PillarKind.BATTERY, 5, active=False)
    else:
        line.pillar(PillarKind.CANCEL, 5, "P1" if grade is Grade.RED else "C1")
    line.run(6, 60)
    assert bool(line.alerts) is (grade is Grade.RED), told(line)


@every_grade
def test_an_incident_says_when_it_must_be_acknowledged(grade: Grade) -> None:
    alert = raised(site(), grade)
    due = ms(ACKNOWLEDGE_S[grade])
    assert (alert.ack_by, alert.escalate_at) == (due, due)


@every_grade
def test_req_15_each_tier_is_asked_when_the_one_before_has_not_acknowledged(grade: Grade) -> None:
    line = site()
    first = raised(line, grade)
    interval_s = ACKNOWLEDGE_S[grade]
    line.run(1, 5 * interval_s)
    for number, tier in ((1, Tier.TOWNSHIP), (2, Tier.COUNTY), (3, Tier.MULTI_AGENCY)):
        due = number * interval_s
        asked = once(line, due, due + 1, action=Action.ESCALATE, reason=Reason.NOBODY_ACKNOWLEDGED)
        assert (asked.tier, asked.responsible_unit, asked.chain) == (tier, f"{tier}-unit", FOUR_TIERS)
    assert first.tier is Tier.VILLAGE
    assert len(within(line, 0, 5 * interval_s, action=Action.ESCALATE)) == 3, told(line)


def test_req_15_the_last_tier_is_told_again_and_nothing_is_promised_after_it() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 200)
    last = once(line, 90, 91, action=Action.ESCALATE)
    assert (last.tier, last.escalate_at, last.ack_by) == (Tier.MULTI_AGENCY, None, ms(120))
    again = once(line, 150, 151, reason=Reason.STILL_UNACKNOWLEDGED)
    assert again.tier is Tier.MULTI_AGENCY


def test_req_15_a_chain_of_one_never_escalates_and_goes_on_asking() -> None:
    line = site(chain=FOUR_TIERS[:1])
    first = raised(line, Grade.RED)
    line.run(1, 200)
    assert first.escalate_at is None
    never(line, 0, 200, action=Action.ESCALATE)
    assert [at_s(alert) for alert in within(line, 0, 200, reason=Reason.STILL_UNACKNOWLEDGED)] == [60, 120, 180]


@every_grade
def test_an_incident_that_nobody_acknowledges_is_told_again(grade: Grade) -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, grade)
    interval_s = NOTIFY_S[grade]
    line.run(1, 3 * interval_s + 1)
    again = within(line, 1, 3 * interval_s + 1, reason=Reason.STILL_UNACKNOWLEDGED)
    assert [at_s(alert) for alert in again] == [interval_s, 2 * interval_s, 3 * interval_s]


@every_grade
def test_an_acknowledged_incident_is_neither_told_again_nor_escalated(grade: Grade) -> None:
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
    line.say(AckAction.EN_ROUTE, alert.incident_id, STALE_S[grade] - 1)
    line.run(STALE_S[grade], STALE_S[grade] + 100)
    never(line, STALE_S[grade], STALE_S[grade] + 100)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
@pytest.mark.parametrize("is_within", [True, False])
def test_a_fact_joins_within_the_rolling_window_of_its_grade(grade: Grade, is_within: bool) -> None:
    line = site()
    first = raised(line, grade)
    second = ROLLING_S[grade] + (0 if is_within else 0.001)
    begin(line, grade, second, number=1)
    others = {alert.incident_id for alert in line.alerts} - {first.incident_id}
    assert bool(others) is not is_within, told(line)


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
def test_a_fact_joins_for_at_most_so_long_however_often_it_comes(grade: Grade) -> None:
    line = site()
    first = raised(line, grade)
    step, end = 100, AT_MOST_S[grade]
    for number in range(1, end // step + 2):
        begin(line, grade, number * step, number=number)
    new = once(line, 1, end + step, action=Action.RAISE)
    assert (at_s(new), line.state.incidents[first.incident_id].last_at) == (end + step, ms(end))


@pytest.mark.parametrize(("gap_s", "joins"), [(ROLLING_S[Grade.BLUE], True), (ROLLING_S[Grade.BLUE] + 1, False)])
def test_a_dead_letter_joins_within_the_rolling_window_of_blue(gap_s: int, joins: bool) -> None:
    line = site()
    line.push(dead_letter(1), at_s=0)
    line.push(dead_letter(2, at_s=gap_s), at_s=gap_s)
    assert len(within(line, 0, gap_s, action=Action.RAISE)) == (1 if joins else 2)


def test_dead_letters_join_for_at_most_a_day() -> None:
    line = site()
    step = 1_200
    for number in range(AT_MOST_S[Grade.BLUE] // step + 2):
        line.push(dead_letter(number, at_s=number * step), at_s=number * step)
    assert [at_s(alert) for alert in within(line, 0, 90_000, action=Action.RAISE)] == [0, 87_600]


@every_grade
def test_shelving_is_for_as_long_as_its_grade_allows(grade: Grade) -> None:
    line = site()
    alert = raised(line, grade)
    longest_s = SHELVE_S[grade]
    decision = line.say(
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
def test_nothing_is_shelved_for_longer_or_without_a_reason(grade: Grade) -> None:
    line = site()
    name = raised(line, grade).incident_id
    longest_s = SHELVE_S[grade]
    too_long = line.say(
        AckAction.SHELVE, name, 1, reason=AckReason.KNOWN_FAULT, shelve_s=longest_s + 1, ack_id="long"
    )
    assert too_long.reason is Reason.TOO_LONG
    assert line.say(AckAction.SHELVE, name, 1, shelve_s=60).reason is Reason.REASON_MISSING


def test_a_red_is_never_shelved_by_a_yellow_that_becomes_one() -> None:
    line = site()
    fire = raised(line, Grade.YELLOW)
    line.say(AckAction.SHELVE, fire.incident_id, 1, reason=AckReason.KNOWN_FAULT)
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


@pytest.mark.parametrize("cut_s", [0, 29, 30, 31, 59, 60, 61, 90, 91])
def test_req_15_escalation_survives_a_restart_at_any_moment(cut_s: int) -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, cut_s)
    restarted(line)
    line.run(cut_s + 1, 130)
    for due in (30, 60, 90):
        once(line, due, due + 1, action=Action.ESCALATE)
    assert len(within(line, 0, 130, action=Action.ESCALATE)) == 3, told(line)


def test_req_15_a_restart_between_any_two_records_asks_each_tier_once() -> None:
    line = site()
    raised(line, Grade.RED)
    for second in range(1, 130):
        restarted(line)
        line.tick(second)
    tiers = [alert.tier for alert in within(line, 0, 130, action=Action.ESCALATE)]
    assert tiers == [Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY]


def test_req_15_the_same_tick_twice_asks_nobody_twice() -> None:
    line = site()
    raised(line, Grade.RED)
    for second in range(1, 130):
        line.tick(second)
        copy = line.entries[-1]._replace(offset=line.state.offset, append_ms=ms(second + 0.5))
        (decision,) = line.push_entry(copy)
        assert (decision.reason, decision.alerts) == (Reason.DUPLICATE, ())
    assert len(within(line, 0, 130, action=Action.ESCALATE)) == 3


def test_req_15_a_worker_that_folds_the_same_records_again_says_the_same_bytes() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 100)
    assert [encode(alert) for alert in replayed(line)] == [encode(alert) for alert in line.alerts]


def test_req_15_after_a_gap_of_an_hour_at_most_one_tier_is_asked_a_tick() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 10)
    asked = [
        [alert for decision in line.tick(3_610 + number) for alert in decision.alerts if alert.action is Action.ESCALATE]
        for number in range(100)
    ]
    assert [len(each) for each in asked[:2]] == [1, 0]
    assert [alert.tier for each in asked for alert in each] == [
        Tier.TOWNSHIP,
        Tier.COUNTY,
        Tier.MULTI_AGENCY,
    ]
    times = [at_s(alert) for each in asked for alert in each]
    assert times == [3_610, 3_640, 3_670]


def test_req_15_after_a_gap_it_is_told_again_once_and_not_once_for_each_time_that_was_missed() -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, Grade.RED)
    line.tick(3_600)
    once(line, 1, 3_600, reason=Reason.STILL_UNACKNOWLEDGED)


def test_req_15_without_ticks_nothing_is_due() -> None:
    line = site()
    raised(line, Grade.RED)
    line.press(100)
    never(line, 1, 100, action=Action.ESCALATE)


def test_req_15_an_acknowledgement_between_two_tiers_stops_at_the_tier_that_gave_it() -> None:
    line = site()
    first = raised(line, Grade.RED)
    line.run(1, 45)
    line.say(AckAction.ACCEPT, first.incident_id, 46)
    line.run(47, 300)
    assert once(line, 1, 300, action=Action.ESCALATE).tier is Tier.TOWNSHIP
    assert once(line, 46, 46, action=Action.ACK).tier is Tier.TOWNSHIP


def test_req_15_each_tier_is_asked_once_even_if_an_acknowledgement_goes_stale() -> None:
    line = site()
    first = raised(line, Grade.RED)
    for second in range(1, 2_000):
        line.tick(second)
        if second in {10, 500, 1_000}:
            line.say(AckAction.ACCEPT, first.incident_id, second)
    tiers = [alert.tier for alert in within(line, 0, 2_000, action=Action.ESCALATE)]
    assert len(tiers) == len(set(tiers)) == 3, told(line)


def test_req_15_an_unacknowledged_incident_whose_condition_is_over_still_asks() -> None:
    line = site()
    raised(line, Grade.BLUE)
    line.pillar(PillarKind.BATTERY, 5, active=False)
    line.run(6, 2_000)
    assert once(line, 5, 5).state is IncidentState.CLEARED_UNACKED
    once(line, 1_805, 1_806, reason=Reason.STILL_UNACKNOWLEDGED)
    never(line, 6, 2_000, action=Action.ESCALATE)


def test_an_emergency_that_nobody_touches_ends_after_a_day_and_says_so() -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, Grade.RED)
    day_s = DAY_MS / 1000
    line.tick(day_s - 1)
    line.tick(day_s)
    assert once(line, day_s, day_s, action=Action.CLOSE).reason is Reason.EXPIRED
