"""A site made for the fold bench: zones of one partition, each with a gateway, pillars and a camera.

Devices are more than 600 m apart, so that a press joins no incident of another device.
"""

from collections.abc import Iterator
from itertools import count, islice

from schemas.enums import DeviceKind, Tier
from schemas.partitioning import partition_of
from schemas.registry import ChainLink, RegistryDevice, ResponsePoint
from schemas.units import DegE7

HEARTBEAT_S = 60
DEVICES_PER_ZONE = 10
CLOSED_CONTACT_ONE_IN = 4
"""Pillars that also report the release of their button; the others report presses only."""

SPACING_E7 = 120_000  # 0.012 degrees: 1.3 km north-south, 1.2 km east-west at the equator


def zones_of(partition: int, partitions: int, wanted: int) -> list[str]:
    """Names of zones that one partition holds."""
    names = (f"zone-{number}" for number in count())
    return list(islice((name for name in names if partition_of(name, partitions) == partition), wanted))


def devices_of(zones: list[str]) -> Iterator[RegistryDevice]:
    """Every device, zone by zone: one gateway, eight pillars, one camera."""
    for row, zone in enumerate(zones):
        chain = _chain(zone)
        points = _points(row)
        for column in range(DEVICES_PER_ZONE):
            kind = _kind(column)
            yield RegistryDevice(
                device_id=f"{zone}.{kind}-{column}",
                kind=kind,
                zone=zone,
                lon_e7=DegE7(column * SPACING_E7),
                lat_e7=DegE7(row % 5_000 * SPACING_E7),
                revision=1,
                heartbeat_s=HEARTBEAT_S,
                gateway=None if kind is DeviceKind.GATEWAY else f"{zone}.{DeviceKind.GATEWAY}-0",
                chain=chain,
                response_points=points,
                reports_release=kind is DeviceKind.PILLAR and column % CLOSED_CONTACT_ONE_IN == 1,
            )


def _kind(column: int) -> DeviceKind:
    if column == 0:
        return DeviceKind.GATEWAY
    return DeviceKind.CAMERA if column == DEVICES_PER_ZONE - 1 else DeviceKind.PILLAR


def _chain(zone: str) -> tuple[ChainLink, ...]:
    return (
        ChainLink(tier=Tier.VILLAGE, unit=f"{zone} village"),
        ChainLink(tier=Tier.TOWNSHIP, unit=f"{zone} township"),
        ChainLink(tier=Tier.COUNTY, unit="county"),
        ChainLink(tier=Tier.MULTI_AGENCY, unit="joint command"),
    )


def _points(row: int) -> tuple[ResponsePoint, ...]:
    """Three places from which help starts, along the zone."""
    return tuple(
        ResponsePoint(
            name=f"station {number}",
            lon_e7=DegE7((3 * number + 1) * SPACING_E7 + SPACING_E7 // 4),
            lat_e7=DegE7(row % 5_000 * SPACING_E7),
        )
        for number in range(3)
    )
