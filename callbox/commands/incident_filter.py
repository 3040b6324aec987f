"""The options by which commands choose incidents, and the board that they choose from."""

from collections.abc import Callable
from typing import Any

import click

from callbox.incidents.board import read_board
from callbox.terminal.choices import choice
from callbox.terminal.printable import echo
from schemas.alert import Alert
from schemas.enums import Grade, Hazard, IncidentState
from schemas.topics import INCIDENTS
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig


def filter_options(
    *without: IncidentState, grade_help: str = "Only of this grade."
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator that adds `--zone --hazard --grade --state --device`; all that are given must hold.

    Args:
        without: States that `--state` does not take.
        grade_help: The help of `--grade`.
    """
    options = (
        click.option("--zone", metavar="ZONE", help="Only of this zone."),
        click.option("--hazard", type=choice(Hazard), metavar="HAZARD", help="Only of this hazard."),
        click.option("--grade", type=choice(Grade), help=grade_help),
        click.option(
            "--state", type=choice(IncidentState, *without), metavar="STATE", help="Only in this state."
        ),
        click.option("--device", metavar="ID", help="Only of this device, by its whole id."),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def known_incidents(kafka: KafkaConfig) -> tuple[Alert, ...]:
    """Read the board, and say on stderr what of it this release cannot read.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `callbox.incidents.board.read_board`.
    """
    assert_reachable(kafka)
    read = read_board(kafka)
    if read.unreadable:
        echo(f"{read.unreadable} records of {INCIDENTS} cannot be read", err=True)
    return read.alerts
