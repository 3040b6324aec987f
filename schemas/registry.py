"""The site registry: which device is where, and who is responsible for it."""

import msgspec

from schemas.enums import DeviceKind, Tier
from schemas.units import DegE7

UNASSIGNED_ZONE = "unassigned"
"""The zone of devices that no registry lists; its unit is the control room (requirement 8a)."""


class ChainLink(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One level of a chain of responsible units.

    Attributes:
        tier: The level.
        unit: The organisation that answers on this level.
    """

    tier: Tier
    unit: str


class ResponsePoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place from which help starts.

    Attributes:
        name: Its name for people.
        lon_e7: Longitude, 1e-7 degrees, WGS 84.
        lat_e7: Latitude, 1e-7 degrees, WGS 84.
    """

    name: str
    lon_e7: DegE7
    lat_e7: DegE7


class RegistryDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One device of the site registry; the same record reports it to the fold.

    Attributes:
        device_id: Unique in the county.
        kind: The kind of device.
        zone: The one zone that it belongs to; a gateway and its children are in the same zone.
        lon_e7: Longitude, 1e-7 degrees, WGS 84.
        lat_e7: Latitude, 1e-7 degrees, WGS 84.
        revision: Rises with every `callbox registry apply`; the fold ignores a lower one.
        heading_deg: The direction in which a camera points, degrees clockwise from north, or null.
        heartbeat_s: The interval within which it must report, seconds, or null where it has none.
        gateway: The gateway through which it reports, or null.
        chain: The responsible units, first tier first.
        response_points: The places from which help may start.
        removed: True when the device has left this zone.
        reports_release: False for a button that reports when it is pressed, but not when it is released.
        test_every_s: The interval of its scheduled tests, seconds, or null where none are scheduled.
        source: The gateway in whose own topic its events must come, or null where any topic will do.
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
    source: str | None = None
