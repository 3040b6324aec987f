"""The event that `callbox send` writes, and the alert that follows from it."""

from collections.abc import Mapping
from typing import Final

from callbox.terminal.printable import printable
from schemas.alert import Alert
from schemas.enums import Feed, PillarKind
from schemas.feeds import PillarEvent
from schemas.ids import fingerprint
from schemas.topics import ALERTS, MAINTENANCE, TEST_ALERTS
from schemas.units import EpochMs

FAULT_KINDS: Final = (PillarKind.TAMPER, PillarKind.BATTERY, PillarKind.MAINS, PillarKind.COMMS)
"""Kinds that begin with `active` true and are over with `active` false."""

_ID_PREFIX: Final = "callbox-send-"
"""Shows in the sources of an alert that a person sent the event by hand."""

_ALERTS_OF: Final[Mapping[PillarKind, str]] = {
    PillarKind.PRESS: ALERTS,
    PillarKind.TEST: TEST_ALERTS,
    **dict.fromkeys(FAULT_KINDS, MAINTENANCE),
}

_CONSEQUENCES: Final[Mapping[PillarKind, str]] = {
    PillarKind.PRESS: "the control room gets a red alert, and people may be sent",
    PillarKind.CANCEL: "the control room is told that the caller takes the call back",
}

REASONS_FOR_NONE: Final = (
    "It was delivered: are alarms and fusion at work, and is the clock of this machine right? A press within 3 s of "
    "another one, the same event again, and a fault that is there already have no alert of their own."
)
"""What to look at where no alert names an event."""


def pillar_event(
    device_id: str,
    *,
    kind: PillarKind,
    at: EpochMs,
    event_id: str | None = None,
    occurred_at: EpochMs | None = None,
    sequence: int | None = None,
    active: bool = True,
    exercise: bool = False,
) -> PillarEvent:
    """Make an event as a gateway does.

    Args:
        device_id: The device.
        kind: What it reports.
        at: The time of receipt, by the clock of this machine.
        event_id: Its id; None makes one, unless there is a sequence.
        occurred_at: When it happened by the device's clock; None for the time of receipt.
        sequence: The device's counter. An event that has one and no id gets its id from intake, as the events of a
            panel that counts do.
        active: False when a fault is over.
        exercise: It is part of an announced exercise.
    """
    if event_id is None and sequence is None:
        event_id = f"{_ID_PREFIX}{fingerprint(device_id, kind, at, active, exercise)}"
    return PillarEvent(
        device_id=device_id,
        kind=kind,
        occurred_at=at if occurred_at is None else occurred_at,
        received_at=at,
        event_id=event_id,
        sequence=sequence,
        active=active,
        exercise=exercise,
    )


def alert_topics(event: PillarEvent) -> tuple[str, ...]:
    """The topics on which an alert may name an event among its sources; none where no alert does.

    A press that is marked as an exercise has two: it is real once the exercise is over (docs/requirements.md, F21).
    """
    topic = _ALERTS_OF.get(event.kind)
    if event.exercise and event.kind is PillarKind.PRESS:
        return TEST_ALERTS, ALERTS
    if topic is None or (topic == MAINTENANCE and (event.exercise or not event.active)):
        return ()
    return (topic,)


def real_after_all(event: PillarEvent, topic: str) -> str | None:
    """What to say where an event of an exercise has raised a real alert; None where it has not.

    Args:
        event: The event.
        topic: The topic of the alert that names it.
    """
    if not event.exercise or topic == TEST_ALERTS:
        return None
    return (
        f"this {event.kind} counts as real, since the exercise at its device is over: tell the control room. "
        "Before another one: callbox exercise start"
    )


def names_event(alert: Alert, event: PillarEvent) -> bool:
    """Whether an event is among the sources of an alert. Without an id it is recognised by its time of receipt."""
    return any(
        source.feed is Feed.PILLARS
        and source.device_id == event.device_id
        and (
            source.received_at == event.received_at
            if event.event_id is None
            else source.event_id == event.event_id
        )
        for source in alert.sources
    )


def consequence(event: PillarEvent) -> str | None:
    """What an event means to the control room, for the question before it is sent; None where nothing is asked."""
    return None if event.exercise else _CONSEQUENCES.get(event.kind)


def describe(event: PillarEvent) -> str:
    """An event in words: `press of pillar-07`, `end of tamper of pillar-07`, `press of pillar-07 (exercise)`."""
    what = f"{event.kind} of {printable(event.device_id)}"
    return f"{'' if event.active else 'end of '}{what}{' (exercise)' if event.exercise else ''}"


def unregistered_warning(event: PillarEvent) -> str:
    """What becomes of an event whose device no registry names."""
    device = printable(event.device_id)
    if event.kind is PillarKind.PRESS:
        return f"no registry names {device}: its press raises in the zone unassigned, without a place"
    return (
        f"no registry names {device}: this {event.kind} becomes a dead letter (unknown_device), and that raises a "
        f"blue. Correct the id, or register the device: callbox registry apply"
    )
