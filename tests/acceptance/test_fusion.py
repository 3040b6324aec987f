"""Requirements 9 and 10: which facts are one incident, and which are several."""

import pytest

from schemas.alert import Alert
from schemas.codec import encode
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
from tests.support.expect import once, replayed, restarted, summary, within
from tests.support.log_records import LAT, camera, device, flame, other_zone
from tests.support.timeline import Timeline, only_alert

FAR = LAT + 0.1

JUST_WITHIN, JUST_BEYOND = LAT + 0.0017986, LAT + 0.0017987

"""199.995 m and 200.006 m north (docs/cells.md)."""


def incidents_of(line: Timeline) -> set[str]:
    return {alert.incident_id for alert in line.alerts}


def test_req_09_facts_of_one_family_at_one_place_and_time_are_one_incident() -> None:
    line = Timeline(device(), device("P2", lat=LAT + 0.001))
    line.press(0)
    line.press(10, "P2")
    assert once(line, 10, 10, reason=Reason.ANOTHER_SOURCE).press_count == 2
    assert len(incidents_of(line)) == 1


def test_req_09_another_place_is_another_incident() -> None:
    line = Timeline(device(), device("P2", lat=FAR))
    line.press(0)
    line.press(10, "P2")
    assert len(incidents_of(line)) == 2


def test_req_09_another_time_is_another_incident() -> None:
    line = Timeline(device(), device("P2", lat=LAT + 0.001))
    line.press(0)
    line.press(121, "P2")
    assert len(incidents_of(line)) == 2


def test_f15_an_open_incident_takes_in_the_facts_of_its_own_device_at_any_time() -> None:
    line = Timeline()
    for number in range(20):
        line.press(130 * number)
    assert len(incidents_of(line)) == 1
    assert line.alerts[-1].press_count == 20


def test_f15_a_new_incident_near_an_open_one_of_its_family_names_it_and_is_named() -> None:
    line = Timeline(device(), device("P2", lat=LAT + 0.001))
    first = only_alert(line.press(0))
    second, named = line.press(1_000, "P2").alerts
    assert second.related_incidents == (first.incident_id,)
    assert (named.incident_id, named.related_incidents) == (first.incident_id, (second.incident_id,))
    assert named.reason is Reason.RELATED


def test_req_09_another_family_is_another_incident() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.TAMPER, 1)
    line.run(2, 40)
    assert {alert.hazard for alert in within(line, 0, 40, action=Action.RAISE)} == {
        Hazard.EMERGENCY_CALL,
        Hazard.TAMPER,
    }


@pytest.mark.parametrize("grade", [Grade.RED, Grade.YELLOW])
def test_req_09_severity_is_not_in_the_key(grade: Grade) -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    if grade is Grade.YELLOW:
        line.acknowledge(AckAction.REGRADE, call.incident_id, 5, grade=grade, reason=AckReason.LESS_SERIOUS)
    line.press(10)
    assert once(line, 10, 10).incident_id == call.incident_id


@pytest.mark.parametrize("first", ["press", "flame"])
def test_req_09_a_press_and_a_flame_are_one_incident_in_either_order(first: str) -> None:
    line = Timeline(device(), camera(lat=LAT + 0.001))
    if first == "press":
        line.press(0)
        line.push(flame(at_s=5), at_s=5)
    else:
        line.push(flame())
        line.press(5)
    line.run(6, 20)
    assert len(incidents_of(line)) == 1, summary(line)
    assert once(line, 5, 5).grade is Grade.RED


@pytest.mark.parametrize(("lat", "fuses"), [(JUST_WITHIN, True), (JUST_BEYOND, False)])
def test_req_10_distance_decides_whether_facts_fuse_and_not_the_cell(lat: float, fuses: bool) -> None:
    line = Timeline(device(), device("P2", lat=lat))
    line.press(0)
    line.press(5, "P2")
    first, second = line.alerts
    assert (first.incident_id == second.incident_id) is fuses


def test_req_10_facts_on_both_sides_of_a_cell_s_edge_fuse() -> None:
    """The longitude 120.0018 degrees is in the next cell, 173 m to the east (docs/cells.md)."""
    line = Timeline(device(), device("P2", lon=120.0018))
    alone = only_alert(Timeline(device("P2", lon=120.0018)).press(0, "P2"))
    line.press(0)
    line.press(5, "P2")
    first, second = line.alerts
    assert first.incident_id == second.incident_id
    assert line.state.devices[line.zone, "P2"].place is not None
    assert alone.cell_id != first.cell_id


def test_req_10_facts_of_two_zones_never_fuse() -> None:
    other = other_zone(same_partition=True)
    line = Timeline()
    line.push(device("P2", zone=other), zone=other)
    call = only_alert(line.press(0))
    line.zone = other
    beside = only_alert(line.press(1, "P2"))
    assert (call.position, call.cell_id) == (beside.position, beside.cell_id)
    assert call.incident_id != beside.incident_id
    assert beside.related_incidents == ()


def busy() -> Timeline:
    """A time line with facts of every feed, acknowledgements and ticks."""
    line = Timeline(
        device(heartbeat_s=20),
        device("P2", lat=LAT + 0.001),
        camera(),
        device("P3", lat=FAR, test_every_s=60),
    )
    call = only_alert(line.press(0))
    line.push(flame(at_s=5), at_s=5)
    line.pillar(PillarKind.TAMPER, 6, "P2")
    line.run(7, 60)
    line.acknowledge(AckAction.ACCEPT, call.incident_id, 61)
    line.press(62, "P2")
    line.pillar(PillarKind.TEST, 70, "P3")
    line.run(71, 400)
    line.acknowledge(AckAction.CLOSE, call.incident_id, 401, disposition=Disposition.FOUNDED)
    return line


def as_bytes(alerts: list[Alert]) -> list[bytes]:
    return [encode(alert) for alert in alerts]


def test_req_10_the_same_log_gives_the_same_incidents_byte_for_byte() -> None:
    line = busy()
    assert len(line.alerts) > 10
    assert as_bytes(replayed(line)) == as_bytes(line.alerts)


def test_req_10_a_restart_changes_no_byte_of_what_follows() -> None:
    whole, cut = busy(), Timeline(device(heartbeat_s=20))
    cut = Timeline(
        device(heartbeat_s=20),
        device("P2", lat=LAT + 0.001),
        camera(),
        device("P3", lat=FAR, test_every_s=60),
    )
    for given in whole.entries[len(cut.entries) :]:
        restarted(cut)
        cut.push_entry(given)
    assert as_bytes(cut.alerts) == as_bytes(whole.alerts)


def test_incidents_of_different_families_in_one_place_refer_to_each_other() -> None:
    line = Timeline()
    call = only_alert(line.press(0))
    line.pillar(PillarKind.TAMPER, 1)
    line.run(2, 32)
    tamper = once(line, 31, 32, hazard=Hazard.TAMPER)
    named = once(line, 31, 32, reason=Reason.RELATED)
    assert (named.incident_id, named.related_incidents) == (call.incident_id, (tamper.incident_id,))
    assert tamper.related_incidents == (call.incident_id,)
    assert (named.state, named.grade) == (IncidentState.RAISED, Grade.RED)


def test_a_reference_from_another_incident_moves_no_timer() -> None:
    line = Timeline()
    line.press(0)
    line.pillar(PillarKind.TAMPER, 1)
    line.run(2, 70)
    once(line, 30, 31, hazard=Hazard.EMERGENCY_CALL, action=Action.ESCALATE)
