"""A county made for the storms: zones in all four partitions of the log, each with one gateway and its pillars.

Pillars are 1.2 km apart, so that each press is an incident of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.enums import DeviceKind, Tier
from schemas.partitioning import partition_of
from schemas.registry import ChainLink, RegistryDevice
from schemas.topics import LOG_PARTITIONS
from schemas.units import DegE7

HEARTBEAT_S = 60
SPACING_E7 = 120_000  # 0.012 degrees: 1.3 km north-south, 1.2 km east-west at the equator


class County(NamedTuple):
    """How large it is. Its zones take turns in the partitions of the log, as a hash spreads many zones.

    Attributes:
        zones: How many zones, each with one gateway.
        pillars: In each zone.
        is_direct: Its pillars report over a mobile network, each by itself; nothing is behind the gateways.
    """

    zones: int
    pillars: int
    is_direct: bool = False

    @property
    def devices(self) -> int:
        """Gateways and pillars."""
        return self.zones * (self.pillars + 1)


def zone_names(county: County) -> list[str]:
    """Names of the zones: the first has partition 0, the next 1, and so on in turn."""
    names: list[str] = []
    number = 0
    while len(names) < county.zones:
        name = f"zone-{number}"
        if partition_of(name, LOG_PARTITIONS) == len(names) % LOG_PARTITIONS:
            names.append(name)
        number += 1
    return names


def registry_of(county: County) -> Iterator[RegistryDevice]:
    """Every device, zone by zone, its gateway first."""
    for row, zone in enumerate(zone_names(county)):
        chain = (
            ChainLink(tier=Tier.VILLAGE, unit=f"{zone} village"),
            ChainLink(tier=Tier.TOWNSHIP, unit=f"{zone} township"),
            ChainLink(tier=Tier.COUNTY, unit="county"),
        )
        for column in range(county.pillars + 1):
            is_gateway = column == 0
            yield RegistryDevice(
                device_id=f"{zone}.gateway" if is_gateway else f"{zone}.pillar-{column}",
                kind=DeviceKind.GATEWAY if is_gateway else DeviceKind.PILLAR,
                zone=zone,
                lon_e7=DegE7(column * SPACING_E7),
                lat_e7=DegE7(row * SPACING_E7),
                revision=1,
                heartbeat_s=HEARTBEAT_S,
                gateway=None if is_gateway or county.is_direct else f"{zone}.gateway",
                chain=chain,
                reports_release=False,
            )
