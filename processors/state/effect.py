"""What a rule decides and asks the fold to change: values, and nothing that acts.

A rule reads the state and returns its decision and changes. They are applied only when it has returned
(processors/fold/apply.py), so a rule that fails has changed nothing.
"""

from typing import TypeAlias

import msgspec

from processors.state.entities import (
    Device,
    DeviceKey,
    Ended,
    FeedKey,
    Incident,
    Timer,
    Watermark,
    WatermarkKey,
)
from processors.state.event_ids import EventIdWindow
from processors.state.policy import FusionPolicy
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.enums import Reason
from schemas.units import EpochMs


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided about one input, or about one timer that was due.

    Attributes:
        reason: Why, from a closed list: safe as a metric label.
        alerts: What goes out, in order.
        result: The answer to an acknowledgement, or None.
        event_id: The input's; empty where it could not be read.
        received_at: When the fact was received, for the time from press to alert; None where there is no such time.
        detail: For the log: which field, which error. Never a record's content.
    """

    reason: Reason
    alerts: tuple[Alert, ...] = ()
    result: AckResult | None = None
    event_id: str = ""
    received_at: EpochMs | None = None
    detail: str | None = None


class PutDevice(msgspec.Struct, frozen=True, gc=False):
    """Keep a device, new or changed."""

    device: Device


class RecordHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """A registered device has sent a heartbeat."""

    key: DeviceKey
    received_at: EpochMs


class RecordReport(msgspec.Struct, frozen=True, gc=False):
    """A registered device has said something."""

    key: DeviceKey


class PutIncident(msgspec.Struct, frozen=True, gc=False):
    """Keep an incident, new or changed, and look at it when something of it is due."""

    incident: Incident


class EndIncident(msgspec.Struct, frozen=True, gc=False):
    """An incident is over and leaves the state; this is how it ended."""

    incident: Incident


class PutEnded(msgspec.Struct, frozen=True, gc=False):
    """Remember what was said of an incident that has ended."""

    incident_id: str
    ended: Ended


class PutStray(msgspec.Struct, frozen=True, gc=False):
    """Remember what was said of an incident that is not open."""

    stray_acks: EventIdWindow


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Do something later."""

    timer: Timer


class PutFeed(msgspec.Struct, frozen=True, gc=False):
    """Keep what a feed told of."""

    key: FeedKey
    event_ids: EventIdWindow


class PutWatermark(msgspec.Struct, frozen=True, gc=False):
    """A partition of a feed has told everything until now."""

    key: WatermarkKey
    watermark: Watermark


class PutPolicy(msgspec.Struct, frozen=True, gc=False):
    """This policy is in force from here on."""

    policy: FusionPolicy
    version: str
    revision: int


class CountTick(msgspec.Struct, frozen=True, gc=False):
    """This tick has been seen."""

    number: int


Change: TypeAlias = (
    PutDevice
    | RecordHeartbeat
    | RecordReport
    | PutIncident
    | EndIncident
    | PutEnded
    | PutStray
    | SetTimer
    | PutFeed
    | PutWatermark
    | PutPolicy
    | CountTick
)


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What follows from one input, or from one timer.

    Attributes:
        reason: Why, from a closed list; None where a timer found nothing left to report.
        alerts: What goes out, in order.
        changes: What the fold is to change, in order.
        result: The answer to an acknowledgement, or None.
        detail: For the log: which field, which error. Never a record's content.
    """

    reason: Reason | None
    alerts: tuple[Alert, ...] = ()
    changes: tuple[Change, ...] = ()
    result: AckResult | None = None
    detail: str | None = None

    def then(self, *others: "Effect") -> "Effect":
        """This effect followed by others; the reason and the answer stay this one's."""
        alerts, changes = list(self.alerts), list(self.changes)
        for other in others:
            alerts += other.alerts
            changes += other.changes
        return Effect(self.reason, tuple(alerts), tuple(changes), self.result, self.detail)

    def after(self, *changes: Change) -> "Effect":
        """This effect with changes that are made before its own."""
        return Effect(self.reason, self.alerts, (*changes, *self.changes), self.result, self.detail)
