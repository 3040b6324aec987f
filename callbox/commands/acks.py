"""`callbox incidents ack`, `close`, `shelve` and `note`: what is said of incidents."""

from typing import Any, Final

import click

from callbox.commands.ack_options import ack_command, read_note, read_span
from callbox.commands.send_acks import send_acks
from callbox.invocation import Invocation
from callbox.terminal.choices import choice
from processors.rules.ack import ACK_RULES
from schemas.enums import AckAction, AckReason, Disposition, Grade

_OTHER_COMMANDS: Final = (AckAction.CLOSE, AckAction.SHELVE, AckAction.NOTE)


@click.command()
@click.option(
    "--action",
    type=choice(AckAction, *_OTHER_COMMANDS),
    default=AckAction.ACCEPT.value,
    show_default=True,
    help="What is said.",
)
@click.option("--reason", type=choice(AckReason), help="Why; several actions need one.")
@ack_command(grade_help="Only of this grade; with --action regrade the new grade.")
@click.pass_obj
def ack(
    invocation: Invocation,
    /,
    incident_ids: tuple[str, ...],
    *,
    action: str,
    reason: str | None,
    **options: Any,
) -> None:
    """Acknowledge the incidents ID, or those that the filter matches, or say what is done about them."""
    chosen = AckAction(action)
    if ACK_RULES[chosen].needs_reason and reason is None:
        raise click.UsageError(f"--action {action} needs --reason")
    new = None
    if chosen is AckAction.REGRADE:
        new = options.pop("grade")
    if (chosen is AckAction.REGRADE and new is None) or (incident_ids and options.get("grade")):
        raise click.UsageError(
            "--action regrade and --grade go together; as a filter --grade goes without ID"
        )
    if chosen is AckAction.REGRADE and not incident_ids:
        raise click.UsageError("a grade is changed by ID only")
    send_acks(
        invocation,
        incident_ids,
        options,
        action=chosen,
        reason=None if reason is None else AckReason(reason),
        grade=None if new is None else Grade(new),
    )


@click.command()
@click.option("--disposition", type=choice(Disposition), required=True, help="How it ended.")
@ack_command()
@click.pass_obj
def close(
    invocation: Invocation, /, incident_ids: tuple[str, ...], *, disposition: str, **options: Any
) -> None:
    """Close the incidents ID, or those that the filter matches. A red is closed by its ID only."""
    ended = Disposition(disposition)
    send_acks(invocation, incident_ids, options, action=AckAction.CLOSE, disposition=ended)


@click.command()
@click.option("--reason", type=choice(AckReason), required=True, help="Why nobody needs to hear of it.")
@click.option(
    "--for", "shelve_s", callback=read_span, metavar="TIME", help="90s, 30m, 2h; else as the policy allows."
)
@ack_command()
@click.pass_obj
def shelve(
    invocation: Invocation,
    /,
    incident_ids: tuple[str, ...],
    *,
    reason: str,
    shelve_s: int | None,
    **options: Any,
) -> None:
    """Shelve the incidents ID, or those that the filter matches: silent for a while. A red is never shelved."""
    why = AckReason(reason)
    send_acks(invocation, incident_ids, options, action=AckAction.SHELVE, reason=why, shelve_s=shelve_s)


@click.command()
@ack_command(click.argument("note", metavar="TEXT", callback=read_note))
@click.pass_obj
def note(invocation: Invocation, /, incident_ids: tuple[str, ...], **options: Any) -> None:
    """Add the note TEXT to the incidents ID, or to those that the filter matches; nothing else changes.

    It is one paragraph about the incident, never about a person.
    """
    send_acks(invocation, incident_ids, options, action=AckAction.NOTE)
