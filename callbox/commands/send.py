"""`callbox send`: write one event of a device into the pillar feed, as its gateway does, to commission it.

options ─► warning, question ─► alarm.pillar-event.v1 ─► (alarms, fusion) ─► the alert that names the event
"""

from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import Any, Final

import click

from callbox.invocation import Invocation
from callbox.send.delivery import at_intervals, deliver_event, feed_topic_of, wait_for_alert
from callbox.send.event import (
    FAULT_KINDS,
    REASONS_FOR_NONE,
    alert_topics,
    consequence,
    describe,
    pillar_event,
    real_after_all,
    unregistered_warning,
)
from callbox.terminal.printable import echo, printable
from callbox.terminal.times import parse_span, parse_time
from schemas.enums import PillarKind
from schemas.errors import AnswerMissing
from schemas.feeds import PillarEvent
from schemas.ids import ID_LENGTH
from schemas.topics import PILLAR_EVENTS
from schemas.units import EpochMs
from streams.clock import monotonic, now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.reader import Follower, Start

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

_WAIT_S: Final = (
    10.0  # an alert takes well below a second (docs/measurements.md); a worker may just be starting
)


def _id(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Check an id: it must be printable, and no longer than intake leaves it."""
    if value is not None and not (value.strip() and value.isprintable() and len(value) <= ID_LENGTH):
        raise click.BadParameter(f"{value!r}, allowed are 1 to {ID_LENGTH} characters that can be read")
    return value


def _time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> EpochMs | None:
    """Parse a time."""
    try:
        return None if value is None else parse_time(value, now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _span(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Parse a time span, in seconds."""
    try:
        return None if value is None else parse_span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_CONTENT: Final = (
    click.argument("device_id", metavar="DEVICE", callback=_id),
    click.option("--event-id", callback=_id, metavar="ID", help="Its id; else one is made."),
    click.option(
        "--occurred-at",
        callback=_time,
        metavar="TIME",
        help="When, by the device's clock: RFC 3339, or -90s, -5m, -2h, -1d. Else now.",
    ),
    click.option(
        "--sequence",
        type=click.IntRange(0, (1 << 63) - 1),
        metavar="N",
        help="The device's counter; without --event-id the event has no id of its own then.",
    ),
)
_EXERCISE: Final = click.option("--exercise", is_flag=True, help="Part of an announced exercise.")
_YES: Final = click.option("--yes", is_flag=True, help="Do not ask.")


def _wait(default_s: float) -> Decorator:
    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0),
        default=default_s,
        show_default=True,
        metavar="SECONDS",
        help="How long for the alert that names it; 0 does not wait.",
    )


def _with(*options: Decorator) -> Decorator:
    """Add options to a command, in their order."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group("send")
def send_group() -> None:
    """Write events of a device into the pillar feed, as its gateway does."""


@send_group.command("press")
@_with(*_CONTENT, _EXERCISE, _YES, _wait(_WAIT_S))
@click.pass_obj
def _press(invocation: Invocation, /, *, yes: bool, wait_s: float, **content: Any) -> None:
    """Send a press of DEVICE: it is real and raises a red, unless an exercise goes on."""
    _send(invocation, partial(pillar_event, kind=PillarKind.PRESS, **content), yes=yes, wait_s=wait_s)


@send_group.command("test")
@_with(*_CONTENT, _wait(_WAIT_S))
@click.pass_obj
def _test(invocation: Invocation, /, *, wait_s: float, **content: Any) -> None:
    """Send a test press of DEVICE: one alert with status Test, on the topic of tests."""
    _send(invocation, partial(pillar_event, kind=PillarKind.TEST, **content), wait_s=wait_s)


@send_group.command("release")
@_with(*_CONTENT, _EXERCISE)
@click.pass_obj
def _release(invocation: Invocation, /, **content: Any) -> None:
    """Send that the button of DEVICE is released."""
    _send(invocation, partial(pillar_event, kind=PillarKind.RELEASE, **content))


@send_group.command("cancel")
@_with(*_CONTENT, _EXERCISE, _YES)
@click.pass_obj
def _cancel(invocation: Invocation, /, *, yes: bool, **content: Any) -> None:
    """Send that the caller at DEVICE takes the call back: a red stays open and says so."""
    _send(invocation, partial(pillar_event, kind=PillarKind.CANCEL, **content), yes=yes)


@send_group.command("heartbeat")
@click.argument("device_id", metavar="DEVICE", callback=_id)
@click.option("--every", "every_s", callback=_span, metavar="TIME", help="Again and again: 20s, 5m, 1h.")
@click.option("--count", "times", type=click.IntRange(min=1), metavar="N", help="End after N; with --every.")
@click.pass_obj
def _heartbeat(invocation: Invocation, device_id: str, *, every_s: int | None, times: int | None) -> None:
    """Send a heartbeat of DEVICE, once or regularly. A dead device looks alive meanwhile."""
    if every_s is None and times is not None:
        raise click.UsageError("--count goes with --every")
    make, kafka = partial(pillar_event, device_id, kind=PillarKind.HEARTBEAT), invocation.config.kafka
    feed = _prepare(kafka, make(at=now_ms()), yes=False)
    with suppress(KeyboardInterrupt):  # the usual way to end it
        for _ in at_intervals(every_s or 0, 1 if every_s is None else times):
            _deliver(kafka, make(at=now_ms()), feed)


def _add_fault(kind: PillarKind) -> None:
    """Add the command that sends one kind of fault."""

    @send_group.command(kind.value, help=f"Send that the fault {kind.value} of DEVICE has begun, or is over.")
    @_with(*_CONTENT, click.option("--over", is_flag=True, help="The fault is over."), _EXERCISE, _wait(0.0))
    @click.pass_obj
    def fault(invocation: Invocation, /, *, over: bool, wait_s: float, **content: Any) -> None:
        if wait_s and (over or content["exercise"]):
            raise click.UsageError("no alert names the end of a fault, or a fault in an exercise: no --wait")
        _send(invocation, partial(pillar_event, kind=kind, active=not over, **content), wait_s=wait_s)


for _kind in FAULT_KINDS:
    _add_fault(_kind)


def _send(
    invocation: Invocation, make: Callable[..., PillarEvent], *, yes: bool = False, wait_s: float = 0
) -> None:
    """Send an event; wait for its alert if asked to.

    Args:
        invocation: The call of the command line.
        make: Makes the event of `at`, the time of its receipt: that is when the question has been answered.
        yes: Do not ask.
        wait_s: How long to wait for the alert, seconds; 0 does not wait.

    Raises:
        AnswerMissing: No alert that names it came in time.
    """
    kafka, draft = invocation.config.kafka, make(at=now_ms())
    feed = _prepare(kafka, draft, yes=yes)
    topics = alert_topics(draft)
    if not topics or not wait_s:
        _deliver(kafka, make(at=now_ms()), feed)
        return
    with ExitStack() as stack:
        followers = {
            topic: stack.enter_context(closing(Follower(kafka, topic, start=Start.END))) for topic in topics
        }
        for follower in followers.values():
            follower.catch_up()  # finds the end of the topic, so that no alert about what is sent now can be missed
        begun, event = monotonic(), make(at=now_ms())
        _deliver(kafka, event, feed)
        found = wait_for_alert(followers, event, wait_s)
        took_s = monotonic() - begun
    if found is None:
        raise AnswerMissing(f"{', '.join(topics)}: no alert names it within {wait_s:g} s. {REASONS_FOR_NONE}")
    topic, alert = found
    if (text := real_after_all(event, topic)) is not None:
        echo(f"warning: {text}", err=True)
    echo(f"{alert.grade} {alert.action} ({alert.reason}) on {topic} after {took_s:.3f} s")
    echo(f"incident {printable(alert.incident_id)}")


def _prepare(kafka: KafkaConfig, event: PillarEvent, *, yes: bool) -> str:
    """Warn of a device that no registry names, and ask before what is real is sent.

    Returns:
        The topic in which the event belongs.

    Raises:
        Abort: The answer is no.
    """
    assert_reachable(kafka)
    feed = feed_topic_of(kafka, event.device_id)
    if feed is None:
        echo(f"warning: {unregistered_warning(event)}", err=True)
    feed = feed or PILLAR_EVENTS
    if (what := consequence(event)) is None:
        return feed
    text = f"This {describe(event)} is real: {what}."
    if yes:
        echo(text, err=True)
    else:
        click.confirm(f"{text} Send it?", abort=True, err=True)
    return feed


def _deliver(kafka: KafkaConfig, event: PillarEvent, feed: str) -> None:
    """Send an event and say where it went."""
    place = deliver_event(kafka, event, feed)
    name = "" if event.event_id is None else f" as {printable(event.event_id)}"
    echo(f"sent {describe(event)}{name}: {place.topic} partition {place.partition} offset {place.offset}")
