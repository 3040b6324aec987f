"""What the fold keeps: devices, incidents, timers. Values: replaced, never changed.

Written as arrays in a snapshot: a field more, less or moved is a new FORMAT_VERSION (processors/fold/upcasting.py).
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from processors.state.event_ids import EventIdWindow
from processors.state.geometry import Place
from schemas.alert import PriorAlert, Source
from schemas.enums import Family, Feed, Grade, Hazard, IncidentState, Status
from schemas.fusion_log import Media
from schemas.registry import ChainLink, RegistryDevice
from schemas.units import EpochMs, Mm

DeviceKey: TypeAlias = tuple[str, str]
"""Zone and device id: a device that moves is another one in its new zone."""

FeedKey: TypeAlias = tuple[str, str, str]
"""Zone, feed and topic."""

PlaceKey: TypeAlias = tuple[str, Family, str]
"""Zone, hazard family and place: the duplicate key without the time. A place is a cell, the topic of a feed, or for a
fault the hazard and who has it."""

WatermarkKey: TypeAlias = tuple[str, int]
"""Topic and partition of a feed."""


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
        since: Fold time from which it is supervised: when the registry named it here.
        silent_since: Fold time of its last word when it was found silent, or None.
        closed_at: Fold time at which its contact closed, or None while it is open or not known.
        is_stuck: Its contact is closed for too long, and that was told.
        test_due: Fold time by which its next scheduled test must have come, or None.
        help_mm: How far the nearest response point is, or None where there is none.
    """

    zone: str
    device_id: str
    event_ids: EventIdWindow = EventIdWindow()
    camera_event_ids: EventIdWindow = EventIdWindow()
    site: RegistryDevice | None = None
    place: Place | None = None
    press_at: EpochMs | None = None
    press_incident: str | None = None
    since: EpochMs = EpochMs(0)
    silent_since: EpochMs | None = None
    closed_at: EpochMs | None = None
    is_stuck: bool = False
    test_due: EpochMs | None = None
    help_mm: Mm | None = None

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

    @property
    def gateway(self) -> DeviceKey | None:
        """The gateway that it speaks through."""
        site = self.site
        return None if site is None or site.gateway is None else (self.zone, site.gateway)


class Incident(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One open incident.

    Attributes:
        incident_id: Its name.
        zone: Where it is.
        family: What it may hold together.
        hazard: What is, or may be, wrong.
        grade: How bad.
        state: Where in its life.
        place_key: The cell, topic or fault that it is found by; empty when only its devices find it.
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
        status: Actual or Exercise: the two never meet.
        device_name: Who reported first, for the texts; empty for a stranger.
        tier: Who of the chain is asked now.
        feeds: The feeds that it rests on, in the order of the log.
        related: Other incidents at its place.
        target_response_s: How soon somebody should be there, seconds, or None.
        alarm_revision: The revision of the alert that made it urgent last: whoever has not seen it, cannot answer it.
        acks: What people said of it.
        active: What is wrong is still wrong, as far as the device tells.
        cycles: Fold times at which it went away, of late.
        grade_changes: Fold times at which its grade changed, of late.
        flapping: It comes and goes: told once, then silence until it is calm.
        ack_by: Somebody must have acknowledged by then, or None.
        hold_until: A candidate is raised then.
        escalate_at: The next tier is asked then.
        notify_at: It is said again then.
        stale_at: The acknowledgement is worth nothing then.
        resolve_at: It closes by itself then.
        shelved_until: Shelving, or being out of service, ends then.
        calm_at: Flapping ends then.
        raised_at: Fold time of its first alert, or None while nobody has heard of it.
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
    status: Status = Status.ACTUAL
    device_name: str = ""
    tier: int = 0
    feeds: tuple[Feed, ...] = ()
    related: tuple[str, ...] = ()
    target_response_s: int | None = None
    alarm_revision: int = 0
    acks: EventIdWindow = EventIdWindow()
    active: bool = True
    cycles: tuple[EpochMs, ...] = ()
    grade_changes: tuple[EpochMs, ...] = ()
    flapping: bool = False
    ack_by: EpochMs | None = None
    hold_until: EpochMs | None = None
    escalate_at: EpochMs | None = None
    notify_at: EpochMs | None = None
    stale_at: EpochMs | None = None
    resolve_at: EpochMs | None = None
    shelved_until: EpochMs | None = None
    calm_at: EpochMs | None = None
    raised_at: EpochMs | None = None


class Ended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of an incident that is over: enough to answer whoever still speaks of it.

    Attributes:
        state: How it ended.
        acks: What people said of it.
    """

    state: IncidentState
    acks: EventIdWindow = EventIdWindow()


class Watermark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far a feed has told everything.

    Attributes:
        at: By the worker's clock; it only rises.
        heard_at: Fold time at which it was told.
    """

    at: EpochMs
    reported_at: EpochMs


class TimerKind(StrEnum):
    """What happens when a timer is due."""

    # of an incident
    CALM = "calm"
    ESCALATE = "escalate"
    EXPIRE = "expire"
    HOLD = "hold"
    NOTIFY = "notify"
    RESOLVE = "resolve"
    STALE = "stale"
    UNSHELVE = "unshelve"
    # of a device
    SILENCE = "silence"
    STUCK = "stuck"
    TEST_DUE = "test_due"
    # of a feed
    FEED_SILENCE = "feed_silence"


class Timer(NamedTuple):
    """One thing to do later. Timers fire in the order of their fields.

    Attributes:
        due: Fold time: not later than what is due, which stands in the incident or follows from the device.
        subject: The incident's id; a device's zone, a slash and its id; a feed's topic, a slash and the partition.
        kind: What to do.
    """

    due: EpochMs
    subject: str
    kind: TimerKind


def device_subject(key: DeviceKey) -> str:
    """How timers name a device. No zone of a registry has a slash in it."""
    return f"{key[0]}/{key[1]}"
