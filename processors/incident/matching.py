"""Which open incident a fact belongs to: hazard family, place and time (domain.md 9). Severity is not asked.

Among several the one raised last is chosen, then the greater id: a total order, so that neither an index's order nor
a restart decides. What is real and what is an exercise never meet.
"""

from collections.abc import Iterable, Iterator

from processors.state.entities import DeviceKey, Incident
from processors.state.geometry import Place, cells_near, distance_mm
from processors.state.partition_state import State
from processors.state.policy import Windows
from schemas.alert import Source
from schemas.enums import Family, Feed, Hazard, Status
from schemas.units import EpochMs

MM_PER_M = 1_000

MAX_RELATED = 10
"""Other incidents that one names."""


class Surroundings:
    """What is open round a device: each cell is looked up once for joining and once for naming.

    Args:
        state: Read only.
        device: The device.
        place: Where it stands, or None.
    """

    def __init__(self, state: State, device: DeviceKey, place: Place | None) -> None:
        self._state, self._device, self._place = state, device, place
        self._reach_mm = state.policy.reach_m * MM_PER_M
        self._cells = () if place is None else cells_near(place, self._reach_mm)

    def joined(self, family: Family, status: Status) -> Incident | None:
        """The incident that the device's new fact joins, or None when it is a new one.

        It joins an open incident of the same zone and family inside its grade's window that the device reported
        itself, or that lies within reach, border included.
        """
        state = self._state
        found = [
            incident
            for incident in of_device(state, self._device)
            if incident.family is family and incident.status is status and is_in_window(state, incident)
        ]
        oldest = state.now - _longest(state.policy.windows, family)
        for incident in self._near(family, oldest):
            if incident.status is status and is_in_window(state, incident):
                found.append(incident)  # noqa: PERF401 - the generator is read once, and a screen is wide enough
        return latest_of(found)

    def others(self, family: Family, status: Status) -> list[Incident]:
        """Open incidents of the other families at this place, those that came last first."""
        found: dict[str, Incident] = {}
        for other in (Family.EMERGENCY, Family.MAINTENANCE):
            if other is family:
                continue
            own = (incident for incident in of_device(self._state, self._device) if incident.family is other)
            for incident in (*own, *self._near(other, EpochMs(0))):
                if incident.status is status:
                    found[incident.incident_id] = incident
        return sorted(found.values(), key=_age, reverse=True)[:MAX_RELATED]

    def _near(self, family: Family, oldest: int) -> Iterator[Incident]:
        """Open incidents within reach that are not older, latest first in each cell."""
        state, place = self._state, self._place
        for cell in self._cells:
            listed = state.by_place.get((self._device[0], family, cell))
            if not listed or place is None:
                continue
            for incident_id in reversed(listed):
                incident = state.incidents[incident_id]
                if incident.first_at < oldest:
                    break  # a place lists its incidents in the order in which they were raised
                if incident.place is not None and distance_mm(incident.place, place) <= self._reach_mm:
                    yield incident


def by_name(state: State, zone: str, name: str) -> Incident | None:
    """The open incident of a fault, or of a feed's topic."""
    listed = state.by_place.get((zone, Family.MAINTENANCE, name))
    return state.incidents[listed[-1]] if listed else None


def fault_name(hazard: Hazard, who: str) -> str:
    """What a fault is found by: what is wrong, and with what."""
    return f"{hazard}:{who}"


def of_device(state: State, device: DeviceKey) -> list[Incident]:
    """Every open incident that a device reported."""
    return [state.incidents[incident_id] for incident_id in state.by_device.get(device, ())]


def latest_of(incidents: Iterable[Incident]) -> Incident | None:
    """The one raised last, then the one with the greater id."""
    return max(incidents, key=_age, default=None)


def is_source(state: State, device: DeviceKey, feed: Feed, event_id: str) -> bool:
    """Whether an open incident rests on this event already, however many came since."""
    return any(
        _is_of(source, device[1], feed, event_id)
        for incident in of_device(state, device)
        for source in incident.sources
    )


def _is_of(source: Source, device_id: str, feed: Feed, event_id: str) -> bool:
    return source.event_id == event_id and source.device_id == device_id and source.feed is feed


def _age(incident: Incident) -> tuple[EpochMs, str]:
    return incident.first_at, incident.incident_id


def is_in_window(state: State, incident: Incident) -> bool:
    """Whether facts still join it."""
    window = state.policy.windows.of(incident.grade)
    now = state.now
    return now - incident.last_at <= window.rolling_ms and now - incident.first_at <= window.at_most_ms


def _longest(windows: Windows, family: Family) -> EpochMs:
    """No incident of the family is joined later than this after its first fact, whatever its grade became."""
    longest = max(windows.red.at_most_ms, windows.yellow.at_most_ms)
    return EpochMs(max(longest, windows.blue.at_most_ms) if family is Family.MAINTENANCE else longest)
