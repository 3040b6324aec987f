"""The town of the random logs: six pillars, two cameras, a gateway with three children, an unregistered pillar."""

from typing import NamedTuple

from schemas.enums import DeviceKind, Tier
from schemas.registry import ChainLink, RegistryDevice
from tests.support.log_records import LAT, camera, device

TWO_TIERS = (
    ChainLink(tier=Tier.VILLAGE, unit="village-1"),
    ChainLink(tier=Tier.TOWNSHIP, unit="town-1"),
)
FOUR_TIERS = (
    *TWO_TIERS,
    ChainLink(tier=Tier.COUNTY, unit="county-1"),
    ChainLink(tier=Tier.MULTI_AGENCY, unit="agency-1"),
)
OTHER_CHAIN = (
    ChainLink(tier=Tier.VILLAGE, unit="village-2"),
    ChainLink(tier=Tier.TOWNSHIP, unit="town-2"),
)

GATEWAY = "G1"
CHILDREN = ("P4", "P5", "P6")
UNREGISTERED = "X1"
"""A pillar that no registry names."""

HARMLESS = "P1"
"""A pillar without a heartbeat class: its heartbeats mean nothing to anybody."""

SITE_HEARTBEAT_S = 20

TOWN = {
    given.device_id: given
    for given in (
        device("P1", reports_release=False),
        device("P2", lat=LAT + 0.001, heartbeat_s=20, chain=FOUR_TIERS),
        device("P3", lat=LAT + 0.05, heartbeat_s=60, test_every_s=150, reports_release=False),
        device("P4", lat=LAT + 0.0509, heartbeat_s=SITE_HEARTBEAT_S, gateway=GATEWAY),
        device("P5", lat=LAT + 0.10, heartbeat_s=SITE_HEARTBEAT_S, gateway=GATEWAY, chain=FOUR_TIERS),
        device("P6", lat=LAT + 0.15, heartbeat_s=SITE_HEARTBEAT_S, gateway=GATEWAY, reports_release=False),
        device(GATEWAY, kind=DeviceKind.GATEWAY, lat=LAT + 0.10, heartbeat_s=SITE_HEARTBEAT_S),
        camera("C1", lat=LAT + 0.0005),
        camera("C2", lat=LAT + 0.1004),
    )
}
"""P2 is 111 m from P1 and both are 55 m from C1; P4 is 100 m from P3; P5 is 44 m from C2. All else is far apart."""

ROW = {f"Q{number}": device(f"Q{number}", lat=LAT + 0.3 + 0.01 * number) for number in range(40)}
"""More pillars, in some of the logs: enough of them for a fault of the area."""

CROWD = tuple(f"made-up-{number}" for number in range(60))
"""Devices that nobody has registered, in some of the logs: more than have an incident each (F17)."""

PILLARS = ("P1", "P2", "P3", "P4", "P5", "P6")
CAMERAS = ("C1", "C2")

METRES_A_DEGREE = 111_195.0
NEAR_M, FAR_M = 180.0, 220.0
"""Metres. At most NEAR_M is in reach for certain, more than FAR_M is not; the limit itself is tested elsewhere."""


class Place(NamedTuple):
    """A point, degrees."""

    lat: float
    lon: float


def place_of(record: RegistryDevice) -> Place:
    return Place(record.lat_e7 / 1e7, record.lon_e7 / 1e7)


def metres(a: Place, b: Place) -> float:
    """The distance on a plane; all of the town is at 30 degrees north, where a degree east is 0.866 of one north."""
    north = (a.lat - b.lat) * METRES_A_DEGREE
    east = (a.lon - b.lon) * METRES_A_DEGREE * 0.866
    return float((north * north + east * east) ** 0.5)
