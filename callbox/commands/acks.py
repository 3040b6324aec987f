"""`callbox incidents ack`, `close` and `shelve`: acknowledge an incident, and show the answer of the fold."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from callbox.incidents.acknowledge import send, send_and_wait
from callbox.incidents.board import find, read_board
from callbox.incidents.lines import answer_line
from callbox.invocation import Invocation
from callbox.terminal.choices import choice
from callbox.terminal.times import parse_span
from processors.rules.ack import ACK_RULES
from schemas.ack import Acknowledgement, Actor
from schemas.enums import AckAction, AckOutcome, AckReason, Disposition, Grade
from schemas.errors import AckRejected
from schemas.ids import fingerprint
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable

_NAME_LENGTH: Final = 100  # characters of an operator, an organisation, an ack id
_OTHER_COMMANDS: Final = (AckAction.CLOSE, AckAction.SHELVE)


def _span(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Parse a time span, in seconds."""
    try:
        return None if value is None else parse_span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _name(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Check a name: it must be printable and not too long."""
    text = None if value is None else value.strip()
    if text is not None and not (text and text.isprintable() and len(text) <= _NAME_LENGTH):
        raise click.BadParameter(f"{value!r}, allowed are 1 to {_NAME_LENGTH} characters that can be read")
    return text


class _AckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that all acknowledgements have.

    Attributes:
        actor: The person who acts.
        organisation: Their organisation.
        revision: The newest revision that they have seen; None for the newest that exists.
        ack_id: Its id; None: the id is made from the content.
        wait_s: How long to wait for the answer; 0 for not at all.
        as_json: Print the answer as JSON.
    """

    actor: str
    organisation: str
    revision: int | None
    ack_id: str | None
    wait_s: float
    as_json: bool


_COMMON_OPTIONS: Final = (
    click.option(
        "--actor",
        callback=_name,
        envvar="CALLBOX_ACTOR",
        show_envvar=True,
        required=True,
        help="Who says it.",
    ),
    click.option(
        "--organisation",
        callback=_name,
        envvar="CALLBOX_ORGANISATION",
        show_envvar=True,
        required=True,
        help="Their organisation.",
    ),
    click.option(
        "--revision",
        type=click.IntRange(min=1),
        metavar="N",
        help="The newest revision that you have seen; else the newest there is.",
    ),
    click.option(
        "--ack-id", callback=_name, help="To say it once more: the id it had. Else made from the content."
    ),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long for the answer; 0 does not wait.",
    ),
    click.option("--json", "as_json", is_flag=True, help="The answer as JSON."),
)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all acknowledgements have, in their order."""
    for option in reversed(_COMMON_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("incident_id", metavar="ID")
@click.option(
    "--action",
    type=choice(AckAction, *_OTHER_COMMANDS),
    default=AckAction.ACCEPT.value,
    show_default=True,
    help="What is said.",
)
@click.option("--reason", type=choice(AckReason), help="Why; several actions need one.")
@click.option("--grade", type=choice(Grade), help="The new grade; regrade needs it.")
@_common
@click.pass_obj
def ack(
    invocation: Invocation,
    /,
    incident_id: str,
    *,
    action: str,
    reason: str | None,
    grade: str | None,
    **options: Any,
) -> None:
    """Acknowledge the incident ID, or say what is done about it."""
    chosen = AckAction(action)
    if ACK_RULES[chosen].needs_reason and reason is None:
        raise click.UsageError(f"--action {action} needs --reason")
    if (chosen is AckAction.REGRADE) is not (grade is not None):
        raise click.UsageError("--action regrade and --grade go together")
    why = None if reason is None else AckReason(reason)
    new = None if grade is None else Grade(grade)
    _send_and_show(invocation, incident_id, _AckOptions(**options), action=chosen, reason=why, grade=new)


@click.command()
@click.argument("incident_id", metavar="ID")
@click.option("--disposition", type=choice(Disposition), required=True, help="How it ended.")
@_common
@click.pass_obj
def close(invocation: Invocation, /, incident_id: str, *, disposition: str, **options: Any) -> None:
    """Close the incident ID."""
    ended = Disposition(disposition)
    _send_and_show(invocation, incident_id, _AckOptions(**options), action=AckAction.CLOSE, disposition=ended)


@click.command()
@click.argument("incident_id", metavar="ID")
@click.option("--reason", type=choice(AckReason), required=True, help="Why nobody needs to hear of it.")
@click.option(
    "--for", "shelve_s", callback=_span, metavar="TIME", help="90s, 30m, 2h; else as the policy allows."
)
@_common
@click.pass_obj
def shelve(
    invocation: Invocation, /, incident_id: str, *, reason: str, shelve_s: int | None, **options: Any
) -> None:
    """Shelve the incident ID: it is silent for a while. A red is never shelved."""
    why = AckReason(reason)
    _send_and_show(
        invocation,
        incident_id,
        _AckOptions(**options),
        action=AckAction.SHELVE,
        reason=why,
        shelve_s=shelve_s,
    )


def _send_and_show(
    invocation: Invocation, wanted: str, options: _AckOptions, *, action: AckAction, **content: Any
) -> None:
    """Send an acknowledgement and show the answer.

    Raises:
        AckRejected: The acknowledgement was rejected.
        AnswerMissing: No answer came in time.
    """
    kafka, at = invocation.config.kafka, now_ms()
    assert_reachable(kafka)
    alert = find(read_board(kafka).alerts, wanted)
    made = fingerprint(alert.incident_id, action.value, options.actor, options.organisation, at)
    acknowledgement = Acknowledgement(
        ack_id=options.ack_id or made,
        incident_id=alert.incident_id,
        action=action,
        actor=Actor(name=options.actor, organisation=options.organisation),
        at=at,
        revision=options.revision or alert.revision,
        **content,
    )
    if not options.wait_s:
        send(kafka, acknowledgement)
        click.echo(f"sent as {acknowledgement.ack_id}, nobody waits for the answer")
        return
    result = send_and_wait(kafka, acknowledgement, options.wait_s, is_repeat=options.ack_id is not None)
    if options.as_json:
        click.echo(msgspec.json.encode(result).decode())
    if result.outcome is not AckOutcome.ACCEPTED:
        raise AckRejected(answer_line(result))
    if not options.as_json:
        click.echo(answer_line(result))
