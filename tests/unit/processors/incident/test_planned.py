"""Until when work on a device is planned: which devices, which times, both as half-open as they are said."""

import pytest

from processors.incident.planned import period_at, planned_until
from processors.state.partition_state import State, new_state
from schemas.fusion_log import MaintenanceWindow
from tests.support.log_records import ZONE, device, gateway, ms, planned
from tests.support.timeline import Timeline


def state_with(*windows: MaintenanceWindow, at_s: float = 50) -> State:
    """The state of a zone with a site of two pillars, and another pillar, at a second."""
    site = Timeline(gateway(), device("B1", gateway="G1"), device("B2", gateway="G1"), device("P1"))
    site.state.windows = {window.window_id: window for window in windows}
    site.state.now = ms(at_s)
    return site.state


@pytest.mark.parametrize(
    ("at_s", "is_covered"),
    [(9.999, False), (10, True), (99.999, True), (100, False), (150, False), (200, True)],
)
def test_a_period_begins_with_its_first_moment_and_is_over_with_the_first_one_after_it(
    at_s: float, is_covered: bool
) -> None:
    window = planned((10, 100), (200, 300))
    assert (period_at(window, ms(at_s)) is not None) is is_covered
    assert (planned_until(state_with(window, at_s=at_s), ZONE, "P1") is not None) is is_covered


def test_of_several_windows_the_one_that_ends_last_counts() -> None:
    windows = (planned((0, 100)), planned((0, 200), window_id="w2"), planned((60, 300), window_id="w3"))
    assert planned_until(state_with(*windows), ZONE, "P1") == ms(200)


@pytest.mark.parametrize(
    ("window", "covered"),
    [
        (planned((0, 100), devices=("P1",)), {"P1"}),
        (planned((0, 100), devices=(), gateway="G1"), {"G1", "B1", "B2"}),
        (planned((0, 100), devices=("P1", "B1"), gateway=None), {"P1", "B1"}),
        (planned((0, 100), devices=("P1",), gateway="G1"), {"P1", "G1", "B1", "B2"}),
        (planned((0, 100), devices=()), {"P1", "G1", "B1", "B2", "anything else"}),
        (planned((0, 100), devices=(), zone="elsewhere"), set()),
        (planned((0, 100), devices=("P1",), zone="elsewhere"), set()),
        (planned((0, 100), devices=("P9",)), set()),
    ],
    ids=[
        "device",
        "site",
        "devices",
        "both",
        "zone",
        "another zone",
        "device of another zone",
        "another device",
    ],
)
def test_a_window_covers_devices_a_gateway_with_what_is_behind_it_or_a_zone(
    window: MaintenanceWindow, covered: set[str]
) -> None:
    state = state_with(window)
    names = ("P1", "G1", "B1", "B2", "anything else")
    assert {name for name in names if planned_until(state, ZONE, name) is not None} == covered


def test_nothing_is_planned_where_nobody_has_planned_anything() -> None:
    assert planned_until(new_state(0, 1), ZONE, "P1") is None
