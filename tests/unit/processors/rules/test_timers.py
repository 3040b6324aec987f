"""Time lines of ticks: what is due fires once, in one order, and only then."""

from schemas.alert import Alert
from schemas.enums import (
    Action,
    IncidentState,
    Reason,
    Tier,
)
from schemas.fusion_log import Tick
from schemas.registry import ChainLink
from tests.support.log_records import (
    device,
    ms,
)
from tests.support.timeline import Timeline, only_alert

DAY_S = 86_400
FOUR_TIERS = tuple(
    ChainLink(tier=tier, unit=tier.value)
    for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY, Tier.MULTI_AGENCY)
)


def unheard_for_a_day() -> tuple[Timeline, Alert]:
    """A press of an unregistered device, for which only the control room is asked, after its reminders."""
    line = Timeline()
    raised = only_alert(line.press(0, "X1"))
    line.run(0, DAY_S - 300, every_s=300)
    line.tick(DAY_S - 1)
    return line, raised


def test_an_incident_that_nobody_updates_ends_after_a_day() -> None:
    line, raised = unheard_for_a_day()
    assert list(line.state.incidents) == [raised.incident_id]
    closed, ticked = line.tick(DAY_S)
    alert = only_alert(closed)
    assert (alert.incident_id, alert.action, alert.state) == (
        raised.incident_id,
        Action.CLOSE,
        IncidentState.CLOSED,
    )
    assert (closed.reason, ticked.reason, alert.sent) == (Reason.EXPIRED, Reason.TICK, ms(DAY_S))
    assert not line.state.incidents
    line.tick(DAY_S + 3_600)
    assert not line.state.timers


def test_a_day_is_counted_from_the_last_fact() -> None:
    line = Timeline()
    line.press(0, "X1")
    line.press(100, "X1")
    line.run(100, DAY_S, every_s=300)
    assert Reason.EXPIRED not in [decision.reason for decision in line.tick(DAY_S + 99)]
    assert line.tick(DAY_S + 100)[0].reason is Reason.EXPIRED


def test_timers_fire_in_the_order_of_due_and_incident_whatever_the_order_of_the_log() -> None:
    line = Timeline()
    for name in ("X3", "X1", "X2"):
        line.press(0, name, event_id="same")
    told = [alert for decision in line.tick(60) for alert in decision.alerts]
    assert {alert.reason for alert in told} == {Reason.STILL_UNACKNOWLEDGED}
    ids = [alert.incident_id for alert in told]
    assert ids == sorted(ids)
    assert len(ids) == 3


def test_after_a_gap_each_timer_fires_once_a_tick() -> None:
    line = Timeline(device(chain=FOUR_TIERS, reports_release=False))
    line.press(0)
    tiers = [
        [alert.tier for alert in line.run(at_s, at_s) if alert.action is Action.ESCALATE]
        for at_s in (7_200, 7_229, 7_230, 90_000)
    ]
    assert tiers == [[Tier.TOWNSHIP], [], [Tier.COUNTY], [Tier.MULTI_AGENCY]]


def test_a_copy_of_a_tick_fires_nothing() -> None:
    line = Timeline()
    line.tick(1)
    line.press(2)
    assert line.push(Tick(number=1), at_s=2 * DAY_S).reason is Reason.DUPLICATE
    assert line.state.incidents


def test_only_ticks_fire_timers() -> None:
    line = Timeline()
    line.press(0)
    line.press(2 * DAY_S, "X1")
    assert len(line.state.incidents) == 2
