"""Requirement 15: which tier is asked next, across restarts, repeats and gaps."""

import pytest

from schemas.codec import encode
from schemas.enums import (
    AckAction,
    Action,
    Grade,
    IncidentState,
    PillarKind,
    Reason,
    Tier,
)
from tests.support.expect import at_s, never, once, replayed, restarted, summary, within
from tests.support.grades import ACKNOWLEDGE_S, FOUR_TIERS, every_grade, raised, site
from tests.support.log_records import ms


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
    assert len(within(line, 0, 5 * interval_s, action=Action.ESCALATE)) == 3, summary(line)


def test_req_15_the_last_tier_gets_reminders_and_its_alerts_announce_no_escalation() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 200)
    last = once(line, 90, 91, action=Action.ESCALATE)
    assert (last.tier, last.escalate_at, last.ack_by) == (Tier.MULTI_AGENCY, None, ms(120))
    again = once(line, 150, 151, reason=Reason.STILL_UNACKNOWLEDGED)
    assert again.tier is Tier.MULTI_AGENCY


def test_req_15_a_chain_of_one_never_escalates_and_gets_reminders() -> None:
    line = site(chain=FOUR_TIERS[:1])
    first = raised(line, Grade.RED)
    line.run(1, 200)
    assert first.escalate_at is None
    never(line, 0, 200, action=Action.ESCALATE)
    assert [at_s(alert) for alert in within(line, 0, 200, reason=Reason.STILL_UNACKNOWLEDGED)] == [
        60,
        120,
        180,
    ]


@pytest.mark.parametrize("cut_s", [0, 29, 30, 31, 59, 60, 61, 90, 91])
def test_req_15_escalation_survives_a_restart_at_any_moment(cut_s: int) -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, cut_s)
    restarted(line)
    line.run(cut_s + 1, 130)
    for due in (30, 60, 90):
        once(line, due, due + 1, action=Action.ESCALATE)
    assert len(within(line, 0, 130, action=Action.ESCALATE)) == 3, summary(line)


def test_req_15_a_restart_between_any_two_records_asks_each_tier_once() -> None:
    line = site()
    raised(line, Grade.RED)
    for second in range(1, 130):
        restarted(line)
        line.tick(second)
    tiers = [alert.tier for alert in within(line, 0, 130, action=Action.ESCALATE)]
    assert tiers == [Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY]


def test_req_15_a_repeated_tick_asks_no_tier_twice() -> None:
    line = site()
    raised(line, Grade.RED)
    for second in range(1, 130):
        line.tick(second)
        copy = line.entries[-1]._replace(offset=line.state.offset, append_ms=ms(second + 0.5))
        (decision,) = line.push_entry(copy)
        assert (decision.reason, decision.alerts) == (Reason.DUPLICATE, ())
    assert len(within(line, 0, 130, action=Action.ESCALATE)) == 3


def test_req_15_folding_the_same_records_again_gives_the_same_bytes() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 100)
    assert [encode(alert) for alert in replayed(line)] == [encode(alert) for alert in line.alerts]


def test_req_15_after_a_gap_of_an_hour_each_tick_asks_at_most_one_tier() -> None:
    line = site()
    raised(line, Grade.RED)
    line.run(1, 10)
    asked = [
        [
            alert
            for decision in line.tick(3_610 + number)
            for alert in decision.alerts
            if alert.action is Action.ESCALATE
        ]
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


def test_req_15_after_a_gap_there_is_one_reminder_and_not_one_for_each_missed() -> None:
    line = site(chain=FOUR_TIERS[:1])
    raised(line, Grade.RED)
    line.tick(3_600)
    once(line, 1, 3_600, reason=Reason.STILL_UNACKNOWLEDGED)


def test_req_15_without_ticks_no_timer_fires() -> None:
    line = site()
    raised(line, Grade.RED)
    line.press(100)
    never(line, 1, 100, action=Action.ESCALATE)


def test_req_15_an_acknowledgement_between_two_tiers_stops_escalation_at_that_tier() -> None:
    line = site()
    first = raised(line, Grade.RED)
    line.run(1, 45)
    line.acknowledge(AckAction.ACCEPT, first.incident_id, 46)
    line.run(47, 300)
    assert once(line, 1, 300, action=Action.ESCALATE).tier is Tier.TOWNSHIP
    assert once(line, 46, 46, action=Action.ACK).tier is Tier.TOWNSHIP


def test_req_15_each_tier_is_asked_once_even_if_an_acknowledgement_goes_stale() -> None:
    line = site()
    first = raised(line, Grade.RED)
    for second in range(1, 2_000):
        line.tick(second)
        if second in {10, 500, 1_000}:
            line.acknowledge(AckAction.ACCEPT, first.incident_id, second)
    tiers = [alert.tier for alert in within(line, 0, 2_000, action=Action.ESCALATE)]
    assert len(tiers) == len(set(tiers)) == 3, summary(line)


def test_req_15_a_cleared_unacknowledged_incident_still_gets_reminders() -> None:
    line = site()
    raised(line, Grade.BLUE)
    line.pillar(PillarKind.BATTERY, 5, active=False)
    line.run(6, 3_606)
    assert once(line, 5, 5).state is IncidentState.CLEARED_UNACKED
    once(line, 1_805, 3_606, reason=Reason.STILL_UNACKNOWLEDGED)
    never(line, 6, 3_606, action=Action.ESCALATE)
