"""Intake of pillar events: it gives each event an id and trusted times, and wraps it in the log's envelope.

An event that decodes is never refused for its content, except for a kind that this release does not know.
"""

from processors.intake.envelope import envelope
from schemas.enums import Feed, InputKind, PillarKind
from schemas.errors import Cause, DecodeError
from schemas.feeds import PillarEvent
from schemas.fusion_log import FusionInput, PillarFact
from schemas.ids import bounded_id, fingerprint
from schemas.units import DAY_MS, SECOND_MS, EpochMs

AHEAD_MS = 20 * SECOND_MS
"""SIA DC-09: a time stamp may be 20 s in the future."""

BEHIND_MS = DAY_MS
"""An older time is replaced, even if the gateway was disconnected for longer than this."""


def trusted_times(
    occurred_at: EpochMs, received_at: EpochMs, appended_at: EpochMs
) -> tuple[EpochMs, EpochMs, bool]:
    """Replace impossible times.

    Args:
        occurred_at: By the device's clock.
        received_at: By the gateway's clock; possible in [appended_at - 24 h, appended_at + 20 s].
        appended_at: By the broker's clock.

    Returns:
        occurred_at, or received_at where it lies outside [received_at - 24 h, received_at + 20 s]; received_at, or
        appended_at; and whether either was replaced.
    """
    received = received_at if _is_possible(received_at, appended_at) else appended_at
    occurred = occurred_at if _is_possible(occurred_at, received) else received
    return occurred, received, occurred != occurred_at or received != received_at


def intake(event: PillarEvent, appended_at: EpochMs, *, place: str = "", source: str = "") -> PillarFact:
    """Convert a pillar's event into a fact.

    Args:
        event: The event as the pillar or its gateway sent it.
        appended_at: When the broker appended it. A second forwarder makes the same fact of it, since this is equal.
        place: Its topic, partition and offset (`record_place`); a part of the id that is derived where received_at is
            impossible.
        source: The gateway in whose own topic it came; empty for the shared one.

    Raises:
        DecodeError: The event is of a kind that this release does not know (Cause.INVALID_FIELD).
    """
    if event.kind is PillarKind.UNKNOWN:
        raise DecodeError("PillarEvent: kind is unknown", Cause.INVALID_FIELD)
    occurred_at, received_at, suspect = trusted_times(event.occurred_at, event.received_at, appended_at)
    return PillarFact(
        event_id=bounded_id(event.event_id) if event.event_id else _derived_id(event, appended_at, place),
        device_id=bounded_id(event.device_id),
        kind=event.kind,
        occurred_at=occurred_at,
        received_at=received_at,
        clock_suspect=suspect,
        active=event.active,
        exercise=event.exercise,
        source=source,
    )


def bare_press(event: PillarEvent, appended_at: EpochMs, *, place: str, source: str = "") -> PillarFact:
    """A press made from what the broker alone knows of it, for a press on which `intake` fails.

    Args:
        event: The press.
        appended_at: When the broker appended it.
        place: Its place (`record_place`), from which the id is made.
        source: As of `intake`.
    """
    return PillarFact(
        event_id=fingerprint("press-at", place),
        device_id=bounded_id(event.device_id),
        kind=PillarKind.PRESS,
        occurred_at=appended_at,
        received_at=appended_at,
        clock_suspect=True,
        exercise=event.exercise,
        source=source,
    )


def to_input(fact: PillarFact, zone: str) -> FusionInput:
    """Put a fact into the log's envelope; `zone` is the record's key."""
    return envelope(InputKind.PILLAR_EVENT, fact.event_id, zone, fact)


def record_place(topic: str, partition: int, offset: int) -> str:
    """A record's place in its topic, as a part of ids: equal when the record is read again, but not on a resend."""
    return f"{topic}/{partition}/{offset}"


def replaced_receipt(received_at: EpochMs, appended_at: EpochMs, place: str) -> tuple[str, ...]:
    """What a derived id names besides the content of a record whose received_at is impossible; else nothing.

    A gateway whose clock is dead sends the same received_at with every record. There the record's place tells two of
    them apart. The price: a resend of such a gateway has another place, and counts as a record of its own.

    Args:
        received_at: As it was sent.
        appended_at: When the broker appended the record.
        place: The record's place; the append time stands for it where it is empty.
    """
    return () if _is_possible(received_at, appended_at) else (place or str(appended_at),)


def _derived_id(event: PillarEvent, appended_at: EpochMs, place: str) -> str:
    """The id of an event whose source gives none; equal on a resend, because that repeats received_at.

    It names everything that tells two events of one device apart. Neither the device's clock nor its counter does so
    alone: clocks stop, are reset or have minutes only, and counters start again.
    """
    return fingerprint(
        Feed.PILLARS,
        event.device_id,
        event.kind,
        int(event.active),
        int(event.exercise),
        event.occurred_at,
        "" if event.sequence is None else event.sequence,
        event.received_at,
        *replaced_receipt(event.received_at, appended_at, place),
    )


def _is_possible(at: EpochMs, by: EpochMs) -> bool:
    return by - BEHIND_MS <= at <= by + AHEAD_MS
