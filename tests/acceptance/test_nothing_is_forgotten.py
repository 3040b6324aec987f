"""Whatever a person closes, a registry changes or a button repeats, no condition stays unreported afterwards."""

import pytest
from msgspec.structs import replace

from schemas.enums import AckAction, AckReason, Disposition, Grade, Hazard, IncidentState, PillarKind, Reason
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from tests.support.expect import watch
from tests.support.log_records import LAT, PARTITIONS, alive, device, gateway
from tests.support.timeline import Timeline


def reported(line: Timeline, hazard: Hazard, reason: Reason | None = None) -> list[str]:
    return [
        alert.incident_id
        for alert in line.alerts
        if alert.hazard is hazard and (reason is None or alert.reason is reason)
    ]


def test_a_silent_feed_whose_incident_was_closed_is_reported_again() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    assert line.state.partition == partition_of(UNASSIGNED_ZONE, PARTITIONS)
    line.push(alive(1), at_s=1)
    line.run(2, 40)
    (first,) = reported(line, Hazard.FEED_SILENT)
    line.acknowledge(AckAction.ACCEPT, first, 41)
    line.acknowledge(AckAction.CLOSE, first, 42, disposition=Disposition.FOUNDED)
    for second in range(43, 60):
        line.push(alive(second), at_s=second)
        line.tick(second)
    line.run(60, 120)
    assert len(set(reported(line, Hazard.FEED_SILENT))) == 2


def site() -> Timeline:
    children = [device(f"K{n}", lat=LAT + n, heartbeat_s=60, gateway="G1") for n in range(1, 5)]
    return Timeline(gateway(heartbeat_s=60), *children)


def test_a_device_that_stays_silent_after_its_closed_site_recovers_is_reported() -> None:
    line = site()
    watch(line, 1, 200)
    (name,) = set(reported(line, Hazard.SITE_COMM_FAIL))
    line.acknowledge(AckAction.ACCEPT, name, 201)
    line.acknowledge(AckAction.CLOSE, name, 202, disposition=Disposition.FOUNDED)
    watch(line, 203, 300, "G1", "K2", "K3", "K4")
    open_faults = {
        i.device_name for i in line.state.incidents.values() if i.hazard is Hazard.COMM_FAIL and i.active
    }
    assert open_faults == {"K1"}


def test_a_new_heartbeat_interval_of_a_silent_gateway_ends_its_site_and_reports_its_silent_devices() -> None:
    line = site()
    watch(line, 1, 200)
    assert reported(line, Hazard.SITE_COMM_FAIL)
    line.push(replace(gateway(heartbeat_s=120), revision=2), at_s=201)
    assert reported(line, Hazard.SITE_COMM_FAIL, Reason.DEVICE_UPDATED)
    watch(line, 202, 260, "G1", "K1", "K2", "K3")
    active = {i.device_name for i in line.state.incidents.values() if i.active}
    assert active == {"K4"}


@pytest.mark.parametrize(
    "hazard", [Hazard.COMM_FAIL, Hazard.TAMPER, Hazard.STUCK_BUTTON, Hazard.SITE_COMM_FAIL]
)
def test_f10_a_fault_that_a_person_closed_while_it_goes_on_is_told_again_after_a_day(hazard: Hazard) -> None:
    line = Timeline(device(heartbeat_s=60), gateway(heartbeat_s=60))
    speaking = {Hazard.COMM_FAIL: ("G1",), Hazard.SITE_COMM_FAIL: ("P1",)}.get(hazard, ("P1", "G1"))
    if hazard is Hazard.TAMPER:
        line.pillar(PillarKind.TAMPER, 1)
    if hazard is Hazard.STUCK_BUTTON:
        line.press(1)
    watch(line, 1, 200, *speaking)
    (name,) = set(reported(line, hazard))
    line.acknowledge(AckAction.ACCEPT, name, 201)
    line.acknowledge(AckAction.CLOSE, name, 202, disposition=Disposition.FOUNDED)
    watch(line, 203, 86_400 // 100, *speaking)
    assert set(reported(line, hazard)) == {name}
    watch(line, 86_600, 86_670, *speaking)  # after such a hole a silence must be proven anew (F7)
    (again,) = [
        alert for alert in line.alerts if alert.hazard is hazard and alert.reason is Reason.STILL_THERE
    ]
    assert again.related_incidents[:1] == (name,)
    assert again.incident_id != name


def test_f10_a_fault_that_ended_after_a_person_closed_it_is_not_told_again() -> None:
    line = Timeline()
    line.pillar(PillarKind.TAMPER, 1)
    line.run(1, 40)
    (name,) = set(reported(line, Hazard.TAMPER))
    line.acknowledge(AckAction.ACCEPT, name, 41)
    line.acknowledge(AckAction.CLOSE, name, 42, disposition=Disposition.FOUNDED)
    line.pillar(PillarKind.TAMPER, 50, active=False)
    line.run(86_400, 86_500)
    assert set(reported(line, Hazard.TAMPER)) == {name}


def test_f10_calm_undoes_nobody_s_clear() -> None:
    line = Timeline()
    name = line.press(0).alerts[0].incident_id
    for number, grade in enumerate((Grade.YELLOW, Grade.RED, Grade.YELLOW)):
        line.acknowledge(AckAction.REGRADE, name, number + 1, grade=grade, reason=AckReason.LESS_SERIOUS)
    line.acknowledge(AckAction.ACCEPT, name, 5)
    line.acknowledge(AckAction.CLEAR, name, 6)
    line.run(7, 120)
    assert not reported(line, Hazard.EMERGENCY_CALL, Reason.CONDITION_BACK)
    assert line.state.incidents[name].state is IncidentState.CLEARED


def test_the_cancel_of_one_device_does_not_end_what_another_has_reported() -> None:
    line = Timeline(device("P1"), device("P2", lat=LAT + 0.001))
    name = line.press(0, "P1").alerts[0].incident_id
    line.press(5, "P2")
    line.acknowledge(AckAction.REGRADE, name, 6, grade=Grade.YELLOW, reason=AckReason.LESS_SERIOUS)
    assert line.pillar(PillarKind.CANCEL, 20, "P1").reason is Reason.CANCEL_REQUESTED
    assert line.pillar(PillarKind.CANCEL, 21, "P2").reason is Reason.CANCELLED_BY_DEVICE


def test_a_held_button_that_repeats_its_press_is_stuck() -> None:
    line = Timeline(device())
    for second in (0, 40, 80):
        line.press(second)
        line.run(second + 1, second + 39)
    assert reported(line, Hazard.STUCK_BUTTON)


def test_a_button_that_bounces_and_is_then_held_is_stuck() -> None:
    line = Timeline(device())
    line.press(0)
    line.pillar(PillarKind.RELEASE, 1)
    assert line.press(2).reason is Reason.BOUNCE
    line.run(3, 70)
    assert reported(line, Hazard.STUCK_BUTTON)


def test_a_fault_that_returned_while_it_was_flapping_does_not_close_as_cleared() -> None:
    line = Timeline(device())
    for number in range(6):
        line.pillar(PillarKind.TAMPER, number * 5, active=number % 2 == 0)
    (name,) = set(reported(line, Hazard.TAMPER))
    line.acknowledge(AckAction.ACCEPT, name, 30)
    line.acknowledge(AckAction.CLEAR, name, 31)
    line.pillar(PillarKind.TAMPER, 40, active=True)
    line.run(41, 1_500)
    assert line.state.incidents[name].active
    assert reported(line, Hazard.TAMPER, Reason.CONDITION_BACK) == [name]


def test_a_worker_whose_clock_is_ahead_does_not_invalidate_the_watermarks_of_others() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(alive(3_600), at_s=1)
    for second in range(2, 80):
        line.push(alive(second), at_s=second)
        line.tick(second)
    assert reported(line, Hazard.COMM_FAIL)
