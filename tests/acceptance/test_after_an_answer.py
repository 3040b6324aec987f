"""What happens to an incident after somebody has answered it."""

import pytest

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from tests.support.ack_actions import (
    accept,
    after,
    call,
    clear,
    close,
    en_route,
    fault,
    in_service,
    on_scene,
    out_of_service,
    regrade,
    reject,
    shelve,
    unshelve,
)
from tests.support.expect import at_s, never, once, summary, within
from tests.support.log_records import alive, camera, device, flame
from tests.support.timeline import Timeline, only_alert

DAY_S = 86_400


@pytest.mark.parametrize("disposition", [each for each in Disposition if each is not Disposition.UNKNOWN])
def test_a_closing_alert_carries_the_disposition(disposition: Disposition) -> None:
    line, name = call()
    accept(line, name, 5)
    closed = only_alert(line.acknowledge(AckAction.CLOSE, name, 6, disposition=disposition))
    assert closed.disposition is disposition


def test_after_a_rejection_the_next_tick_asks_the_next_tier() -> None:
    line, name = call()
    reject(line, name, 5.5)
    line.run(6, 40)
    asked = once(line, 6, 7, action=Action.ESCALATE)
    assert (asked.reason, asked.responsible_unit) == (Reason.REJECTED_BY_UNIT, "town-1")
    assert asked.state is IncidentState.RAISED


def test_after_a_rejection_by_the_last_tier_reminders_continue() -> None:
    line, name = call()
    reject(line, name, 5)
    line.run(6, 10)
    reject(line, name, 11)
    line.run(12, 200)
    never(line, 12, 200, action=Action.ESCALATE)
    assert once(line, 71, 72, reason=Reason.STILL_UNACKNOWLEDGED).responsible_unit == "town-1"


def test_a_cleared_and_acknowledged_incident_closes_by_itself() -> None:
    line, name = call()
    after(line, name, accept, clear)
    line.run(42, 42 + 900)
    over = once(line, 941, 942, action=Action.CLOSE)
    assert (over.reason, over.state) == (Reason.RESOLVED, IncidentState.CLOSED)


def test_a_cleared_unacknowledged_incident_does_not_close_by_itself() -> None:
    line, name = call()
    clear(line, name, 5)
    line.run(6, 3_000)
    never(line, 6, 3_000, action=Action.CLOSE)
    reminders = within(line, 6, 3_000, reason=Reason.STILL_UNACKNOWLEDGED)
    assert len(reminders) == 3
    assert 65 <= at_s(reminders[0]) <= 126


def test_a_new_fact_about_a_cleared_incident_raises_it_again() -> None:
    line, name = call()
    after(line, name, accept, clear)
    line.press(60)
    again = once(line, 60, 60)
    assert (again.incident_id, again.state) == (name, IncidentState.RAISED)
    line.run(61, 100)
    once(line, 90, 91, action=Action.ESCALATE)


def test_a_shelved_fault_issues_no_alert_while_it_persists() -> None:
    line, name = fault()
    shelve(line, name, 40)
    for second in range(50, 600, 10):
        line.pillar(PillarKind.BATTERY, second)
    line.run(600, 700)
    assert once(line, 41, 700).reason is Reason.SHELVING_OVER


def test_a_shelved_fault_that_clears_and_returns_stays_shelved() -> None:
    line, name = fault()
    shelve(line, name, 40)
    line.pillar(PillarKind.BATTERY, 60, active=False)
    line.pillar(PillarKind.BATTERY, 70)
    line.pillar(PillarKind.BATTERY, 80, active=False)
    line.run(81, 700)
    back = once(line, 41, 700)
    assert (back.reason, back.state) == (Reason.SHELVING_OVER, IncidentState.CLEARED_UNACKED)


def test_a_shelved_fault_that_has_cleared_ends_shelving_as_cleared() -> None:
    line, name = fault()
    shelve(line, name, 40)
    line.pillar(PillarKind.BATTERY, 60, active=False)
    back = only_alert(unshelve(line, name, 70))
    assert (back.reason, back.state) == (Reason.UNSHELVED, IncidentState.CLEARED_UNACKED)


def test_an_incident_out_of_service_issues_no_alert_and_returns_to_service_raised_if_its_fault_persists() -> (
    None
):
    line, name = fault()
    out_of_service(line, name, 40)
    line.run(41, 10_000)
    never(line, 41, 10_000)
    back = only_alert(in_service(line, name, 10_001))
    assert (back.state, back.reason) == (IncidentState.RAISED, Reason.IN_SERVICE)


def test_a_fault_repaired_while_out_of_service_returns_to_service_cleared() -> None:
    line, name = fault()
    out_of_service(line, name, 40)
    line.pillar(PillarKind.BATTERY, 50, active=False)
    back = only_alert(in_service(line, name, 60))
    assert back.state is IncidentState.CLEARED_UNACKED


def test_out_of_service_ends_by_itself() -> None:
    line, name = fault()
    out_of_service(line, name, 40)
    month_s = 30 * DAY_S
    line.tick(39 + month_s)
    never(line, 41, 39 + month_s)
    line.tick(40 + month_s)
    back = once(line, 40 + month_s, 40 + month_s)
    assert (back.reason, back.state) == (Reason.SHELVING_OVER, IncidentState.RAISED)


def test_a_press_raises_while_a_fault_of_its_pillar_is_out_of_service() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(alive(0), at_s=0)
    for second in range(1, 70):
        line.push(alive(second), at_s=second)
        line.tick(second)
    silent = once(line, 60, 66, hazard=Hazard.COMM_FAIL)
    out_of_service(line, silent.incident_id, 80)
    line.press(100)
    once(line, 100, 100, grade=Grade.RED, action=Action.RAISE)


def test_a_regrade_restarts_the_time_to_acknowledge() -> None:
    line, name = call()
    line.run(1, 20)
    lowered = only_alert(regrade(line, name, 21))
    assert lowered.grade is Grade.YELLOW
    line.run(22, 200)
    once(line, 141, 142, action=Action.ESCALATE)
    never(line, 22, 140, action=Action.ESCALATE)


def test_a_person_may_raise_the_grade_of_a_fire() -> None:
    line = Timeline(camera())
    line.push(flame())
    line.run(1, 10)
    name = once(line, 10, 10).incident_id
    risen = only_alert(
        line.acknowledge(AckAction.REGRADE, name, 15, grade=Grade.RED, reason=AckReason.MORE_SERIOUS)
    )
    assert (risen.grade, risen.reason) == (Grade.RED, Reason.REGRADED)


def test_every_alert_of_an_incident_carries_its_complete_content() -> None:
    line, name = call()
    after(line, name, accept, en_route, on_scene, clear, close)
    assert [alert.revision for alert in line.alerts] == [1, 2, 3, 4, 5, 6], summary(line)
    assert {alert.incident_id for alert in line.alerts} == {name}
    assert {alert.press_count for alert in line.alerts} == {1}
    assert [prior.alert_id for prior in line.alerts[-1].prior] == [each.alert_id for each in line.alerts[:-1]]
