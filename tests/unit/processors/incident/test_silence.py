"""Silent devices: told in time and once, ended by a report, and told again when what a person closed goes on (F10)."""

import pytest
from msgspec.structs import replace

from processors.state.policy import FusionPolicy
from schemas.enums import AckAction, AckReason, Action, Disposition, Hazard, IncidentState, PillarKind, Reason
from schemas.units import HOUR_MS
from tests.support.expect import at_s, never, once, restarted, watch, within
from tests.support.log_records import LAT, device, gateway
from tests.support.timeline import Timeline

HOUR_S = HOUR_MS // 1000
AGAIN = FusionPolicy(still_there_ms=HOUR_MS)


def silent(*, interval_s: int = 20) -> tuple[Timeline, str]:
    """A pillar that reports until second 40 and is silent then, and its incident."""
    line = Timeline(device(heartbeat_s=interval_s))
    line.policy(AGAIN)
    watch(line, 0, 40, "P1")
    watch(line, 41, 41 + interval_s * 2)
    return line, once(line, 40, 41 + interval_s * 2, hazard=Hazard.COMM_FAIL).incident_id


@pytest.mark.parametrize("interval_s", [20, 60, 600])
def test_a_miss_is_told_within_an_interval_and_a_tenth_of_it(interval_s: int) -> None:
    line, _ = silent(interval_s=interval_s)
    (told,) = line.alerts
    assert 40 + interval_s <= at_s(told) <= 40 + interval_s * 1.1 + 1


def test_any_report_ends_a_silence_and_the_next_one_is_told_after_another_interval() -> None:
    line, name = silent()
    line.pillar(PillarKind.RELEASE, 100)
    assert [alert.reason for alert in within(line, 100, 100, incident_id=name)] == [Reason.CONDITION_OVER]
    watch(line, 100, 130)
    assert once(line, 101, 130, incident_id=name).reason is Reason.CONDITION_BACK


def closed(line: Timeline, name: str, second: float) -> None:
    line.acknowledge(AckAction.ACCEPT, name, second)
    done = line.acknowledge(AckAction.CLOSE, name, second + 1, disposition=Disposition.FOUNDED)
    assert done.reason is Reason.CLOSED


def test_a_silence_that_a_person_closed_is_told_again_after_a_while_and_names_the_earlier_one() -> None:
    line, first = silent()
    closed(line, first, 90)
    watch(line, 92, 92 + HOUR_S + 10)
    again = once(line, 92, 92 + HOUR_S + 10, hazard=Hazard.COMM_FAIL)
    assert (again.action, again.reason, again.related_incidents) == (
        Action.RAISE,
        Reason.STILL_THERE,
        (first,),
    )
    assert at_s(again) == 91 + HOUR_S
    assert again.incident_id != first


def test_it_is_told_again_as_often_as_a_person_closes_it() -> None:
    line, name = silent()
    for number in range(3):
        at = 100 + number * (HOUR_S + 100)
        closed(line, name, at)
        watch(line, at + 2, at + HOUR_S + 10)
        name = once(line, at + 2, at + HOUR_S + 10, reason=Reason.STILL_THERE).incident_id


def test_a_restart_does_not_forget_what_a_person_has_closed() -> None:
    line, first = silent()
    closed(line, first, 90)
    restarted(line)
    watch(line, 92, 92 + HOUR_S + 10)
    assert once(line, 92, 92 + HOUR_S + 10).reason is Reason.STILL_THERE


def test_a_device_that_has_reported_since_is_not_told_again() -> None:
    line, first = silent()
    closed(line, first, 90)
    watch(line, 92, 92 + HOUR_S + 100, "P1")
    never(line, 92, 92 + HOUR_S + 100)
    assert not line.state.closed_faults


@pytest.mark.parametrize("change", [{"removed": True}, {"heartbeat_s": None}])
def test_a_device_that_promises_nothing_any_more_is_not_told_again(change: dict[str, object]) -> None:
    line, first = silent()
    closed(line, first, 90)
    line.push(replace(device(revision=2, heartbeat_s=20), **change), at_s=95)
    watch(line, 96, 96 + HOUR_S + 100)
    never(line, 96, 96 + HOUR_S + 100)


def test_what_is_out_of_service_stays_so_although_it_is_silent_and_reports() -> None:
    line, name = silent()
    line.acknowledge(AckAction.OUT_OF_SERVICE, name, 90, reason=AckReason.PLANNED_WORK)
    for start_s, names in ((91, ()), (300, ("P1",)), (600, ()), (900, ("P1",))):
        watch(line, start_s, start_s + 200, *names)
    assert line.state.incidents[name].state is IncidentState.OUT_OF_SERVICE
    never(line, 91, 1_200)


def test_a_silent_site_that_a_person_closed_is_told_again_too_and_its_children_are_not() -> None:
    names = ("G1", "B1", "B2", "B3")
    line = Timeline(
        gateway(heartbeat_s=20),
        *(device(name, lat=LAT + n, heartbeat_s=20, gateway="G1") for n, name in enumerate(names[1:])),
    )
    line.policy(AGAIN)
    watch(line, 0, 40, *names)
    watch(line, 41, 120)
    site = once(line, 0, 120).incident_id
    closed(line, site, 121)
    watch(line, 123, 123 + HOUR_S + 10)
    again = once(line, 123, 123 + HOUR_S + 10)
    assert (again.hazard, again.reason, again.related_incidents) == (
        Hazard.SITE_COMM_FAIL,
        Reason.STILL_THERE,
        (site,),
    )


def test_a_stuck_button_that_a_person_closed_is_told_again_too() -> None:
    line = Timeline()
    line.policy(AGAIN)
    watch(line, 0, 5)
    line.press(5)
    watch(line, 6, 100)
    stuck = once(line, 6, 100, hazard=Hazard.STUCK_BUTTON, action=Action.RAISE).incident_id
    closed(line, stuck, 101)
    watch(line, 103, 103 + HOUR_S + 10)
    again = once(line, 103, 103 + HOUR_S + 10, hazard=Hazard.STUCK_BUTTON, action=Action.RAISE)
    assert (again.reason, again.related_incidents[0]) == (Reason.STILL_THERE, stuck)
