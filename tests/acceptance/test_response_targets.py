"""Target response times by the rings around the nearest response point."""

import pytest

from processors.state.policy import FusionPolicy
from schemas.enums import (
    DeviceKind,
)
from schemas.registry import ResponsePoint
from schemas.units import deg_e7
from tests.support.expect import once
from tests.support.log_records import LAT, device, flame
from tests.support.timeline import Timeline, only_alert


def distant(metres: float) -> ResponsePoint:
    return ResponsePoint(name="station", lon_e7=deg_e7(120.0), lat_e7=deg_e7(LAT + metres / 111_195.080))


@pytest.mark.parametrize(
    ("metres", "target_s"),
    [(0, 60), (499.9, 60), (500.1, 180), (1_499.9, 180), (1_500.1, 300), (2_499.9, 300), (2_500.1, None)],
)
def test_the_target_response_follows_the_ring_round_the_nearest_point(
    metres: float, target_s: int | None
) -> None:
    line = Timeline(device(points=(distant(20_000), distant(metres))))
    assert only_alert(line.press(0)).target_response_s == target_s


def test_without_a_response_point_no_target_is_given() -> None:
    assert only_alert(Timeline().press(0)).target_response_s is None


def test_the_policy_defines_the_rings() -> None:
    line = Timeline(device(points=(distant(100),)))
    line.policy(FusionPolicy(rings=()))
    assert only_alert(line.press(0)).target_response_s is None


def test_a_fire_on_top_of_a_station_has_the_shortest_target_too() -> None:
    line = Timeline(device("C1", kind=DeviceKind.CAMERA, points=(distant(10),)))
    line.push(flame())
    line.run(1, 12)
    assert once(line, 10, 11).target_response_s == 60
