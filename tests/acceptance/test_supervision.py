"""Requirement 3: a device that does not report within its interval."""

import pytest

from schemas.enums import (
    Action,
    Grade,
    Hazard,
    IncidentState,
    PillarKind,
    Reason,
)
from schemas.topics import MAINTENANCE
from tests.support.expect import never, once, restarted, watch, within
from tests.support.log_records import device, ms
from tests.support.timeline import Timeline


@pytest.mark.parametrize("heartbeat_s", [20, 60, 300, 3_600])
def test_req_03_a_missed_heartbeat_is_comm_fail_within_one_interval_and_ten_percent(heartbeat_s: int) -> None:
    line = Timeline(device(heartbeat_s=heartbeat_s))
    line.pillar(PillarKind.HEARTBEAT, 5)
    watch(line, 6, 5 + heartbeat_s * 2)
    silent = once(line, 5 + heartbeat_s, 5 + heartbeat_s * 1.1, hazard=Hazard.COMM_FAIL, topic=MAINTENANCE)
    assert (silent.grade, silent.action, silent.reason) == (Grade.BLUE, Action.RAISE, Reason.CONDITION_ACTIVE)
    never(line, 0, 4.9 + heartbeat_s)


def test_req_03_a_device_that_never_reported_is_supervised_from_its_registration_on() -> None:
    line = Timeline(device("P9"))
    line.push(device("P1", heartbeat_s=60), at_s=100)
    watch(line, 100, 200)
    once(line, 160, 166, hazard=Hazard.COMM_FAIL)


@pytest.mark.parametrize(
    "kind", [PillarKind.HEARTBEAT, PillarKind.PRESS, PillarKind.TEST, PillarKind.RELEASE]
)
def test_req_03_any_report_of_a_device_counts_as_a_sign_of_life(kind: PillarKind) -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 50)
    line.pillar(kind, 50)
    watch(line, 51, 109)
    never(line, 0, 109, hazard=Hazard.COMM_FAIL)
    watch(line, 110, 120)
    once(line, 110, 116, hazard=Hazard.COMM_FAIL)


def test_req_03_a_device_that_reports_in_time_is_never_silent() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 600, "P1", every_s=60)
    never(line, 0, 600)


def test_req_03_a_device_without_a_heartbeat_interval_is_never_silent() -> None:
    line = Timeline(device(heartbeat_s=None))
    watch(line, 1, 600)
    never(line, 0, 600)


def test_req_03_a_copy_of_an_old_heartbeat_is_no_sign_of_life() -> None:
    line = Timeline(device(heartbeat_s=60))
    line.pillar(PillarKind.HEARTBEAT, 0, event_id="h")
    first = line.entries[-1]
    watch(line, 1, 40)
    line.push_entry(first._replace(offset=line.state.offset, append_ms=ms(40)))
    watch(line, 41, 70)
    once(line, 60, 66, hazard=Hazard.COMM_FAIL)


def test_req_03_a_silent_device_is_reported_once_and_its_first_report_clears_it() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 500)
    silent = once(line, 0, 500, hazard=Hazard.COMM_FAIL)
    line.pillar(PillarKind.HEARTBEAT, 501)
    over = once(line, 501, 501)
    assert (over.incident_id, over.reason) == (silent.incident_id, Reason.CONDITION_OVER)
    assert over.state is IncidentState.CLEARED_UNACKED
    watch(line, 502, 600)
    assert once(line, 561, 567).reason is Reason.CONDITION_BACK


def test_req_03_a_press_of_a_silent_device_is_a_red_first_and_ends_the_silence_after() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 100)
    line.press(101)
    first, second = (
        within(line, 101, 101, action=Action.RAISE),
        within(line, 101, 101, hazard=Hazard.COMM_FAIL),
    )
    assert [alert.grade for alert in first] == [Grade.RED]
    assert [alert.reason for alert in second][-1] is Reason.CONDITION_OVER
    assert line.alerts.index(first[0]) < line.alerts.index(second[-1])


def test_req_03_silence_is_detected_after_a_restart_too() -> None:
    line = Timeline(device(heartbeat_s=60))
    watch(line, 1, 30, "P1")
    restarted(line)
    watch(line, 31, 100)
    once(line, 90, 96, hazard=Hazard.COMM_FAIL)
