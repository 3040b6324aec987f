"""Devices that are added, moved and removed are supervised in their present zone, and nowhere else."""

from msgspec.structs import replace

from schemas.enums import Action, DeviceKind, Hazard, PillarKind, Reason, Tier
from schemas.registry import ChainLink
from tests.support.expect import never, once, restarted, watch, within
from tests.support.log_records import LAT, camera, device, flame, gateway, ms, other_zone
from tests.support.timeline import Timeline

OTHER_CHAIN = (ChainLink(tier=Tier.VILLAGE, unit="other-village"),)


def test_a_removed_device_is_not_supervised_any_more() -> None:
    line = Timeline(device(heartbeat_s=60, test_every_s=100))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 500)
    never(line, 0, 500)


def test_the_faults_of_a_removed_device_are_closed_and_its_call_stays_open() -> None:
    line = Timeline(device(heartbeat_s=60, reports_release=False))
    watch(line, 1, 100)
    silent = once(line, 60, 66)
    call = line.press(101).alerts[0]
    line.push(device(revision=2, removed=True), at_s=171)
    ended = once(line, 171, 171, hazard=Hazard.COMM_FAIL)
    left = once(line, 171, 171, hazard=Hazard.EMERGENCY_CALL)
    assert (left.incident_id, left.action, left.reason) == (
        call.incident_id,
        Action.UPDATE,
        Reason.DEVICE_LEFT,
    )
    assert left.position == call.position
    assert (ended.incident_id, ended.action, ended.reason) == (
        silent.incident_id,
        Action.CLOSE,
        Reason.DEVICE_LEFT,
    )
    assert call.incident_id in line.state.incidents


def test_a_moved_device_is_supervised_where_it_is_now_and_nowhere_else() -> None:
    there = other_zone(same_partition=True)
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    line.push(device(zone=there, revision=2, heartbeat_s=60), at_s=31, zone=there)
    watch(line, 32, 300)
    assert once(line, 91, 97, hazard=Hazard.COMM_FAIL).zone == there
    assert {alert.zone for alert in line.alerts} == {there}


def test_a_device_that_is_registered_again_is_supervised_from_then_on() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 1_000)
    line.push(device(revision=3, heartbeat_s=60), at_s=1_000)
    watch(line, 1_001, 1_100)
    once(line, 1_060, 1_066, hazard=Hazard.COMM_FAIL)
    never(line, 0, 1_059)


def test_a_copy_of_a_removal_closes_nothing_that_was_raised_later() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(device(revision=2, removed=True), at_s=10)
    copy = line.entries[-1]
    line.push(device(revision=3, heartbeat_s=60), at_s=20)
    line.push_entry(copy._replace(offset=line.state.offset, append_ms=ms(30)))
    watch(line, 31, 110)
    once(line, 91, 97, hazard=Hazard.COMM_FAIL)  # its feed is read from second 31 on


def test_a_longer_heartbeat_interval_counts_from_when_it_is_applied() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, heartbeat_s=300), at_s=31)
    watch(line, 32, 400)
    once(line, 300, 331, hazard=Hazard.COMM_FAIL)


def site() -> Timeline:
    """Four pillars behind a gateway, of which only the first reports."""
    pillars = (device(f"P{n}", heartbeat_s=60, gateway="G1", lat=LAT + n * 0.01) for n in range(1, 5))
    line = Timeline(gateway(), *pillars)
    watch(line, 1, 200, "P1")
    once(line, 120, 128, hazard=Hazard.SITE_COMM_FAIL)  # a site has a hold of one interval
    return line


def test_a_silent_site_is_cleared_when_too_few_of_its_silent_devices_are_left() -> None:
    line = site()
    line.push(device("P2", revision=2, removed=True), at_s=201)
    watch(line, 202, 270, "P1")
    once(line, 261, 263, hazard=Hazard.SITE_COMM_FAIL, reason=Reason.CONDITION_OVER)
    told_of = within(line, 261, 263, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in told_of) == ["P3", "P4"]
    never(line, 201, 260, hazard=Hazard.COMM_FAIL)


def test_when_a_gateway_is_removed_its_silent_devices_are_reported_one_by_one() -> None:
    line = site()
    line.push(replace(gateway(), revision=2, removed=True), at_s=201)
    assert once(line, 201, 201, hazard=Hazard.SITE_COMM_FAIL).reason is Reason.DEVICE_LEFT
    told_of = within(line, 201, 201, hazard=Hazard.COMM_FAIL, action=Action.RAISE)
    assert sorted(alert.sources[0].device_id for alert in told_of) == ["P2", "P3", "P4"]


def test_the_silence_of_a_device_ends_when_it_has_no_heartbeat_interval_any_more() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100)
    line.push(device(revision=2), at_s=101)
    assert once(line, 101, 101, hazard=Hazard.COMM_FAIL).reason is Reason.DEVICE_UPDATED
    watch(line, 102, 300)
    never(line, 102, 300)


def test_a_silent_device_with_a_new_gateway_is_supervised_anew() -> None:
    line = Timeline(gateway(), gateway("G2"), device(heartbeat_s=60, gateway="G1"))
    watch(line, 1, 100)
    line.push(device(revision=2, heartbeat_s=60, gateway="G2"), at_s=101)
    watch(line, 102, 240)
    once(line, 221, 228, hazard=Hazard.COMM_FAIL, action=Action.RAISE)  # held for its site


def test_a_test_that_is_not_scheduled_any_more_is_not_missed() -> None:
    line = Timeline(device(test_every_s=100))
    watch(line, 1, 200)
    line.push(device(revision=2), at_s=201)
    assert once(line, 201, 201, hazard=Hazard.TEST_MISSED).reason is Reason.DEVICE_UPDATED


def test_f14_a_registry_change_reaches_the_open_incidents_of_a_device() -> None:
    line = Timeline()
    call = line.press(0).alerts[0]
    line.push(device(revision=2, lat=LAT + 0.5, chain=OTHER_CHAIN), at_s=10)
    moved = once(line, 10, 10)
    assert (moved.incident_id, moved.action, moved.reason) == (
        call.incident_id,
        Action.UPDATE,
        Reason.DEVICE_MOVED,
    )
    assert moved.position is not None
    assert (moved.position.lat, moved.responsible_unit) == (LAT + 0.5, "other-village")
    assert moved.ack_by == ms(40)
    line.press(100)
    assert once(line, 100, 100).incident_id == call.incident_id


def test_f14_a_registry_record_that_changes_nothing_of_an_incident_is_not_told() -> None:
    line = Timeline()
    line.press(0)
    line.push(device(revision=2, heartbeat_s=60), at_s=10)
    never(line, 10, 10)


def test_a_fault_of_a_device_whose_kind_is_corrected_ends() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100)
    line.push(device(revision=2, heartbeat_s=60, kind=DeviceKind.GATEWAY), at_s=101)
    assert once(line, 101, 101, hazard=Hazard.COMM_FAIL).reason is Reason.DEVICE_UPDATED


def test_req_10_open_incidents_of_a_device_are_told_in_one_order_also_after_a_restart() -> None:
    told = []
    for is_restarted in (False, True):
        line = Timeline(device("P1"), camera(lat=LAT + 0.0005))
        line.push(flame(at_s=1), at_s=1)
        line.pillar(PillarKind.TAMPER, 2)
        line.run(3, 40)
        line.press(41)  # it joins the fire, which is older than the fault that the pillar has reported before
        if is_restarted:
            restarted(line)
        line.push(device("P1", lat=LAT + 0.0001, revision=2), at_s=50)
        told.append([alert.alert_id for alert in within(line, 50, 50, reason=Reason.DEVICE_MOVED)])
    assert len(told[0]) == 2
    assert told[0] == told[1]
