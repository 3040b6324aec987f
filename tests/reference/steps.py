"""What arrives, in the words of the field: steps that a log is made of, each at its append time."""

from typing import Any, NamedTuple

import msgspec

from schemas.enums import AckAction, AckReason, Disposition, Grade, PillarKind
from schemas.units import EpochMs


class Report(NamedTuple):
    """A report of a pillar, as its gateway sends it.

    Attributes:
        device_id: The pillar.
        kind: What it reports.
        occurred_ms: By its own clock, which may lie.
        received_ms: By its gateway's clock, which may lie.
        event_id: The source's own id, or None.
        sequence: The device's counter, or None.
        active: False when a fault is over.
        exercise: It is part of an exercise.
        feed_ms: When the broker appended it to the feed; equal for the copy of a second forwarder.
        place: Its offset in the feed; equal for the copy of a second forwarder.
    """

    device_id: str
    kind: PillarKind
    occurred_ms: int
    received_ms: int
    feed_ms: int
    place: int
    event_id: str | None = None
    sequence: int | None = None
    active: bool = True
    exercise: bool = False


class Answer(NamedTuple):
    """An acknowledgement. Which incident it is about is chosen when it is reached.

    Attributes:
        pick: 0 is the incident that was told of last, 1 the one before, and so on; -1 is one that nobody knows.
        action: What is done.
        ack_id: Its id.
        behind: How many revisions older than the newest it names; None names none; below 0 is not out yet.
        age_ms: How long it was on its way.
        has_actor: Whether it says who.
    """

    pick: int
    action: AckAction
    ack_id: str
    behind: int | None = None
    reason: AckReason | None = None
    disposition: Disposition | None = None
    grade: Grade | None = None
    shelve_s: int | None = None
    note: str | None = None
    age_ms: int = 0
    has_actor: bool = True


class Second(NamedTuple):
    """A tick. The drive numbers it.

    Attributes:
        writer_ms: By its writer's clock.
    """

    writer_ms: int


class Fact(NamedTuple):
    """Any other record of the log, as it is."""

    record: msgspec.Struct


class Step(NamedTuple):
    """One input.

    Attributes:
        at: When the broker appends it to the log.
        what: What arrives.
        honest_at: When it was appended in truth, where `at` is wrong; else None.
    """

    at: EpochMs
    what: Report | Answer | Second | Fact
    honest_at: EpochMs | None = None


def describe(step: Step, start: int) -> str:
    """One line for people: the second, and what differs from the defaults."""
    what = step.what
    lie = "" if step.honest_at is None else f" (in truth {(step.honest_at - start) / 1000:g})"
    if isinstance(what, Second):
        off = what.writer_ms - (step.honest_at or step.at)
        text = "tick" + (f" writer {off / 1000:+g} s" if off else "")
    elif isinstance(what, Report):
        times = (
            f"occurred {(what.occurred_ms - start) / 1000:g}, received {(what.received_ms - start) / 1000:g}"
        )
        extra = _rest(what, {"device_id", "kind", "occurred_ms", "received_ms", "feed_ms", "place"})
        text = f"{what.device_id} {what.kind.value} {times}{extra}"
    elif isinstance(what, Answer):
        text = f"{what.action.value}{_rest(what, {'action'})}"
    else:
        text = repr(what.record)
    return f"{(step.at - start) / 1000:9.3f} {text}{lie}"


def _rest(what: Any, without: set[str]) -> str:
    defaults = type(what)._field_defaults
    pairs = zip(what._fields, what, strict=True)
    shown = [
        f"{name}={value!r}"
        for name, value in pairs
        if name not in without and value != defaults.get(name, ...)
    ]
    return f" [{', '.join(shown)}]" if shown else ""
