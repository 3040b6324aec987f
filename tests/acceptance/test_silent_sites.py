"""Requirement 3: many silent devices behind one gateway are one silent site."""

from schemas.enums import (
    Action,
    Disposition,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.topics import ALERTS
from tests.support.expect import never, once, summary, watch, within
from tests.support.log_records import LAT, device, gateway
from tests.support.timeline import Timeline


def site(*, gateway_s: int | None = None, children: int = 4) -> Timeline:
    """Pillars behind one gateway, a kilometre apart."""
    pillars = (
        device(f"P{n}", heartbeat_s=60, gateway="G1", lat=LAT + n * 0.01) for n in range(1, children + 1)
    )
    return Timeline(gateway(heartbeat_s=gateway_s), *pillars)


def test_req_03_several_silent_devices_behind_one_gateway_are_one_silent_site_that_inhibits_them() -> None:
    line = site()
    watch(line, 1, 300)
    whole = once(line, 60, 66, hazard=Hazard.SITE_COMM_FAIL)
    assert (whole.reason, whole.grade, whole.state) == (Reason.SITE_SILENT, Grade.BLUE, IncidentState.RAISED)
    told_of = {alert.incident_id for alert in within(line, 0, 300, hazard=Hazard.COMM_FAIL)}
    ended = within(line, 60, 66, reason=Reason.INHIBITED, action=Action.CLOSE)
    assert told_of == {alert.incident_id for alert in ended}
    assert {alert.disposition for alert in ended} == {Disposition.DUPLICATE}
    assert len(line.state.incidents) == 1, summary(line)


def test_req_03_fewer_silent_devices_than_make_a_site_are_reported_one_by_one() -> None:
    line = site()
    watch(line, 1, 300, "P1", "P2")
    assert len(within(line, 60, 66, hazard=Hazard.COMM_FAIL, action=Action.RAISE)) == 2
    never(line, 0, 300, hazard=Hazard.SITE_COMM_FAIL)
    never(line, 0, 300, reason=Reason.INHIBITED)


def test_req_03_a_silent_gateway_is_a_silent_site_at_once() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 300)
    once(line, 30, 33, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    never(line, 0, 300, hazard=Hazard.COMM_FAIL)


def test_req_03_a_child_that_was_silent_before_its_gateway_is_inhibited_too() -> None:
    line = site(gateway_s=120)
    watch(line, 1, 200, "P2", "P3", "P4")
    child = once(line, 60, 66, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    once(line, 120, 132, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    ended = once(line, 120, 132, reason=Reason.INHIBITED)
    assert ended.incident_id == child.incident_id


def test_req_03_an_inhibited_child_s_press_is_a_red_like_any_other() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 100)
    line.press(101, "P3")
    assert once(line, 101, 101, topic=ALERTS).grade is Grade.RED


def test_req_03_a_silent_site_inhibits_nothing_but_silence() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 100)
    line.pillar(PillarKind.TAMPER, 101, "P3")
    watch(line, 102, 140)
    once(line, 131, 132, hazard=Hazard.TAMPER)


def test_req_03_when_a_site_recovers_the_devices_still_silent_are_reported_one_by_one() -> None:
    line = site()
    watch(line, 1, 100)
    line.pillar(PillarKind.HEARTBEAT, 101, "P1")
    never(line, 101, 101, reason=Reason.CONDITION_OVER)  # three are still silent
    line.pillar(PillarKind.HEARTBEAT, 102, "P2")
    once(line, 102, 102, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
    own = within(line, 102, 102, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in own) == ["P3", "P4"]


def test_req_03_two_gateways_are_two_sites() -> None:
    line = Timeline(
        gateway(),
        gateway("G2"),
        *(device(f"P{n}", heartbeat_s=60, gateway="G1") for n in range(3)),
        *(device(f"Q{n}", heartbeat_s=60, gateway="G2") for n in range(3)),
    )
    watch(line, 1, 100, "Q0", "Q1", "Q2")
    assert once(line, 0, 100, hazard=Hazard.SITE_COMM_FAIL).sources[0].device_id == "G1"
