"""Silent sites: no child is told before its site, none while it recovers, and who is left is told (F18)."""

import pytest

from schemas.alert import Alert
from schemas.enums import Action, Disposition, Hazard, PillarKind, Reason
from tests.support.expect import never, once, restarted, watch, within
from tests.support.log_records import LAT, alive, device, gateway
from tests.support.timeline import Timeline

CHILDREN = tuple(f"B{n}" for n in range(5))
ALL = ("G1", *CHILDREN)


def site(*, gateway_s: int | None = 20, child_s: int = 20) -> Timeline:
    """A gateway with five devices behind it, far from each other."""
    return Timeline(
        gateway(heartbeat_s=gateway_s),
        *(device(name, lat=LAT + n, heartbeat_s=child_s, gateway="G1") for n, name in enumerate(CHILDREN)),
    )


def silences(line: Timeline, from_s: float, to_s: float) -> list[Alert]:
    hazards = {Hazard.COMM_FAIL, Hazard.SITE_COMM_FAIL}
    return [alert for alert in within(line, from_s, to_s) if alert.hazard in hazards]


@pytest.mark.parametrize(("gateway_s", "child_s"), [(20, 20), (60, 20), (20, 60), (None, 20), (600, 20)])
def test_a_site_that_goes_away_is_one_alert_whatever_the_intervals(
    gateway_s: int | None, child_s: int
) -> None:
    line = site(gateway_s=gateway_s, child_s=child_s)
    watch(line, 0, 600, *ALL, every_s=5)
    watch(line, 601, 2_200)
    told = silences(line, 0, 2_200)
    assert [(alert.hazard, alert.reason) for alert in told if alert.action is Action.RAISE] == [
        (Hazard.SITE_COMM_FAIL, Reason.SITE_SILENT)
    ]
    assert not [alert for alert in told if alert.hazard is Hazard.COMM_FAIL]


@pytest.mark.parametrize("phase_s", range(0, 20, 3))
def test_no_child_is_told_before_its_site_at_any_phase(phase_s: int) -> None:
    line = site()
    for second in range(400):
        for number, name in enumerate(ALL):
            if second < 100 and (second + phase_s * number) % 20 == 0:
                line.pillar(PillarKind.HEARTBEAT, second, name)
        line.push(alive(second, 0), at_s=second)
        line.tick(second)
    assert [alert.hazard for alert in silences(line, 0, 400)] == [Hazard.SITE_COMM_FAIL]


@pytest.mark.parametrize("gateway_first", [True, False])
def test_a_site_that_comes_back_one_after_another_is_over_once_and_tells_no_child(
    gateway_first: bool,
) -> None:
    line = site()
    watch(line, 0, 100, *ALL)
    watch(line, 101, 300)
    order = ALL if gateway_first else ALL[::-1]
    for number in range(len(order)):
        watch(line, 301 + number * 3, 303 + number * 3, *order[: number + 1], every_s=1)
    watch(line, 319, 500, *ALL)
    raised, over = silences(line, 0, 500)
    assert (raised.action, over.reason, over.incident_id) == (
        Action.RAISE,
        Reason.CONDITION_OVER,
        raised.incident_id,
    )


def test_who_is_still_silent_an_interval_after_the_site_is_back_is_told_by_name() -> None:
    line = site()
    watch(line, 0, 100, *ALL)
    watch(line, 101, 300)
    watch(line, 301, 420, *ALL[:-1])
    over = once(line, 301, 420, reason=Reason.CONDITION_OVER)
    left = once(line, 301, 420, hazard=Hazard.COMM_FAIL)
    assert (left.sources[-1].device_id, left.sent >= over.sent) == ("B4", True)
    never(line, 301, 319, hazard=Hazard.COMM_FAIL)


def test_a_gateway_that_comes_back_without_its_devices_is_still_a_silent_site() -> None:
    line = site()
    watch(line, 0, 100, *ALL)
    watch(line, 101, 300)
    watch(line, 301, 500, "G1")
    assert [alert.hazard for alert in silences(line, 0, 500)] == [Hazard.SITE_COMM_FAIL]
    assert next(iter(line.state.incidents.values())).active


@pytest.mark.parametrize("count", [1, 2])
def test_few_silent_devices_are_told_one_by_one(count: int) -> None:
    line = site()
    watch(line, 0, 100, *ALL)
    watch(line, 101, 300, *ALL[: len(ALL) - count])
    told = silences(line, 0, 300)
    assert {(alert.hazard, alert.reason) for alert in told} == {(Hazard.COMM_FAIL, Reason.CONDITION_ACTIVE)}
    assert len(told) == count


def test_a_site_takes_over_what_was_told_of_its_devices() -> None:
    line = site()
    watch(line, 0, 100, *ALL)
    watch(line, 101, 300, *ALL[:-1])
    child = once(line, 101, 300).incident_id
    watch(line, 301, 500)
    ended = once(line, 301, 500, incident_id=child)
    assert (ended.reason, ended.disposition) == (Reason.INHIBITED, Disposition.DUPLICATE)
    assert once(line, 301, 500, action=Action.RAISE).hazard is Hazard.SITE_COMM_FAIL


def test_a_restart_while_a_site_recovers_changes_nothing() -> None:
    lines = (site(), site())
    for number, line in enumerate(lines):
        watch(line, 0, 100, *ALL)
        watch(line, 101, 300)
        watch(line, 301, 310, *ALL[:4])
        if number:
            restarted(line)
        watch(line, 311, 420, *ALL[:4])
    assert lines[0].alerts == lines[1].alerts
    assert lines[0].alerts
