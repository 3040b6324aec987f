"""Which open incident a fact belongs to, by hazard family, place and time (requirement 9); severity plays no part.

A device's own open incident comes first, whatever the windows (docs/requirements.md, F14, F15). Among several the one
that was raised last is chosen, then the one with the greater id. This is a total order, so that the result depends
neither on the order of an index nor on a restart. Real facts never join an exercise.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from processors.state.entities import DeviceKey, Incident
from processors.state.geometry import Place, cells_near, distance_mm
from processors.state.partition_state import State
from processors.state.policy import Windows
from schemas.enums import Family, Hazard, Status
from schemas.units import EpochMs

MM_PER_M = 1_000

MAX_RELATED = 10
"""Other incidents at its place that an incident lists."""


_FAMILIES: Final = (Family.EMERGENCY, Family.MAINTENANCE)


class Surroundings:
    """The open incidents around a device, found once, for joining and for linking: it is most of what a press costs.

    Args:
        state: Read only.
        device: Key of the device.
        place: Where it is, or None.
    """

    def __init__(self, state: State, device: DeviceKey, place: Place | None) -> None:
        self._state, self._place = state, place
        self._reach_mm = state.policy.reach_m * MM_PER_M
        self._own = of_device(state, device)
        self._listed: dict[Family, list[list[str]]] = {family: [] for family in _FAMILIES}
        if place is not None:
            zone, by_place = device[0], state.by_place
            cells = cells_near(place, self._reach_mm)
            for family, found in self._listed.items():
                found += [listed for cell in cells if (listed := by_place.get((zone, family, cell)))]

    def joined(self, family: Family, status: Status) -> Incident | None:
        """The incident that the device's new fact joins, or None where it opens a new one.

        It joins an open incident of the same zone, family and status: one that the device itself has reported, else
        one within reach, limit included, that is still inside its grade's window.
        """
        state = self._state
        own = [each for each in self._own if each.family is family and each.status is status]
        if own:
            return latest_of(own)
        oldest = state.now - _longest(state.policy.windows, family)
        return latest_of(
            incident
            for incident in self._near(family, oldest)
            if incident.status is status and is_in_window(state, incident)
        )

    def others(self, but: Incident) -> list[Incident]:
        """Other open incidents at this place, of any family, latest first, at most MAX_RELATED."""
        found: dict[str, Incident] = {}
        for family in _FAMILIES:
            own = [incident for incident in self._own if incident.family is family]
            for incident in (*own, *self._near(family, EpochMs(0))):
                is_other = family is not but.family or family is Family.EMERGENCY
                if is_other and incident.status is but.status and incident.incident_id != but.incident_id:
                    found[incident.incident_id] = incident
        return sorted(found.values(), key=_age, reverse=True)[:MAX_RELATED]

    def _near(self, family: Family, oldest: int) -> Iterator[Incident]:
        """Open incidents within reach whose first fact is not before `oldest`, latest first in each cell."""
        state, place = self._state, self._place
        if place is None:
            return
        for listed in self._listed[family]:
            for incident_id in reversed(listed):
                incident = state.incidents[incident_id]
                if incident.first_at < oldest:
                    break  # a place lists its incidents in the order in which they were opened
                if incident.place is not None and distance_mm(incident.place, place) <= self._reach_mm:
                    yield incident


def by_name(state: State, zone: str, name: str) -> Incident | None:
    """The open incident of a fault, or of a feed's topic, or None."""
    listed = state.by_place.get((zone, Family.MAINTENANCE, name))
    return state.incidents[listed[-1]] if listed else None


def fault_name(hazard: Hazard, who: str) -> str:
    """The name under which a fault is indexed: the hazard and the device or feed that has it."""
    return f"{hazard}:{who}"


def of_device(state: State, device: DeviceKey) -> list[Incident]:
    """Every open incident that a device reported, in a total order: the index has another one after a restart."""
    return sorted((state.incidents[name] for name in state.by_device.get(device, ())), key=_age)


def latest_of(incidents: Iterable[Incident]) -> Incident | None:
    """The incident that was raised last, then the one with the greater id; None where there is none."""
    return max(incidents, key=_age, default=None)


def _age(incident: Incident) -> tuple[EpochMs, str]:
    return incident.first_at, incident.incident_id


def is_in_window(state: State, incident: Incident) -> bool:
    """Whether facts still join an incident: both limits of its grade's window are inclusive."""
    window = state.policy.windows.of(incident.grade)
    now = state.now
    return now - incident.last_at <= window.rolling_ms and now - incident.first_at <= window.at_most_ms


def _longest(windows: Windows, family: Family) -> EpochMs:
    """The longest time after its first fact at which any incident of the family may still be joined, any grade."""
    longest = max(windows.red.at_most_ms, windows.yellow.at_most_ms)
    return EpochMs(max(longest, windows.blue.at_most_ms) if family is Family.MAINTENANCE else longest)
