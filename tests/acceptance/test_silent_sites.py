"""Requirement 3: many silent devices behind one gateway are one silent site."""

from schemas.enums import (
    AckAction,
    AckReason,
    Action,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.topics import ALERTS
from tests.support.expect import never, once, summary, watch, within
from tests.support.log_records import LAT, alive, device, gateway
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
    whole = once(line, 120, 128, hazard=Hazard.SITE_COMM_FAIL)
    assert (whole.reason, whole.grade, whole.state) == (Reason.SITE_SILENT, Grade.BLUE, IncidentState.RAISED)
    never(line, 0, 300, hazard=Hazard.COMM_FAIL)
    assert len(line.state.incidents) == 1, summary(line)


def test_req_03_fewer_silent_devices_than_make_a_site_are_reported_one_by_one() -> None:
    line = site()
    watch(line, 1, 300, "P1", "P2")
    told = within(
        line, 120, 128, hazard=Hazard.COMM_FAIL, action=Action.RAISE
    )  # the hold of a site has passed (F18)
    assert len(told) == 2
    never(line, 0, 300, hazard=Hazard.SITE_COMM_FAIL)
    never(line, 0, 300, reason=Reason.INHIBITED)


def test_req_03_a_silent_gateway_is_a_silent_site() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 300)
    once(line, 60, 65, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    never(line, 0, 300, hazard=Hazard.COMM_FAIL)


def test_f18_a_child_that_is_silent_before_its_gateway_is_not_told_before_its_site() -> None:
    line = site(gateway_s=120)
    watch(line, 1, 300, "P2", "P3", "P4")
    once(line, 240, 256, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    never(line, 0, 300, hazard=Hazard.COMM_FAIL)


def test_f18_no_child_is_told_while_its_site_recovers() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 100)
    line.pillar(PillarKind.HEARTBEAT, 101, "G1")
    for second in range(102, 130):
        line.pillar(PillarKind.HEARTBEAT, second, "G1")
        if 104 <= second <= 107:
            line.pillar(PillarKind.HEARTBEAT, second, f"P{second - 103}")
        line.push(alive(second), at_s=second)
        line.tick(second)
    once(line, 101, 130, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
    never(line, 0, 130, hazard=Hazard.COMM_FAIL)


def test_f10_what_a_person_put_out_of_service_stays_so_whatever_its_site_does() -> None:
    line = site(gateway_s=30)
    watch(line, 1, 200, "G1", "P2", "P3", "P4")
    own = once(line, 0, 200, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    line.acknowledge(AckAction.OUT_OF_SERVICE, own.incident_id, 201, reason=AckReason.PLANNED_WORK)
    watch(line, 202, 400)
    once(line, 202, 400, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    watch(line, 401, 600, "G1", "P2", "P3", "P4")
    assert line.state.incidents[own.incident_id].state is IncidentState.OUT_OF_SERVICE
    never(line, 202, 600, hazard=Hazard.COMM_FAIL)


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
    watch(line, 1, 200)
    line.pillar(PillarKind.HEARTBEAT, 201, "P1")
    never(line, 201, 201, reason=Reason.CONDITION_OVER)  # three are still silent
    line.pillar(PillarKind.HEARTBEAT, 202, "P2")
    watch(line, 203, 270, "P1", "P2")
    once(line, 262, 263, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
    own = within(line, 262, 263, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in own) == ["P3", "P4"]
    never(line, 201, 261, hazard=Hazard.COMM_FAIL)


def test_req_03_two_gateways_are_two_sites() -> None:
    line = Timeline(
        gateway(),
        gateway("G2"),
        *(device(f"P{n}", heartbeat_s=60, gateway="G1") for n in range(3)),
        *(device(f"Q{n}", heartbeat_s=60, gateway="G2") for n in range(3)),
    )
    watch(line, 1, 200, "Q0", "Q1", "Q2")
    assert once(line, 0, 200, hazard=Hazard.SITE_COMM_FAIL).sources[0].device_id == "G1"


def test_f18_after_a_hole_no_child_is_told_before_its_site() -> None:
    line = site(gateway_s=60, children=2)
    watch(line, 1, 60, "G1", "P1", "P2")
    watch(line, 61, 120, "G1", "P1")
    line.pillar(PillarKind.HEARTBEAT, 121, "G1")
    watch(line, 122, 130, "P1")  # P2 is held for its site when the log breaks off, and G1 has just spoken
    watch(line, 1_000, 1_300)
    once(line, 1_000, 1_300, hazard=Hazard.SITE_COMM_FAIL, action=Action.RAISE)
    never(line, 0, 1_300, hazard=Hazard.COMM_FAIL)


def test_f18_after_a_hole_a_site_that_was_coming_back_is_judged_with_all_that_is_behind_it() -> None:
    line = site(gateway_s=60, children=4)
    watch(line, 1, 200)
    watch(line, 201, 210, "G1", "P2", "P3")  # P1 and P4 have time to come back when the log breaks off
    watch(line, 1_000, 1_300)
    never(line, 0, 1_300, hazard=Hazard.COMM_FAIL)
    never(line, 1_000, 1_300, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
