"""Options and arguments of the commands on dead letters: which ones are meant."""

from typing import Final

import click

from callbox.dead_letters.ledger import TOPICS_WITH_DEAD_LETTERS, base_topic, parse_place
from callbox.terminal.choices import choice
from callbox.terminal.times import parse_time
from schemas.errors import Cause
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.producer import RecordMetadata


def time(_context: click.Context, _parameter: click.Parameter, value: str | None) -> EpochMs | None:
    """Parse a time, or a time span before now."""
    try:
        return None if value is None else parse_time(value, now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def topic(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Parse the name of a topic that has dead letters, or of the topic of its dead letters."""
    name = None if value is None else base_topic(value)
    if name is not None and name not in TOPICS_WITH_DEAD_LETTERS:
        raise click.BadParameter(f"{value!r} is none of {', '.join(TOPICS_WITH_DEAD_LETTERS)}")
    return name


def place(_context: click.Context, _parameter: click.Parameter, value: str) -> RecordMetadata:
    """Parse the place of one dead letter."""
    try:
        return parse_place(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def places(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[RecordMetadata, ...]:
    """Parse the places of dead letters."""
    return tuple(place(context, parameter, value) for value in values)


CAUSES: Final = choice(Cause, Cause.UNKNOWN)

SINCE: Final = click.option(
    "--since",
    callback=time,
    metavar="TIME",
    help="Dead letters since then: RFC 3339, or -90s, -5m, -2h, -1d.",
)
