"""Devices that come, move and go: supervised where they are, and nowhere else."""

from schemas.enums import (
    Action,
    Hazard,
    Reason,
)
from tests.expect import never, once, watch
from tests.timeline import (
    Timeline,
    device,
    ms,
    zone_of,
)


def test_a_removed_device_is_not_supervised_any_more() -> None:
    line = Timeline(device(heartbeat_s=60, test_every_s=100))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 500)
    never(line, 0, 500)


def test_the_faults_of_a_removed_device_end_and_its_call_goes_on() -> None:
    line = Timeline(device(heartbeat_s=60, reports_release=False))
    watch(line, 1, 100)
    silent = once(line, 60, 66)
    call = line.press(101).alerts[0]
    line.push(device(revision=2, removed=True), at_s=171)
    ended = once(line, 171, 171)
    assert (ended.incident_id, ended.action, ended.reason) == (
        silent.incident_id,
        Action.CLOSE,
        Reason.DEVICE_LEFT,
    )
    assert call.incident_id in line.state.incidents


def test_a_moved_device_is_supervised_where_it_is_now_and_nowhere_else() -> None:
    there = zone_of(is_ours=True)
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    line.push(device(zone=there, revision=2, heartbeat_s=60), at_s=31, zone=there)
    watch(line, 32, 300)
    assert once(line, 91, 97, hazard=Hazard.COMM_FAIL).zone == there
    assert {alert.zone for alert in line.alerts} == {there}


def test_a_device_that_comes_back_is_supervised_from_then_on() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, removed=True), at_s=30)
    watch(line, 31, 1_000)
    line.push(device(revision=3, heartbeat_s=60), at_s=1_000)
    watch(line, 1_001, 1_100)
    once(line, 1_060, 1_066, hazard=Hazard.COMM_FAIL)
    never(line, 0, 1_059)


def test_a_copy_of_a_removal_ends_nothing_that_came_later() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.push(device(revision=2, removed=True), at_s=10)
    copy = line.entries[-1]
    line.push(device(revision=3, heartbeat_s=60), at_s=20)
    line.push_entry(copy._replace(offset=line.state.offset, append_ms=ms(30)))
    watch(line, 31, 100)
    once(line, 80, 86, hazard=Hazard.COMM_FAIL)


def test_a_longer_heartbeat_class_counts_from_when_it_is_applied() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30)
    line.push(device(revision=2, heartbeat_s=300), at_s=31)
    watch(line, 32, 400)
    once(line, 300, 331, hazard=Hazard.COMM_FAIL)
