"""What the fold keeps: devices, incidents, timers. Values: replaced, never changed.

Written as arrays in a snapshot: a field more, less or moved is a new FORMAT_VERSION (processors/state.py).
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from processors.geometry import Place
from processors.memory import Memory
from schemas.alerts import PriorAlert, Source
from schemas.enums import Family, Grade, Hazard, IncidentState
from schemas.log import Media
from schemas.site import ChainLink, RegistryDevice
from schemas.units import EpochMs

DeviceKey: TypeAlias = tuple[str, str]
"""Zone and device id: a device that moves is another one in its new zone."""

FeedKey: TypeAlias = tuple[str, str, str]
"""Zone, feed and topic."""

PlaceKey: TypeAlias = tuple[str, Family, str]
"""Zone, hazard family and place (a cell, or the topic of a feed): the duplicate key without the time."""


class Device(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One device of one zone, registered or not.

    Attributes:
        zone: Where it belongs.
        device_id: Its name.
        memory: What it said as a pillar; heartbeats apart.
        sightings: What it saw as a camera: told apart, so that no picture makes a press look known.
        site: What the registry says of it; None for a stranger, which no registry ever named.
        place: Where it stands; None for a stranger, a removed device, or a position that is not on Earth.
        press_at: received_at of its last press that was no bounce.
        press_incident: The incident of that press.
    """

    zone: str
    device_id: str
    memory: Memory = Memory()
    sightings: Memory = Memory()
    site: RegistryDevice | None = None
    place: Place | None = None
    press_at: EpochMs | None = None
    press_incident: str | None = None

    @property
    def key(self) -> DeviceKey:
        """How the state finds it."""
        return self.zone, self.device_id

    @property
    def is_registered(self) -> bool:
        """Whether the registry names it here, now."""
        return self.site is not None and not self.site.removed

    @property
    def name(self) -> str:
        """Its name for people; empty for a stranger, whose name is whatever it says."""
        return self.device_id if self.is_registered else ""


class Incident(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One open incident.

    Attributes:
        incident_id: Its name.
        zone: Where it is.
        family: What it may hold together.
        hazard: What is, or may be, wrong.
        grade: How bad.
        state: Where in its life.
        place_key: The cell or the topic that it is found by; empty when only its devices find it.
        place: Where, or None.
        uncertainty_m: How far off that may be, metres, or None.
        verification_level: 0 to 4.
        score_permille: The best confidence of a detector, or None.
        chain: Who is responsible, first tier first; never empty.
        onset: When it began, by its first fact.
        first_at: Fold time of its first fact.
        last_at: Fold time of its last fact.
        expires_at: Fold time at which it ends by itself.
        revision: How many alerts it has sent.
        press_count: How often a button was pressed for it.
        devices: Which devices reported it, in the order of the log.
        cancel_requested: Those of them that took it back since their last press.
        sources: The first fact and the latest 49.
        source_count: How many facts there were.
        media: Redacted pictures.
        prior: The latest alerts, newest last, at most 10.
    """

    incident_id: str
    zone: str
    family: Family
    hazard: Hazard
    grade: Grade
    state: IncidentState
    place_key: str
    place: Place | None
    uncertainty_m: int | None
    verification_level: int
    score_permille: int | None
    chain: tuple[ChainLink, ...]
    onset: EpochMs
    first_at: EpochMs
    last_at: EpochMs
    expires_at: EpochMs
    revision: int = 0
    press_count: int = 0
    devices: tuple[str, ...] = ()
    cancel_requested: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    source_count: int = 0
    media: tuple[Media, ...] = ()
    prior: tuple[PriorAlert, ...] = ()


class TimerKind(StrEnum):
    """What happens when a timer is due."""

    EXPIRE = "expire"


class Timer(NamedTuple):
    """One thing to do later. Timers fire in the order of their fields.

    Attributes:
        due: Fold time.
        incident_id: For which incident.
        kind: What to do.
    """

    due: EpochMs
    incident_id: str
    kind: TimerKind
