"""The town file: taken as a whole or refused as a whole, with every problem named."""

from typing import Any

import pytest

from callbox.registry.registry_file import read_site
from schemas.enums import DeviceKind, Tier
from schemas.errors import FileRefused
from schemas.registry import ChainLink, RegistryDevice, ResponsePoint
from schemas.units import DegE7

ZONE = """
[[zones]]
name = "riverside"
chain = [{ tier = "village", unit = "Riverside committee" }, { tier = "township", unit = "镇指挥室" }]
response_points = [{ name = "Fire station 2", lon = 104.06, lat = 30.57 }]
"""


def device(**fields: Any) -> str:
    usual = {"id": "pillar-1", "kind": "pillar", "zone": "riverside", "lon": 104.0665123, "lat": 30.5731}
    lines = [f"{name} = {in_toml(value)}" for name, value in (usual | fields).items() if value is not None]
    return "\n".join(["[[devices]]", *lines, ""])


def in_toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def refused(text: str) -> str:
    with pytest.raises(FileRefused) as caught:
        read_site(text, "town.toml")
    return str(caught.value).removeprefix("town.toml: ")


def test_a_device_has_the_chain_and_the_response_points_of_its_zone() -> None:
    assert read_site(ZONE + device(heartbeat_s=60), "town.toml") == (
        RegistryDevice(
            device_id="pillar-1",
            kind=DeviceKind.PILLAR,
            zone="riverside",
            lon_e7=DegE7(1_040_665_123),
            lat_e7=DegE7(305_731_000),
            revision=0,
            heartbeat_s=60,
            chain=(
                ChainLink(tier=Tier.VILLAGE, unit="Riverside committee"),
                ChainLink(tier=Tier.TOWNSHIP, unit="镇指挥室"),
            ),
            response_points=(
                ResponsePoint(name="Fire station 2", lon_e7=DegE7(1_040_600_000), lat_e7=DegE7(305_700_000)),
            ),
        ),
    )


def test_devices_come_in_the_order_of_their_ids() -> None:
    text = ZONE + device(id="b") + device(id="a", kind="camera", heading_deg=359)
    assert [found.device_id for found in read_site(text, "town.toml")] == ["a", "b"]


def test_a_device_may_speak_through_a_gateway_of_its_zone_that_comes_later() -> None:
    text = ZONE + device(gateway="gw-1") + device(id="gw-1", kind="gateway")
    assert [found.gateway for found in read_site(text, "town.toml")] == [None, "gw-1"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"zone": "atlantis"}, "devices[0].zone: 'atlantis' is none of riverside"),
        ({"zone": None}, "devices[0].zone: missing"),
        ({"kind": "drone"}, "devices[0].kind: 'drone' is none of pillar, camera, checkpoint, gateway"),
        ({"kind": "UNKNOWN"}, "devices[0].kind: 'UNKNOWN' is none of pillar, camera, checkpoint, gateway"),
        ({"lon": 180.5}, "devices[0].lon: found 180.5, expected `float` <= 180.0"),
        ({"lat": -91}, "devices[0].lat: found -91, expected `float` >= -90.0"),
        ({"lon": "104"}, "devices[0].lon: found '104', expected `float`, got `str`"),
        ({"heading_deg": 360}, "devices[0].heading_deg: found 360, expected `int` <= 359"),
        ({"heartbeat_s": 19}, "devices[0].heartbeat_s: found 19, expected `int` >= 20"),
        ({"lon": float("nan")}, "devices[0].lon: found nan, expected `float` >= -180.0"),
        ({"lon": float("-inf")}, "devices[0].lon: found -inf, expected `float` >= -180.0"),
        ({"lon": -180.5}, "devices[0].lon: found -180.5, expected `float` >= -180.0"),
        ({"lat": 90.000001}, "devices[0].lat: found 90.000001, expected `float` <= 90.0"),
        ({"lat": float("nan")}, "devices[0].lat: found nan, expected `float` >= -90.0"),
        ({"lat": float("inf")}, "devices[0].lat: found inf, expected `float` <= 90.0"),
        ({"zone": ""}, "devices[0].zone: '' is none of riverside"),
        ({"test_every_s": 59}, "devices[0].test_every_s: found 59, expected `int` >= 60"),
        ({"test_every_s": 2_678_401}, "devices[0].test_every_s: found 2678401, expected `int` <= 2678400"),
        ({"test_every_s": True}, "devices[0].test_every_s: found true, expected `int"),
        ({"reports_release": 1}, "devices[0].reports_release: found 1, expected `bool"),
        (
            {"kind": "camera", "reports_release": True},
            "devices[0].reports_release: only a pillar has it, this is of kind camera",
        ),
        (
            {"kind": "gateway", "test_every_s": 3_600},
            "devices[0].test_every_s: only a pillar has it, this is of kind gateway",
        ),
        ({"hight": 3}, "devices[0].hight: unknown key, allowed are id, kind, zone, lon, lat, heading_deg"),
        ({"id": "Säule 1"}, "devices[0].id: found 'Säule 1', allowed are letters, digits, '.', '_' and '-'"),
        ({"id": ""}, "devices[0].id: found ''"),
        ({"id": "x" * 65}, "devices[0].id: found 'xxx"),
        ({"gateway": "gw-1"}, "devices[0].gateway: 'gw-1' is no device of kind gateway"),
        ({"gateway": "pillar-1"}, "devices[0].gateway: 'pillar-1' is no device of kind gateway"),
    ],
)
def test_a_wrong_device_is_named(fields: dict[str, Any], said: str) -> None:
    assert refused(ZONE + device(**fields)).startswith(said)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (
            'name = "unassigned"\nchain = [{ tier = "village", unit = "A" }]',
            "zones[0].name: 'unassigned' is the zone",
        ),
        (
            'name = "a b"\nchain = [{ tier = "village", unit = "A" }]',
            "zones[0].name: found 'a b', allowed are",
        ),
        ('name = "a"\nchain = []', "zones[0].chain: empty, somebody must answer in 'a'"),
        ('name = "a"', "zones[0].chain: missing"),
        ('name = "a"\nchain = [{ tier = "village", unit = " " }]', "zones[0].chain[0].unit: found ' '"),
        (
            'name = "a"\nchain = [{ tier = "king", unit = "A" }]',
            "zones[0].chain[0].tier: 'king' is none of village",
        ),
        (
            'name = "a"\nchain = [{ tier = "UNKNOWN", unit = "A" }]',
            "zones[0].chain[0].tier: 'UNKNOWN' is none of",
        ),
    ],
)
def test_a_wrong_zone_is_named(zone: str, said: str) -> None:
    assert refused(f"devices = []\n[[zones]]\n{zone}").startswith(said)


def test_the_same_name_twice_is_refused_and_both_places_are_named() -> None:
    assert refused(ZONE + device() + device()) == "devices[1].id: the same as devices[0].id"
    assert refused("devices = []\n" + ZONE + ZONE) == "zones[1].name: the same as zones[0].name"


def test_a_device_in_two_zones_is_refused_and_both_are_named() -> None:
    other = ZONE.replace("riverside", "hilltop")
    assert refused(ZONE + other + device() + device(zone="hilltop")) == (
        "devices[1].id: the same as devices[0].id, and in another zone: 'hilltop' here, 'riverside' there"
    )


def test_a_response_point_off_the_earth_is_refused() -> None:
    assert refused(ZONE.replace("lon = 104.06", "lon = 204.06") + device()) == (
        "zones[0].response_points[0].lon: found 204.06, expected `float` <= 180.0"
    )


@pytest.mark.parametrize(
    ("fields", "reports_release", "test_every_s"),
    [
        ({}, True, None),
        ({"reports_release": True, "test_every_s": 60}, True, 60),
        ({"reports_release": False, "test_every_s": 2_678_400}, False, 2_678_400),
    ],
)
def test_a_pillar_may_never_report_a_release_and_may_have_tests_that_are_due(
    fields: dict[str, Any], reports_release: bool, test_every_s: int | None
) -> None:
    (found,) = read_site(ZONE + device(**fields), "town.toml")
    assert (found.reports_release, found.test_every_s) == (reports_release, test_every_s)


def test_a_gateway_of_another_zone_is_refused() -> None:
    other = ZONE.replace("riverside", "hilltop")
    text = ZONE + other + device(gateway="gw-1") + device(id="gw-1", kind="gateway", zone="hilltop")
    assert refused(text) == "devices[0].gateway: 'gw-1' is in zone 'hilltop', this device in 'riverside'"


def test_a_gateway_behind_a_gateway_is_refused() -> None:
    text = ZONE + device(id="gw-1", kind="gateway", gateway="gw-2") + device(id="gw-2", kind="gateway")
    assert refused(text).startswith("devices[0].gateway: a gateway speaks for itself")


def test_every_problem_is_named_at_once() -> None:
    said = refused(ZONE + device(zone="atlantis") + device(id="b", gateway="c"))
    assert [line.strip().partition(":")[0] for line in said.splitlines()[1:]] == [
        "devices[0].zone",
        "devices[1].gateway",
    ]


def test_an_empty_file_does_not_empty_the_registry_but_one_that_says_so_does() -> None:
    assert refused("") == "zones: missing"
    assert read_site("zones = []\ndevices = []", "town.toml") == ()
