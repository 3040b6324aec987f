"""Who acts: the options of every command that says something in a person's name."""

from collections.abc import Callable
from typing import Final, TypeVar

import click

_NAME_LENGTH: Final = 100  # characters of an operator or an organisation

CommandT = TypeVar("CommandT", bound=Callable[..., None])


def person_name(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """The callback of a name: it must be printable and not too long."""
    text = value.strip()
    if not (text and text.isprintable() and len(text) <= _NAME_LENGTH):
        raise click.BadParameter(f"{value!r}, allowed are 1 to {_NAME_LENGTH} characters that can be read")
    return text


def actor_options(command: CommandT) -> CommandT:
    """Add `--actor` and `--organisation`, which a command gets as `actor` and `organisation`."""
    for option, text in (("--organisation", "Their organisation."), ("--actor", "Who says it.")):
        command = click.option(
            option,
            callback=person_name,
            envvar=f"CALLBOX_{option.removeprefix('--').upper()}",
            show_envvar=True,
            required=True,
            help=text,
        )(command)
    return command
