"""Rules F16, F17 and F19: what ends together, fails together or comes and goes floods nobody."""

from collections import Counter

import pytest
from msgspec.structs import replace

from schemas.enums import Action, Grade, Hazard, PillarKind, Reason
from schemas.registry import UNASSIGNED_ZONE
from tests.support.expect import at_s, never, once, watch, within
from tests.support.log_records import LAT, device, gateway
from tests.support.timeline import Timeline


def test_f16_reminders_of_what_is_over_are_three_and_then_one_a_day_and_not_in_step() -> None:
    line = Timeline(*(device(f"P{n}", lat=LAT + n) for n in range(4)))
    for n in range(4):
        line.pillar(PillarKind.BATTERY, 0, f"P{n}")
    line.run(1, 31)
    for n in range(4):
        line.pillar(PillarKind.BATTERY, 32, f"P{n}", active=False)
    line.run(33, 80_000, every_s=10)
    told = within(line, 33, 80_000, reason=Reason.STILL_UNACKNOWLEDGED)
    assert set(Counter(alert.incident_id for alert in told).values()) == {3}
    assert len({at_s(alert) for alert in told}) == len(told)


@pytest.mark.parametrize("kind", [PillarKind.MAINS, PillarKind.BATTERY, PillarKind.COMMS, PillarKind.TAMPER])
def test_f17_one_fault_of_many_devices_is_one_incident(kind: PillarKind) -> None:
    names = [f"P{n}" for n in range(630)]
    line = Timeline(*(device(name, lat=LAT + n / 1e3, reports_release=False) for n, name in enumerate(names)))
    for name in names:
        line.pillar(kind, 10, name)
    line.press(11, "P77")
    watch(line, 12, 100)
    for name in names:
        line.pillar(kind, 101, name, active=False)
    watch(line, 102, 400)
    blue = within(line, 0, 400, grade=Grade.BLUE)
    assert len(blue) <= 4
    raised = once(line, 0, 100, grade=Grade.BLUE, action=Action.RAISE)
    assert (raised.reason, raised.source_count) == (Reason.AREA_FAULT, 630)
    assert "630" in raised.texts[0].description
    once(line, 101, 102, reason=Reason.CONDITION_OVER)
    assert once(line, 11, 11, grade=Grade.RED).sources[0].device_id == "P77"


def test_f17_what_is_left_when_an_area_is_over_is_told() -> None:
    names = [f"P{n}" for n in range(30)]
    line = Timeline(*(device(name, lat=LAT + n) for n, name in enumerate(names)))
    for name in names:
        line.pillar(PillarKind.MAINS, 10, name)
    line.run(11, 60)
    for name in names[2:]:
        line.pillar(PillarKind.MAINS, 61, name, active=False)
    line.run(62, 200)
    left = within(line, 62, 200, reason=Reason.STILL_AFTER_AREA)
    assert sorted(alert.sources[0].device_id for alert in left) == ["P0", "P1"]


def test_f17_many_sites_behind_one_uplink_are_one_incident() -> None:
    sites = [gateway(f"G{n}", heartbeat_s=60) for n in range(10)]
    children = [device(f"P{n}", gateway=f"G{n % 10}", heartbeat_s=60, lat=LAT + n) for n in range(100)]
    names = [each.device_id for each in (*sites, *children)]
    line = Timeline(*sites, *children)
    watch(line, 1, 120, *names, every_s=60)
    watch(line, 121, 700)
    watch(line, 701, 900, *names, every_s=60)
    assert len(line.alerts) <= 4
    assert once(line, 121, 400, action=Action.RAISE).reason is Reason.AREA_FAULT
    once(line, 701, 900, reason=Reason.CONDITION_OVER)


def test_f19_what_comes_and_goes_slowly_is_told_once_and_escalates() -> None:
    line = Timeline()
    for second in range(0, 7_200, 80):
        line.pillar(PillarKind.MAINS, second)
        line.run(second + 1, second + 39)
        line.pillar(PillarKind.MAINS, second + 40, active=False)
        line.run(second + 41, second + 79)
    once(line, 0, 7_200, reason=Reason.FLAPPING)
    assert len(within(line, 0, 7_200, hazard=Hazard.MAINS)) <= 20
    once(line, 0, 7_200, action=Action.ESCALATE)
    never(line, 1_200, 7_200, reason=Reason.CONDITION_BACK)


def test_f17_the_silent_devices_of_a_gateway_that_is_removed_are_one_incident() -> None:
    names = [f"P{n}" for n in range(40)]
    children = (device(name, gateway="G1", heartbeat_s=20, lat=LAT + n / 100) for n, name in enumerate(names))
    line = Timeline(gateway(heartbeat_s=20), *children)
    watch(line, 1, 60, "G1", *names)
    watch(line, 61, 140)
    line.push(replace(gateway(heartbeat_s=20), revision=5, removed=True), at_s=146)
    watch(line, 147, 300)
    watch(line, 301, 400, *names)
    told = [(alert.hazard, alert.reason) for alert in within(line, 146, 400)]
    assert told == [
        (Hazard.SITE_COMM_FAIL, Reason.DEVICE_LEFT),
        (Hazard.COMM_FAIL, Reason.AREA_FAULT),
        (Hazard.COMM_FAIL, Reason.CONDITION_OVER),
    ]


def test_f17_presses_of_many_unregistered_devices_are_one_red_beside_the_first_twenty() -> None:
    line = Timeline(zone=UNASSIGNED_ZONE)
    for n in range(2_000):
        line.press(10 + n / 100, f"made-up-{n}")
        if n % 100 == 0:
            line.tick(10 + n / 100)
    line.run(31, 40)
    red = within(line, 0, 40, grade=Grade.RED)
    assert sum(alert.action is Action.RAISE for alert in red) == 21
    group = [alert for alert in red if alert.reason is Reason.UNREGISTERED_GROUP]
    assert len(group) <= 4
    assert (group[-1].press_count, group[-1].zone) == (1_980, UNASSIGNED_ZONE)
    assert "1980" in group[-1].texts[0].description
    watch(line, 41, 340)
    reminders = within(line, 41, 340, reason=Reason.STILL_UNACKNOWLEDGED, grade=Grade.RED)
    assert len(reminders) <= 5 * 21


def test_f17_a_registered_pillar_is_never_part_of_a_group() -> None:
    names = [f"P{n}" for n in range(40)]
    line = Timeline(*(device(name, lat=LAT + n) for n, name in enumerate(names)))
    for n, name in enumerate(names):
        line.press(10 + n / 10, name)
    red = within(line, 0, 20, grade=Grade.RED, action=Action.RAISE)
    assert [alert.sources[0].device_id for alert in red] == names
