"""Windows of planned work: what is covered, ids, revisions, states."""

from typing import Any

import pytest
from msgspec.structs import replace

from callbox.maintenance.windows import (
    KEPT_MS,
    Coverage,
    WindowState,
    assert_zones,
    coverage_of_devices,
    coverage_of_site,
    ended_window,
    make_window,
    next_period,
    removable,
    window_state,
)
from schemas.ack import Actor
from schemas.enums import AckReason, DeviceKind
from schemas.errors import InputMissing
from schemas.fusion_log import MaintenanceWindow, Period
from schemas.registry import RegistryDevice
from schemas.units import DegE7, EpochMs

NOW = EpochMs(1_900_000_000_000)
LI, WANG = Actor(name="Li", organisation="Town"), Actor(name="Wang", organisation="Works")


def device(device_id: str, zone: str, kind: DeviceKind = DeviceKind.PILLAR) -> RegistryDevice:
    return RegistryDevice(
        device_id=device_id, kind=kind, zone=zone, lon_e7=DegE7(0), lat_e7=DegE7(0), revision=1
    )


KNOWN = {
    found.device_id: found
    for found in (
        device("P1", "east"),
        device("P2", "west"),
        device("P3", "east"),
        device("G1", "east", DeviceKind.GATEWAY),
    )
}


def period(begins_s: int, ends_s: int) -> Period:
    """Seconds from now."""
    return Period(begins_at=EpochMs(NOW + begins_s * 1000), ends_at=EpochMs(NOW + ends_s * 1000))


P1 = Coverage(zone="east", devices=("P1",))


def window(coverage: Coverage = P1, **fields: Any) -> MaintenanceWindow:
    usual: dict[str, Any] = {
        "periods": (period(0, 60), period(3600, 3660)),
        "rule": "",
        "reason": AckReason.PLANNED_WORK,
        "note": None,
        "actor": LI,
        "before": {},
        "now": NOW,
    }
    return make_window(coverage, **(usual | fields))


def test_devices_of_two_zones_are_two_coverages() -> None:
    assert coverage_of_devices(KNOWN, ["P3", "P2", "P1", "P1"]) == (
        Coverage(zone="east", devices=("P1", "P3")),
        Coverage(zone="west", devices=("P2",)),
    )


def test_one_unknown_device_refuses_all_and_every_unknown_one_is_named() -> None:
    with pytest.raises(InputMissing, match=r"no device P8, P9$"):
        coverage_of_devices(KNOWN, ["P9", "P1", "P8"])
    with pytest.raises(InputMissing, match="X09 and 20 more"):
        coverage_of_devices(KNOWN, [f"X{number:02}" for number in range(30)])


def test_a_site_is_a_gateway_of_the_registry() -> None:
    assert coverage_of_site(KNOWN, "G1") == Coverage(zone="east", gateway="G1")
    with pytest.raises(InputMissing, match="no gateway G9"):
        coverage_of_site(KNOWN, "G9")
    with pytest.raises(InputMissing, match="P1 is no gateway, it is a pillar"):
        coverage_of_site(KNOWN, "P1")


def test_a_zone_has_a_device_in_the_registry() -> None:
    assert_zones(KNOWN, ["east", "west"])
    with pytest.raises(InputMissing, match="no zone north, south"):
        assert_zones(KNOWN, ["south", "east", "north"])


def test_the_same_plan_is_the_same_window_and_another_one_is_not() -> None:
    same = window(note="bring a ladder", actor=WANG, rule="FREQ=DAILY", now=NOW + 5)
    assert same.window_id == window().window_id
    others = [
        window(Coverage(zone="west", devices=("P1",))),
        window(Coverage(zone="east", devices=("P1", "P3"))),
        window(Coverage(zone="east", gateway="P1")),
        window(Coverage(zone="east")),
        window(periods=(period(0, 60),)),
        window(reason=AckReason.KNOWN_FAULT),
    ]
    assert len({found.window_id for found in [window(), *others]}) == 1 + len(others)


def test_an_id_is_short_and_names_the_zone() -> None:
    zone, _, mark = window().window_id.rpartition("-")
    assert (zone, len(mark)) == ("east", 8)


def test_a_revision_is_now_and_rises_where_a_clock_is_behind() -> None:
    ahead = window(now=NOW + 9)
    assert window().revision == NOW
    assert window(before={ahead.window_id: ahead}).revision == NOW + 10
    assert ended_window(ahead, actor=LI, note=None, now=NOW).revision == NOW + 10


def test_a_window_that_has_ended_names_who_ended_it_and_keeps_the_rest() -> None:
    planned = window(note="ladder")
    ended = ended_window(planned, actor=WANG, note=None, now=EpochMs(NOW + 1))
    assert ended == replace(planned, ended=True, actor=WANG, revision=NOW + 1)
    assert ended_window(planned, actor=WANG, note="done", now=NOW).note == "done"


@pytest.mark.parametrize(
    ("at_s", "state", "next_at_s"),
    [
        (-1, WindowState.PLANNED, 0),
        (0, WindowState.RUNNING, 0),
        (59, WindowState.RUNNING, 0),
        (60, WindowState.PLANNED, 3600),
        (3600, WindowState.RUNNING, 3600),
        (3660, WindowState.OVER, None),
    ],
)
def test_a_window_runs_in_its_periods(at_s: int, state: WindowState, next_at_s: int | None) -> None:
    at = EpochMs(NOW + at_s * 1000)
    found = next_period(window(), at)
    assert window_state(window(), at) is state
    assert (None if found is None else found.begins_at) == (
        None if next_at_s is None else NOW + next_at_s * 1000
    )
    assert window_state(ended_window(window(), actor=LI, note=None, now=at), at) is WindowState.ENDED


def test_a_window_leaves_the_topic_seven_days_after_it_is_over() -> None:
    planned = window()
    ended = ended_window(planned, actor=LI, note=None, now=EpochMs(NOW + 1000))
    over_at = planned.periods[-1].ends_at
    assert removable([planned], EpochMs(over_at + KEPT_MS - 1)) == ()
    assert removable([planned], EpochMs(over_at + KEPT_MS)) == (planned.window_id,)
    assert removable([ended], EpochMs(NOW + 1000 + KEPT_MS)) == (planned.window_id,)
    assert removable([ended], EpochMs(NOW + 999 + KEPT_MS)) == ()
