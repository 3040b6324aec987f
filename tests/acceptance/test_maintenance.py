"""Requirements 4 and 5: faults for a technician, and missing scheduled tests."""

import pytest

from schemas.enums import (
    Action,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.topics import ALERTS, MAINTENANCE
from tests.support.expect import never, once, watch, within
from tests.support.log_records import device
from tests.support.timeline import Timeline, only_alert

FAULTS = {
    PillarKind.TAMPER: Hazard.TAMPER,
    PillarKind.BATTERY: Hazard.BATTERY,
    PillarKind.MAINS: Hazard.MAINS,
    PillarKind.COMMS: Hazard.COMMS,
}

every_fault = pytest.mark.parametrize("kind", FAULTS)


@every_fault
def test_req_04_a_fault_is_maintenance_and_blue(kind: PillarKind) -> None:
    line = Timeline()
    line.pillar(kind, 0)
    line.run(1, 60)
    fault = once(line, 30, 31, topic=MAINTENANCE)
    assert (fault.hazard, fault.grade, fault.action) == (FAULTS[kind], Grade.BLUE, Action.RAISE)
    never(line, 0, 60, topic=ALERTS)


@every_fault
def test_req_04_a_cleared_fault_is_reported_and_still_needs_an_acknowledgement(kind: PillarKind) -> None:
    line = Timeline()
    line.pillar(kind, 0)
    line.run(1, 60)
    line.pillar(kind, 61, active=False)
    over = once(line, 61, 61)
    assert (over.reason, over.state) == (Reason.CONDITION_OVER, IncidentState.CLEARED_UNACKED)


@pytest.mark.parametrize("tamper_s", [1, 100, 159])
def test_req_04_tamper_and_a_press_within_sixty_seconds_stay_red(tamper_s: float) -> None:
    line = Timeline()
    events = sorted([(100.0, PillarKind.PRESS), (float(tamper_s), PillarKind.TAMPER)])
    for second, kind in events:
        line.pillar(kind, second)
    line.run(160, 230)
    calls = within(line, 0, 230, hazard=Hazard.EMERGENCY_CALL)
    assert {alert.grade for alert in calls} == {Grade.RED}
    assert calls[0].action is Action.RAISE
    tamper = once(line, 30, 230, hazard=Hazard.TAMPER, action=Action.RAISE)
    assert tamper.grade is Grade.BLUE
    assert tamper.incident_id != calls[0].incident_id


def test_req_04_incidents_of_tamper_and_a_press_refer_to_each_other() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.pillar(PillarKind.TAMPER, 59)
    line.run(60, 100)
    assert once(line, 89, 90, hazard=Hazard.TAMPER, action=Action.RAISE).related_incidents == (
        call.incident_id,
    )


def test_req_04_each_fault_of_a_device_is_a_separate_incident() -> None:
    line = Timeline()
    for kind in FAULTS:
        line.pillar(kind, 0)
    line.run(1, 31)
    assert {alert.hazard for alert in line.alerts} == set(FAULTS.values())
    assert len({alert.incident_id for alert in line.alerts}) == len(FAULTS)


def test_req_04_any_number_of_faults_never_makes_more_than_a_blue() -> None:
    line = Timeline(*(device(f"P{n}", heartbeat_s=60, test_every_s=100) for n in range(5)))
    for n in range(5):
        for kind in FAULTS:
            line.pillar(kind, n, f"P{n}")
    watch(line, 6, 300)
    assert {alert.grade for alert in line.alerts} == {Grade.BLUE}
    assert {alert.verification_level for alert in line.alerts} == {0}


def test_req_05_a_missing_scheduled_test_raises_a_blue() -> None:
    line = Timeline(device(test_every_s=1_000))
    watch(line, 1, 2_500)
    missing = once(line, 1_000, 1_101, hazard=Hazard.TEST_MISSED, action=Action.RAISE, topic=MAINTENANCE)
    assert missing.grade is Grade.BLUE


def test_req_05_a_test_in_time_raises_nothing() -> None:
    line = Timeline(device(test_every_s=1_000))
    for start in range(0, 5_000, 1_000):
        line.run(start + 1, start + 999)
        line.pillar(PillarKind.TEST, start + 1_000)
    never(line, 0, 5_000, hazard=Hazard.TEST_MISSED)


def test_req_05_a_late_test_clears_the_blue() -> None:
    line = Timeline(device(test_every_s=1_000))
    line.run(1, 1_200)
    missing = once(line, 1_000, 1_101)
    line.pillar(PillarKind.TEST, 1_201)
    over = once(line, 1_201, 1_201, hazard=Hazard.TEST_MISSED)
    assert (over.incident_id, over.reason) == (missing.incident_id, Reason.CONDITION_OVER)


@pytest.mark.parametrize("kind", [PillarKind.PRESS, PillarKind.HEARTBEAT])
def test_req_05_no_other_kind_of_event_counts_as_a_scheduled_test(kind: PillarKind) -> None:
    line = Timeline(device(test_every_s=1_000, reports_release=False))
    line.run(1, 900)
    line.pillar(kind, 901)
    line.run(902, 1_200)
    once(line, 1_000, 1_101, hazard=Hazard.TEST_MISSED)
