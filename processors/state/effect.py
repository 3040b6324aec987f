"""What a rule decides and asks the fold to change. These are values; none of them acts by itself.

A rule reads the state and returns its decision and its changes. The changes are applied only after the rule has
returned (processors/fold/apply.py), so that a rule which fails has changed nothing.
"""

from typing import TypeAlias

import msgspec

from processors.state.entities import (
    Area,
    AreaKey,
    ClockReading,
    ClosedFault,
    Device,
    DeviceKey,
    EndedIncident,
    Exercise,
    FaultKey,
    FeedKey,
    Incident,
    LastReport,
    Timer,
    Watermark,
)
from processors.state.event_ids import EventIdWindow
from processors.state.policy import FusionPolicy
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.enums import Reason
from schemas.fusion_log import MaintenanceWindow
from schemas.units import EpochMs


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided about one input, or about one timer that was due.

    Attributes:
        reason: Why, from a closed list: safe as a metric label.
        alerts: The alerts to publish, in order.
        result: The answer to an acknowledgement, or None.
        event_id: The input's event id; empty where the input could not be read.
        detail: For the application's log: which field, which error. It never holds a record's content.
        bounded: The fields of the input that were not within their bounds, as `Record.field`.
    """

    reason: Reason
    alerts: tuple[Alert, ...] = ()
    result: AckResult | None = None
    event_id: str = ""
    detail: str | None = None
    bounded: tuple[str, ...] = ()


class PutDevice(msgspec.Struct, frozen=True, gc=False):
    """Store a device, new or changed."""

    device: Device


class RecordReport(msgspec.Struct, frozen=True, gc=False):
    """Record a sign of life of a registered device."""

    key: DeviceKey
    report: LastReport


class PutIncident(msgspec.Struct, frozen=True, gc=False):
    """Store an incident, new or changed, and set timers for its due times."""

    incident: Incident


class EndIncident(msgspec.Struct, frozen=True, gc=False):
    """Remove an incident that is over; the value given here is its final form."""

    incident: Incident


class PutEnded(msgspec.Struct, frozen=True, gc=False):
    """Replace what is kept of an ended incident: its acknowledgements."""

    incident_id: str
    ended: EndedIncident


class PutUnmatchedAck(msgspec.Struct, frozen=True, gc=False):
    """Remember an acknowledgement that matched no open incident."""

    name: str
    received_at: EpochMs


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Set a timer."""

    timer: Timer


class PutFeed(msgspec.Struct, frozen=True, gc=False):
    """Store the window of occurrences that a feed has reported."""

    key: FeedKey
    event_ids: EventIdWindow


class PutWatermarks(msgspec.Struct, frozen=True, gc=False):
    """Store watermarks of a feed's partitions: everything before them has been reported. None forgets a partition."""

    topic: str
    marks: tuple[tuple[int, Watermark | None], ...]


class PutArea(msgspec.Struct, frozen=True, gc=False):
    """Store what is known of one fault of many devices; None forgets it."""

    key: AreaKey
    area: Area | None


class PutClosedFault(msgspec.Struct, frozen=True, gc=False):
    """Remember that a person has closed a fault that goes on; None forgets it."""

    key: FaultKey
    closed: ClosedFault | None


class PutWindow(msgspec.Struct, frozen=True, gc=False):
    """Store planned work; None forgets it."""

    window_id: str
    window: MaintenanceWindow | None


class PutExercise(msgspec.Struct, frozen=True, gc=False):
    """Store an exercise; None forgets it."""

    key: str
    exercise: Exercise | None


class PutClock(msgspec.Struct, frozen=True, gc=False):
    """Store how the clock of a writer of the log compares with the broker's; None forgets it."""

    writer: str
    reading: ClockReading | None


class ExpectFeeds(msgspec.Struct, frozen=True, gc=False):
    """Replace the feeds that should be read."""

    revision: int
    topics: tuple[str, ...]


class PutPolicy(msgspec.Struct, frozen=True, gc=False):
    """Put a policy into force from here on."""

    policy: FusionPolicy
    version: str
    revision: int


class CountTick(msgspec.Struct, frozen=True, gc=False):
    """Record the number of the latest tick, so that a copy of it changes nothing, and when it was appended."""

    number: int
    append_ms: EpochMs


Change: TypeAlias = (
    PutDevice
    | RecordReport
    | PutIncident
    | EndIncident
    | PutEnded
    | PutUnmatchedAck
    | SetTimer
    | PutFeed
    | PutWatermarks
    | PutArea
    | PutClosedFault
    | PutWindow
    | PutExercise
    | PutClock
    | ExpectFeeds
    | PutPolicy
    | CountTick
)


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What follows from one input, or from one timer.

    Attributes:
        reason: Why, from a closed list; None where a timer had nothing to report.
        alerts: The alerts to publish, in order.
        changes: What the fold is to change, in order.
        result: The answer to an acknowledgement, or None.
        detail: For the application's log: which field, which error. It never holds a record's content.
    """

    reason: Reason | None
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    result: AckResult | None = None
    detail: str | None = None

    def then(self, *others: "Effect") -> "Effect":
        """This effect followed by others. Reason, result and detail are those of this effect."""
        alerts, changes = list(self.alerts), list(self.changes)
        for other in others:
            alerts += other.alerts
            changes += other.changes
        return Effect(self.reason, tuple(alerts), tuple(changes), self.result, self.detail)

    def after(self, *changes: Change) -> "Effect":
        """This effect with further changes, which are made before its own."""
        return Effect(self.reason, self.alerts, (*changes, *self.changes), self.result, self.detail)
