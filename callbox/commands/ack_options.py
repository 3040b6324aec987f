"""The arguments and options that all acknowledgements have."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import click
import msgspec

from callbox.commands.incident_filter import filter_options
from callbox.terminal.times import parse_span
from schemas.ack import NOTE_LENGTH
from schemas.enums import IncidentState

_NAME_LENGTH: Final = 100  # characters of an operator, an organisation, an ack id
_SHOWN: Final = 40  # characters of a refused value that its error repeats
_NEVER_MATCHED: Final = (IncidentState.CANDIDATE, IncidentState.CLOSED, IncidentState.CANCELLED)


_Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class AckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that all acknowledgements have, but for the filter (`callbox.incidents.selection`).

    Attributes:
        actor: The person who acts.
        organisation: Their organisation.
        note: What they add, or None.
        revision: The newest revision that they have seen; None for the one that is shown.
        ack_id: The id of the acknowledgement, or of the batch; None: it is made from the content.
        wait_s: How long to wait for the next answer, seconds; 0 for not at all.
        yes: Do not ask before several are sent.
        as_json: Print the answers as JSON.
    """

    actor: str
    organisation: str
    note: str | None
    revision: int | None
    ack_id: str | None
    wait_s: float
    yes: bool
    as_json: bool


def read_span(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """The callback of a time span; it gives seconds."""
    try:
        return None if value is None else parse_span(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def read_note(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """The callback of a note: one paragraph that can be read."""
    return _readable(value, NOTE_LENGTH)


def _read_name(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    return _readable(value, _NAME_LENGTH)


def _readable(value: str | None, longest: int) -> str | None:
    text = None if value is None else value.strip()
    if text is not None and not (text and text.isprintable() and len(text) <= longest):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise click.BadParameter(f"{shown!r}, allowed are 1 to {longest} characters that can be read")
    return text


_COMMON: Final = (
    click.option(
        "--actor",
        callback=_read_name,
        envvar="CALLBOX_ACTOR",
        show_envvar=True,
        required=True,
        help="Who says it.",
    ),
    click.option(
        "--organisation",
        callback=_read_name,
        envvar="CALLBOX_ORGANISATION",
        show_envvar=True,
        required=True,
        help="Their organisation: the one on whose topic it is sent, where the config names organisations.",
    ),
    click.option(
        "--revision",
        type=click.IntRange(min=1),
        metavar="N",
        help="The newest revision that you have seen, with one ID; else the one that is shown.",
    ),
    click.option(
        "--ack-id",
        callback=_read_name,
        help="To say it once more: the id that it had, of several that of their batch. Else made from the content.",
    ),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long for the answer, of several for the next one; 0 does not wait.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask before several are sent."),
    click.option("--json", "as_json", is_flag=True, help="The answers as JSON, one a line."),
)

_NOTE_OPTION: Final = click.option(
    "--note",
    callback=read_note,
    metavar="TEXT",
    help=f"What you add: one paragraph, at most {NOTE_LENGTH} characters, never about a person.",
)


def ack_command(*arguments: _Decorator, grade_help: str = "Only of this grade.") -> _Decorator:
    """Make a decorator that adds the ids and the options of an acknowledgement.

    Args:
        arguments: What comes after the ids; without any, the option `--note` is added.
        grade_help: The help of `--grade`.
    """
    ids = click.argument("incident_ids", metavar="[ID]...", nargs=-1)
    rest = arguments or (_NOTE_OPTION,)
    decorators: tuple[_Decorator, ...] = (
        ids,
        *rest,
        filter_options(*_NEVER_MATCHED, grade_help=grade_help),
        *_COMMON,
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return add
