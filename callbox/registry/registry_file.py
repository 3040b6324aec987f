"""The town file of `callbox registry apply`: zones, the chain of units that answer in each, and devices.

    [[zones]]
    name = "riverside"
    chain = [{ tier = "village", unit = "Riverside committee" }, { tier = "township", unit = "Town control room" }]
    response_points = [{ name = "Fire station 2", lon = 104.0668, lat = 30.5728 }]

    [[devices]]
    id = "pillar-07"
    kind = "pillar"
    zone = "riverside"
    lon = 104.0665
    lat = 30.5731
    heartbeat_s = 60
    gateway = "gw-2"
    source = "gw-2"              # pillars and gateways only: its events must come in the topic of that gateway
    reports_release = false      # pillars only, like test_every_s
    test_every_s = 604800

It is accepted as a whole or refused as a whole; every problem is named by its path.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec

from callbox.terminal.text_file import refusal
from schemas.enums import DeviceKind, Tier
from schemas.registry import UNASSIGNED_ZONE, ChainLink, RegistryDevice, ResponsePoint
from schemas.strict_toml import read_strict
from schemas.topic_family import NAME_RULE as SENDER_RULE
from schemas.topic_family import is_member_name
from schemas.units import deg_e7

Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Heading = Annotated[int, msgspec.Meta(ge=0, le=359)]
HeartbeatInterval = Annotated[int, msgspec.Meta(ge=20, le=86_400)]
"""With a shorter period, silence cannot be detected within a tenth of it (docs/adr/0013). A period of more than a day
is no supervision."""

TestInterval = Annotated[int, msgspec.Meta(ge=60, le=31 * 86_400)]

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_RULE: Final = "letters, digits, '.', '_' and '-', 1 to 64 of them"
"""Names become keys, parts of incident ids and file names: plain ASCII keeps them equal everywhere."""


class ChainEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit that answers: its level and its name."""

    tier: Tier
    unit: str


class PointEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place from which help starts; degrees, WGS 84."""

    name: str
    lon: Longitude
    lat: Latitude


class ZoneEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zone. It should be large, because nothing is fused across its border."""

    name: str
    chain: tuple[ChainEntry, ...]
    response_points: tuple[PointEntry, ...] = ()


class DeviceEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device; degrees, WGS 84; the heading of a camera clockwise from north.

    Only a pillar has `reports_release` (false: it never reports the release of its button) and `test_every_s`; only a
    pillar or a gateway has a `source`, the gateway in whose own topic its events come.
    """

    id: str
    kind: DeviceKind
    zone: str
    lon: Longitude
    lat: Latitude
    heading_deg: Heading | None = None
    heartbeat_s: HeartbeatInterval | None = None
    gateway: str | None = None
    reports_release: bool | None = None
    test_every_s: TestInterval | None = None
    source: str | None = None


class SiteFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a town file. Both lists are required, so that an empty file does not empty a registry."""

    zones: tuple[ZoneEntry, ...]
    devices: tuple[DeviceEntry, ...]


def read_site(text: str, origin: str) -> tuple[RegistryDevice, ...]:
    """Read a town file.

    Args:
        text: The file, TOML.
        origin: Its name, for the error.

    Returns:
        Its devices in the order of their ids, with revision 0.

    Raises:
        FileRefused: An unknown key, a wrong type, or contradictory content.
    """
    site = read_strict(text, SiteFile, origin)
    if problems := [*_zone_problems(site.zones), *_device_problems(site)]:
        raise refusal(origin, problems)
    zones = {zone.name: zone for zone in site.zones}
    devices = (_registry_device(device, zones[device.zone]) for device in site.devices)
    return tuple(sorted(devices, key=lambda device: device.device_id))


def name_problems(path: str, name: str) -> list[str]:
    """What is wrong with a name that becomes a key."""
    return [] if NAME.fullmatch(name) else [f"{path}: found {name!r}, allowed are {NAME_RULE}"]


def repeated(paths_and_names: Iterable[tuple[str, str]]) -> list[str]:
    """The names that occur twice; the text has their places only."""
    first: dict[str, str] = {}
    problems = []
    for path, name in paths_and_names:
        if name in first:
            problems.append(f"{path}: the same as {first[name]}")
        first.setdefault(name, path)
    return problems


def _zone_problems(zones: tuple[ZoneEntry, ...]) -> list[str]:
    problems = repeated((f"zones[{number}].name", zone.name) for number, zone in enumerate(zones))
    for number, zone in enumerate(zones):
        path = f"zones[{number}]"
        problems += name_problems(f"{path}.name", zone.name)
        if zone.name == UNASSIGNED_ZONE:
            problems.append(f"{path}.name: {UNASSIGNED_ZONE!r} is the zone of devices that no registry names")
        if not zone.chain:
            problems.append(f"{path}.chain: empty, somebody must answer in {zone.name!r}")
        for step, link in enumerate(zone.chain):
            problems += _text_problems(f"{path}.chain[{step}].unit", link.unit)
            if link.tier is Tier.UNKNOWN:
                allowed = ", ".join(tier.value for tier in Tier if tier is not Tier.UNKNOWN)
                problems.append(f"{path}.chain[{step}].tier: {link.tier.value!r} is none of {allowed}")
        for step, point in enumerate(zone.response_points):
            problems += _text_problems(f"{path}.response_points[{step}].name", point.name)
    return problems


def _device_problems(site: SiteFile) -> list[str]:
    zones = [zone.name for zone in site.zones]
    by_id = {device.id: device for device in site.devices}
    problems = _repeated_devices(site.devices)
    for number, device in enumerate(site.devices):
        path = f"devices[{number}]"
        problems += name_problems(f"{path}.id", device.id)
        if device.kind is DeviceKind.UNKNOWN:
            allowed = ", ".join(kind.value for kind in DeviceKind if kind is not DeviceKind.UNKNOWN)
            problems.append(f"{path}.kind: {device.kind.value!r} is none of {allowed}")
        if device.zone not in zones:
            problems.append(f"{path}.zone: {device.zone!r} is none of {', '.join(zones) or 'none'}")
        problems += _kind_problems(path, device)
        problems += _source_problems(f"{path}.source", device)
        if device.gateway is not None:
            problems += _gateway_problems(f"{path}.gateway", device, by_id.get(device.gateway))
    return problems


def _repeated_devices(devices: tuple[DeviceEntry, ...]) -> list[str]:
    """Devices that occur twice; each belongs to exactly one zone."""
    first: dict[str, int] = {}
    problems = []
    for number, device in enumerate(devices):
        at = first.setdefault(device.id, number)
        if at == number:
            continue
        problem = f"devices[{number}].id: the same as devices[{at}].id"
        if device.zone != devices[at].zone:
            problem += f", and in another zone: {device.zone!r} here, {devices[at].zone!r} there"
        problems.append(problem)
    return problems


def _kind_problems(path: str, device: DeviceEntry) -> list[str]:
    """Keys that only a pillar may have."""
    given = {"reports_release": device.reports_release, "test_every_s": device.test_every_s}
    return [
        f"{path}.{name}: only a pillar has it, this is of kind {device.kind.value}"
        for name, value in given.items()
        if value is not None and device.kind is not DeviceKind.PILLAR
    ]


def _source_problems(path: str, device: DeviceEntry) -> list[str]:
    """What is wrong with the gateway whose topic a device is bound to."""
    if device.source is None:
        return []
    if device.kind not in {DeviceKind.PILLAR, DeviceKind.GATEWAY}:
        return [f"{path}: only a pillar or a gateway has it, this is of kind {device.kind.value}"]
    if not is_member_name(device.source):
        return [f"{path}: found {device.source!r}, allowed are {SENDER_RULE}"]
    return []


def _gateway_problems(path: str, device: DeviceEntry, gateway: DeviceEntry | None) -> list[str]:
    if gateway is None or gateway.kind is not DeviceKind.GATEWAY:
        return [f"{path}: {device.gateway!r} is no device of kind gateway"]
    if device.kind is DeviceKind.GATEWAY:
        return [f"{path}: a gateway speaks for itself, not through {device.gateway!r}"]
    if gateway.zone != device.zone:
        return [f"{path}: {gateway.id!r} is in zone {gateway.zone!r}, this device in {device.zone!r}"]
    return []


def _text_problems(path: str, text: str) -> list[str]:
    """Names for people that are not printable."""
    is_readable = bool(text.strip()) and text.isprintable()
    return [] if is_readable else [f"{path}: found {text!r}, allowed is text that can be read"]


def _registry_device(device: DeviceEntry, zone: ZoneEntry) -> RegistryDevice:
    return RegistryDevice(
        device_id=device.id,
        kind=device.kind,
        zone=device.zone,
        lon_e7=deg_e7(device.lon),
        lat_e7=deg_e7(device.lat),
        revision=0,
        heading_deg=device.heading_deg,
        heartbeat_s=device.heartbeat_s,
        gateway=device.gateway,
        chain=tuple(ChainLink(tier=link.tier, unit=link.unit) for link in zone.chain),
        response_points=tuple(
            ResponsePoint(name=point.name, lon_e7=deg_e7(point.lon), lat_e7=deg_e7(point.lat))
            for point in zone.response_points
        ),
        reports_release=device.reports_release is not False,
        test_every_s=device.test_every_s,
        source=device.source,
    )
