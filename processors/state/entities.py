"""The entities that the fold keeps: devices, incidents, timers. They are values: replaced, never changed in place.

A snapshot writes each entity as an array, so a field that is added, removed or moved needs a new FORMAT_VERSION
(processors/fold/upcasting.py).
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from processors.state.event_ids import EventIdWindow
from processors.state.geometry import Place
from processors.state.record_loss import RecordLoss
from schemas.alert import PriorAlert, Source
from schemas.enums import AckAction, Family, Feed, Grade, Hazard, IncidentState, Status
from schemas.fusion_log import Media
from schemas.registry import ChainLink, RegistryDevice
from schemas.units import EpochMs, Mm

DeviceKey: TypeAlias = tuple[str, str]
"""Zone and device id. A device that moves to another zone is a different device there."""

FeedKey: TypeAlias = tuple[str, str, str]
"""Zone, feed and topic."""

FaultKey: TypeAlias = tuple[str, str]
"""Zone and fault: the hazard and the device or feed that has it."""

AreaKey: TypeAlias = tuple[str, Hazard]
"""Zone and fault, for a fault of many devices at once; the zone is empty for a fault of several zones."""

PlaceKey: TypeAlias = tuple[str, Family, str]
"""Zone, hazard family and place: the duplicate key without the time. The place is a cell, the topic of a feed, or for
a fault the hazard and the device that has it."""

WatermarkKey: TypeAlias = tuple[str, int]
"""Topic and partition of a feed."""


class FaultReport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a device has reported last about one of its faults.

    Attributes:
        hazard: The fault.
        received_at: When it was reported, in the order of the device's own reports; an older report changes nothing.
        active: Whether the fault was there.
    """

    hazard: Hazard
    received_at: EpochMs
    active: bool


class LastReport(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last sign of life of a registered device.

    Attributes:
        at: Stream time at which it came.
        received_at: received_at of the last report in the order of the log, whatever the clocks say.
        recent: Checksums of its latest heartbeats, four bytes each, newest last, by which a copy is recognised.
        doubtful: The report is older than an earlier one: it came out of a buffer, or a clock has been set back.
        behind_ms: How far the gateway's clock has been set back since, milliseconds: added to a received_at, it gives
            a time that rises with the order of the reports.
    """

    at: EpochMs
    received_at: EpochMs
    recent: bytes = b""
    doubtful: bool = False
    behind_ms: int = 0


class Device(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One device of one zone, registered or not.

    Attributes:
        zone: The zone it belongs to.
        device_id: Its id.
        event_ids: The window of its pillar events, without presses and heartbeats.
        camera_event_ids: The window of its camera observations. It is separate from `event_ids`, so that an
            observation never makes a press with the same id look like a duplicate.
        site: Its registry record; None for an unregistered device.
        place: Where it is, or was before it was removed; None for an unregistered device, and for a position that is
            not on Earth.
        press_at: received_at of its last press that was no bounce.
        press_incident: The incident of that press.
        since: Stream time from which it is supervised: when the registry first listed it here.
        silent_since: Stream time of its last report, once it has been found silent; None otherwise.
        closed_at: Stream time at which its contact closed, or None while it is open or not known.
        is_stuck: Its contact has been closed for too long, and that has been reported.
        test_due: Stream time by which its next scheduled test must have arrived, or None.
        help_mm: Distance to the nearest response point, millimetres, or None where there is none.
        press_ids: The window of its presses. It is separate from `event_ids`, so that no other report of the device
            makes a press look like a copy.
        press_seen_at: Stream time of its last press that was no bounce.
        faults: What it has reported last about each of its faults.
        press_occurred_at: When the last press that was no bounce happened, by its device's clock, or None where that
            was not to be believed.
        settles_at: Stream time until which a gateway that has reported again waits for the devices behind it, or None.
        other_source_ids: The window of its events that came from another source than the registry binds it to.
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
    press_ids: EventIdWindow = EventIdWindow()
    press_seen_at: EpochMs | None = None
    faults: tuple[FaultReport, ...] = ()
    settles_at: EpochMs | None = None
    press_occurred_at: EpochMs | None = None
    other_source_ids: EventIdWindow = EventIdWindow()

    @property
    def key(self) -> DeviceKey:
        """The key under which the state keeps it."""
        return self.zone, self.device_id

    @property
    def is_registered(self) -> bool:
        """Whether the registry lists it in this zone now."""
        return self.site is not None and not self.site.removed

    @property
    def name(self) -> str:
        """Its name for alert texts; empty for one that no registry has named, because anybody can make up its id."""
        return self.device_id if self.site is not None else ""

    @property
    def gateway(self) -> DeviceKey | None:
        """The gateway through which it reports, or None."""
        site = self.site
        return None if site is None or site.gateway is None else (self.zone, site.gateway)


class PendingAction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one person has asked for, and what is done if another one asks for it too.

    Attributes:
        action: What.
        person: Tells the person apart from others (processors/rules/second_person.py).
        until: Stream time until which it counts.
        joined_revision: Of the incident when it was asked for; another one means that something has joined since.
        alarm_revision: The same of its latest alarm.
        units: The units that the person's organisation answers for; empty where nobody vouches for it.
    """

    action: AckAction
    person: str
    until: EpochMs
    joined_revision: int
    alarm_revision: int
    units: tuple[str, ...] = ()


class Incident(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One open incident.

    Attributes:
        incident_id: Its id.
        zone: Its zone.
        family: The hazard family whose facts may join it.
        hazard: What is, or may be, wrong.
        grade: How severe it is.
        state: Its state in the life cycle (processors/incident/lifecycle.py).
        place_key: The cell, topic or fault under which it is indexed; empty where only its devices lead to it.
        place: Where it is, or None.
        uncertainty_m: How far off `place` may be, metres, or None.
        verification_level: 0 to 4.
        score_permille: The highest confidence of a detector, 0 to 1000, or None.
        chain: The responsible units, first tier first; never empty.
        onset: When it began, by its first fact.
        first_at: Stream time of its first fact.
        last_at: Stream time of its last fact.
        expires_at: Stream time at which it ends by itself.
        revision: How many alerts have been issued for it.
        press_count: How often a button was pressed for it.
        devices: The devices that reported it, in the order of the log.
        cancel_requested: Those of `devices` that have asked to cancel it since their last press.
        sources: The first fact and the latest 49.
        source_count: How many facts there were.
        media: Redacted pictures.
        prior: The latest alerts, newest last, at most 10.
        status: Actual or Exercise; facts of one never join an incident of the other.
        device_name: The device that reported it first, for the texts; empty for an unregistered device.
        tier: Index in `chain` of the unit that is asked now.
        feeds: The feeds whose facts it rests on, in the order of the log.
        related: Other incidents at its place.
        target_response_s: How soon somebody should be there, seconds, or None.
        alarm_revision: The revision of the latest alert that made it urgent. An answer that was given without having
            seen that revision is rejected.
        acks: The window of its acknowledgements.
        active: The condition persists, as far as the device reports.
        cycles: Recent stream times at which the condition cleared.
        grade_changes: Recent stream times at which its grade changed.
        flapping: The condition alternates. This is reported once; nothing more is reported until it is stable.
        ack_by: Stream time by which somebody must have acknowledged, or None; so are the times below.
        hold_until: When a candidate is raised.
        escalate_at: When the next tier is asked.
        notify_at: When the reminder is issued.
        stale_at: When the acknowledgement no longer counts.
        resolve_at: When it closes by itself.
        shelved_until: When shelving, or being out of service, ends.
        calm_at: When flapping ends.
        raised_at: Stream time of its first alert, or None while none has been issued.
        told_at: Stream time of its latest alert, or None while none has been issued.
        joined_revision: The revision of the latest alert by which a device, a feed or a press joined. Who judges the
            incident must have seen it.
        call_revision: The revision of the latest alert by which a caller asked for an answer of their own.
        reminders: How many reminders have been issued since it was raised or cleared.
        returns: Recent stream times at which the condition came back.
        cleared_by_person: A person has said that it is over.
        untold: Facts that have joined since the latest alert and are to be told.
        place_device: The device at whose place the incident is; empty where there is no place.
        is_planned: It is held because work on its device is planned.
        loss: The records that it is about, where they were never read; None otherwise.
        organisation_acks: The window of the acknowledgements of each organisation that the broker vouches for; all
            others are in `acks`.
        pending: What one person has asked for and a second one has not yet, at most one of each action.
        lowered_from_red: A person has lowered its grade from red.
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
    told_at: EpochMs | None = None
    joined_revision: int = 0
    call_revision: int = 0
    reminders: int = 0
    returns: tuple[EpochMs, ...] = ()
    cleared_by_person: bool = False
    untold: int = 0
    place_device: str = ""
    is_planned: bool = False
    loss: RecordLoss | None = None
    organisation_acks: tuple[tuple[str, EventIdWindow], ...] = ()
    pending: tuple[PendingAction, ...] = ()
    lowered_from_red: bool = False


class EndedIncident(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of an incident that is over: enough to answer acknowledgements that still arrive for it.

    Attributes:
        state: The state in which it ended.
        acks: The window of its acknowledgements.
        organisation_acks: As of the incident.
    """

    state: IncidentState
    acks: EventIdWindow = EventIdWindow()
    organisation_acks: tuple[tuple[str, EventIdWindow], ...] = ()


class Watermark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The time up to which a partition of a feed has been reported completely.

    Attributes:
        at: By the worker's clock; it only rises.
        reported_at: Stream time at which the fold received it.
        since: Stream time since which the partition has been read without a hole.
        doubt: The time of a watermark that is older than `at`, and the stream time at which it came; None where there
            was none. Another one in step with it shows that the clock of the writer has been set back.
    """

    at: EpochMs
    reported_at: EpochMs
    since: EpochMs = EpochMs(0)
    doubt: tuple[EpochMs, EpochMs] | None = None


class Area(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One fault of many devices of a zone at the same time (docs/requirements.md, F17).

    Attributes:
        recent: The sites and devices that got the fault within the last minute: when, which, and how many devices that
            are; the latest last.
        active: How many devices have the fault now and no incident of their own; of several zones, how many zones.
        told: How many devices there were when the incident was told last.
        is_open: The devices have one incident in common.
        judged_at: Stream time at which it was judged last.
        is_wide: Its devices have that incident in common with those of other zones.
        looked_at: Stream time at which somebody looked for devices that are about to be silent too.
    """

    recent: tuple[tuple[EpochMs, str, int], ...] = ()
    active: int = 0
    told: int = 0
    is_open: bool = False
    judged_at: EpochMs = EpochMs(0)
    is_wide: bool = False
    looked_at: EpochMs = EpochMs(0)


class ClosedFault(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fault that goes on although a person has closed its incident.

    Attributes:
        incident_id: The incident that was closed.
        again_at: Stream time at which it is told again, if it still goes on.
    """

    incident_id: str
    again_at: EpochMs


class Exercise(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An exercise of a zone that was announced, or of one site or device whose reports say so.

    Attributes:
        ends_at: Stream time from which its reports are taken for real.
        last_at: Stream time of the latest report that belongs to it, and at least its end once it is over.
        revision: Of the announcement; 0 where there was none.
        is_over: Its end has been told.
        device_id: The device by which it was noticed; empty where it was announced.
    """

    ends_at: EpochMs
    last_at: EpochMs
    revision: int = 0
    is_over: bool = False
    device_id: str = ""


class ClockReading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The clock of a writer of the log beside the broker's.

    Attributes:
        since: Stream time since which the two have differed; of a worker's own notice, the time of the latest.
        is_told: The difference has an incident.
    """

    since: EpochMs
    is_told: bool = False


class TimerKind(StrEnum):
    """What happens when a timer is due."""

    # Timers of an incident
    CALM = "calm"
    ESCALATE = "escalate"
    EXPIRE = "expire"
    HOLD = "hold"
    NOTIFY = "notify"
    RESOLVE = "resolve"
    SECOND_PERSON = "second_person"
    STALE = "stale"
    UNSHELVE = "unshelve"
    # Timers of a device
    SILENCE = "silence"
    STUCK = "stuck"
    TEST_DUE = "test_due"
    SETTLE = "settle"
    # Timers of a feed
    FEED_SILENCE = "feed_silence"
    # Timers of a zone
    AGAIN = "again"
    AREA = "area"
    EXERCISE = "exercise"


class Timer(NamedTuple):
    """One check to make later. Timers fire in the order of their fields.

    Attributes:
        due: Stream time of the check, never later than the actual due time, which the incident holds or which follows
            from the device.
        subject: The incident's id; a device's zone, a slash and its id; a feed's topic; for the timers of a zone the
            zone, a slash and the fault, the hazard or the device.
        kind: What to do.
    """

    due: EpochMs
    subject: str
    kind: TimerKind


def device_subject(key: DeviceKey) -> str:
    """The subject of a device's timers. No zone of a registry contains a slash."""
    return f"{key[0]}/{key[1]}"
