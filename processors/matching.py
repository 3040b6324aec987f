"""Which open incident a fact belongs to: hazard family, place and time (domain.md 9). Severity is not asked.

Among several the one raised last is chosen, then the greater id: a total order, so that neither an index's order nor
a restart decides.
"""

from collections.abc import Iterator

from processors.entities import DeviceKey, Incident
from processors.geometry import Place, cells_near, distance_mm
from processors.policy import Windows
from processors.state import State
from schemas.enums import Family, Feed
from schemas.units import EpochMs

MM_PER_M = 1_000


def by_place(state: State, device: DeviceKey, family: Family, place: Place | None) -> Incident | None:
    """The incident that a device's new fact joins, or None when it is a new one.

    It joins an open incident of the same zone and family inside its grade's window that the device reported itself,
    or that lies within reach, border included.
    """
    found = [
        incident
        for incident in of_device(state, device)
        if incident.family is family and _is_in_window(state, incident)
    ]
    if place is not None:
        reach_mm = state.policy.reach_m * MM_PER_M
        found += [
            incident
            for incident in _listed_near(state, device[0], family, cells_near(place, reach_mm))
            if incident.place is not None and distance_mm(incident.place, place) <= reach_mm
        ]
    return newest(found)


def by_topic(state: State, zone: str, topic: str) -> Incident | None:
    """The open incident of a feed's topic that another dead letter joins, or None."""
    return newest(list(_listed_near(state, zone, Family.MAINTENANCE, [topic])))


def of_device(state: State, device: DeviceKey) -> list[Incident]:
    """Every open incident that a device reported."""
    return [state.incidents[incident_id] for incident_id in state.by_device.get(device, ())]


def newest(incidents: list[Incident]) -> Incident | None:
    """The one raised last, then the one with the greater id."""
    return max(incidents, key=lambda incident: (incident.first_at, incident.incident_id), default=None)


def is_source(state: State, device: DeviceKey, feed: Feed, event_id: str) -> bool:
    """Whether an open incident rests on this event already, however many came since."""
    return any(
        source.event_id == event_id and source.device_id == device[1] and source.feed is feed
        for incident in of_device(state, device)
        for source in incident.sources
    )


def _listed_near(state: State, zone: str, family: Family, places: list[str]) -> Iterator[Incident]:
    """Open incidents of these places that are inside their window, latest first in each place."""
    oldest = state.now - _longest(state.policy.windows, family)
    for place in places:
        for incident_id in reversed(state.by_place.get((zone, family, place), ())):
            incident = state.incidents[incident_id]
            if incident.first_at < oldest:
                break  # a place lists its incidents in the order in which they were raised
            if _is_in_window(state, incident):
                yield incident


def _is_in_window(state: State, incident: Incident) -> bool:
    window = state.policy.windows.of(incident.grade)
    now = state.now
    return now - incident.last_at <= window.rolling_ms and now - incident.first_at <= window.at_most_ms


def _longest(windows: Windows, family: Family) -> EpochMs:
    """No incident of the family is joined later than this after its first fact, whatever its grade became."""
    longest = max(windows.red.at_most_ms, windows.yellow.at_most_ms)
    return EpochMs(max(longest, windows.blue.at_most_ms) if family is Family.MAINTENANCE else longest)
