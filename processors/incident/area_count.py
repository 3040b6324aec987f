"""How many devices of a zone, or of all zones of a partition, have one fault at the same time (F17)."""

from collections.abc import Container, Iterator, Mapping, Sequence

from processors.incident.lifecycle import QUIET
from processors.incident.matching import by_name, fault_name
from processors.state.entities import Area, AreaKey, Device, Incident
from processors.state.partition_state import State, unassigned_zone
from schemas.enums import Hazard, IncidentState
from schemas.units import EpochMs

AREA = "*"
"""The subject of the condition of an area."""


WIDE = "**"
"""The subject of the condition of areas in several zones."""


SEVERAL_ZONES = ""
"""Stands for the zone in the key of an area of several zones."""


MAX_GROUPS = 50
"""Sites and devices of the last minute that are counted one by one; more are an area long before."""


def recent_groups(
    state: State, area: Area, groups: Mapping[str, int]
) -> tuple[tuple[EpochMs, str, int], ...]:
    """The groups of the last minute with further ones. A device counts once, a site by its devices."""
    since = state.now - state.policy.area_within_ms
    kept = [entry for entry in area.recent if entry[0] > since]
    before = {name: count for _, name, count in kept}
    added = [(state.now, name, max(count, before.get(name, 0))) for name, count in groups.items()]
    return (*(entry for entry in kept if entry[1] not in groups), *added)[-MAX_GROUPS:]


def has_fault(device: Device, hazard: Hazard) -> bool:
    """Whether a device has a fault now, by its own latest report or because it is silent."""
    if hazard is Hazard.COMM_FAIL:
        return device.silent_since is not None
    return any(report.hazard is hazard and report.active for report in device.faults)


def still_active(
    state: State, hazard: Hazard, recent: Sequence[tuple[EpochMs, str, int]], joining: Container[str]
) -> tuple[tuple[EpochMs, str, int], ...]:
    """The groups of the last minute of which a device still has the fault; those that join now have it.

    Args:
        state: Read only.
        hazard: The fault.
        recent: The groups, each by its zone, a slash and its name.
        joining: Those whose fault is not in the state yet.
    """
    return tuple(entry for entry in recent if entry[1] in joining or _is_active(state, hazard, entry[1]))


def _is_active(state: State, hazard: Hazard, group: str) -> bool:
    zone, _, name = group.partition("/")
    device = state.devices.get((zone, name))
    is_site = hazard is Hazard.COMM_FAIL and bool(state.by_gateway.get((zone, name)))
    return is_site or (device is not None and has_fault(device, hazard))


def members_of(state: State, key: AreaKey, ended: Container[str] = ()) -> Iterator[Device]:
    """The devices of an area: those that have the fault, and no incident of their own or of their site.

    Args:
        state: Read only.
        key: Zone and fault.
        ended: Ids of incidents that do not count any more.
    """
    zone, hazard = key
    for device in state.devices.values():
        if device.zone != zone or not device.is_registered or not has_fault(device, hazard):
            continue
        owners = [(hazard, device.device_id)]
        if hazard is Hazard.COMM_FAIL:
            owners.append((Hazard.SITE_COMM_FAIL, device.gateway[1] if device.gateway else device.device_id))
        own = (by_name(state, zone, fault_name(*owner)) for owner in owners)
        if not any(each is not None and each.active and each.incident_id not in ended for each in own):
            yield device


def threshold(state: State, zone: str | None) -> int:
    """How many devices of a zone make an area; None: of several zones, of which none is an area by itself."""
    policy = state.policy
    if zone is None:
        return policy.area_devices
    share = -(-state.zone_sizes.get(zone, 0) * policy.area_percent // 100)
    return min(policy.area_devices, max(policy.area_at_least, share))


def are_many(recent: Sequence[tuple[EpochMs, str, int]], most: int, hazard: Hazard) -> bool:
    """Whether the devices are so many that they have one cause; those of one silent gateway are its site."""
    counts = [count for _, _, count in recent]
    if sum(counts) < most:
        return False
    return hazard is not Hazard.COMM_FAIL or sum(counts) - max(counts) >= max(2, most // 4)


def begun_with_it(state: State, key: AreaKey) -> list[Incident]:
    """The incidents of single devices and sites that began with an area, and that no person has put away."""
    zone, hazard = key
    since = state.now - state.policy.area_within_ms
    hazards = {hazard, Hazard.SITE_COMM_FAIL} if hazard is Hazard.COMM_FAIL else {hazard}
    return [
        incident
        for incident in state.incidents.values()
        if incident.zone == zone
        and incident.hazard in hazards
        and incident.active
        and not incident.is_planned
        and incident.state not in QUIET
        and (incident.first_at > since or incident.state is IncidentState.CANDIDATE)
        and incident.place_key != name_of(key)
    ]


def members_and(
    state: State, key: AreaKey, own: Sequence[Incident], names: Sequence[str]
) -> tuple[Device, ...]:
    """The devices of an area that takes over some incidents, and those whose fault is not in the state yet."""
    members = {
        device.device_id: device for device in members_of(state, key, {each.incident_id for each in own})
    }
    for name in names:
        if (device := state.devices.get((key[0], name))) is not None:
            members[name] = device
    return tuple(members.values())


def of_all_zones(state: State, hazard: Hazard) -> tuple[Device, ...]:
    """The devices of all areas of a fault that have one incident in common."""
    zones = [zone for (zone, other), area in state.areas.items() if other is hazard and area.is_wide]
    return tuple(device for zone in zones for device in members_of(state, (zone, hazard)))


def zone_of(state: State, key: AreaKey) -> str:
    """The zone of an area's incident."""
    return key[0] if key[0] != SEVERAL_ZONES else unassigned_zone(state.partition, state.partitions)


def name_of(key: AreaKey) -> str:
    """The name under which an area's incident is indexed."""
    return fault_name(key[1], WIDE if key[0] == SEVERAL_ZONES else AREA)
