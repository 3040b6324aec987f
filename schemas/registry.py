"""What stands where, and who is responsible for it."""

import msgspec

from schemas.enums import DeviceKind, Tier
from schemas.units import DegE7

UNASSIGNED_ZONE = "unassigned"
"""The zone of devices that no registry names: its unit is the control room (requirement 8a)."""


class ChainLink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a responsible chain.

    Attributes:
        tier: The level.
        unit: The organisation that answers on it.
    """

    tier: Tier
    unit: str


class ResponsePoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place from which help starts.

    Attributes:
        name: What people call it.
        lon_e7: Longitude, 1e-7 degrees, WGS 84.
        lat_e7: Latitude, 1e-7 degrees, WGS 84.
    """

    name: str
    lon_e7: DegE7
    lat_e7: DegE7


class RegistryDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One device of the site registry; the same record tells the fold of it.

    Attributes:
        device_id: Unique in the county.
        kind: What it is.
        zone: The one zone it belongs to; a gateway and its children share one.
        lon_e7: Longitude, 1e-7 degrees, WGS 84.
        lat_e7: Latitude, 1e-7 degrees, WGS 84.
        revision: Rises with every `callbox registry apply`; the fold ignores a lower one.
        heading_deg: Where a camera looks, degrees clockwise from north, or null.
        heartbeat_s: How often it promises to speak, seconds, or null where it does not.
        gateway: The gateway it speaks through, or null.
        chain: Who is responsible, first tier first.
        response_points: Where help may start from.
        removed: True when the device has left this zone.
        reports_release: False for a button that says when it is pressed and not when it is let go.
        test_every_s: How often a test of it is scheduled, seconds, or null where none is.
    """

    device_id: str
    kind: DeviceKind
    zone: str
    lon_e7: DegE7
    lat_e7: DegE7
    revision: int
    heading_deg: int | None = None
    heartbeat_s: int | None = None
    gateway: str | None = None
    chain: tuple[ChainLink, ...] = ()
    response_points: tuple[ResponsePoint, ...] = ()
    removed: bool = False
    reports_release: bool = True
    test_every_s: int | None = None
