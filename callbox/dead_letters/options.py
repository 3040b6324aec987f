"""How the commands on dead letters are told which ones."""

from typing import Final

import click

from callbox.dead_letters.ledger import LETTER_TOPICS, base_topic, place_of
from callbox.terminal.choices import choice
from callbox.terminal.times import parse_time
from schemas.errors import Cause
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.producer import RecordMetadata


def time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> EpochMs | None:
    """A time, or so long ago."""
    try:
        return None if value is None else parse_time(value, now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def topic(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A topic that has dead letters, named by itself or by theirs."""
    name = None if value is None else base_topic(value)
    if name is not None and name not in LETTER_TOPICS:
        raise click.BadParameter(f"{value!r} is none of {', '.join(LETTER_TOPICS)}")
    return name


def place(_context: click.Context, _parameter: click.Parameter, value: str) -> RecordMetadata:
    """The place of one letter."""
    try:
        return place_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def places(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[RecordMetadata, ...]:
    """The places of letters."""
    return tuple(place(context, parameter, value) for value in values)


CAUSES: Final = choice(Cause, Cause.UNKNOWN)

SINCE: Final = click.option(
    "--since", callback=time, metavar="TIME", help="Letters since then: RFC 3339, or -90s, -5m, -2h, -1d."
)
