"""`callbox incidents`: look at incidents, and acknowledge one.

    list, show            dispatch.incident.v1 ─► a table, an incident, or JSON
    ack, close, shelve    ─► dispatch.ack.v1 ─► alarms, fusion ─► dispatch.ack-result.v1 ─► the answer

The commands of the second line are in callbox/commands/acks.py.
"""

import sys
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callbox.commands.acks import ack, close, shelve
from callbox.incidents.board import by_need, find, is_open, read_board, shown_length
from callbox.incidents.lines import HEADINGS, incident_details, row
from callbox.invocation import Invocation
from callbox.terminal.choices import choice
from schemas.alert import Alert
from schemas.enums import Grade, IncidentState
from schemas.topics import INCIDENTS
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig

_WIDTH: Final = 180  # of a table that goes into a file or a pipe
_COLOURS: Final = {Grade.RED: "bold red", Grade.YELLOW: "yellow", Grade.BLUE: "blue"}


@click.group()
def incidents() -> None:
    """Incidents: look at them, and say what is done about them."""


for _command in (ack, close, shelve):
    incidents.add_command(_command)


@incidents.command("list")
@click.option("--grade", type=choice(Grade), help="Only of this grade.")
@click.option("--zone", metavar="ZONE", help="Only of this zone.")
@click.option("--state", type=choice(IncidentState), help="Only in this state, also where it is an end.")
@click.option("--all", "also_ended", is_flag=True, help="Also those that have ended.")
@click.option("--json", "as_json", is_flag=True, help="The newest alert of each, one JSON object a line.")
@click.pass_obj
def list_(
    invocation: Invocation,
    *,
    grade: str | None,
    zone: str | None,
    state: str | None,
    also_ended: bool,
    as_json: bool,
) -> None:
    """Show incidents: red ones first, then those that nobody has acknowledged, then the oldest."""
    known = _known(invocation.config.kafka)
    wanted = [
        alert
        for alert in by_need(known)
        if (also_ended or state is not None or is_open(alert))
        and (grade is None or alert.grade == grade)
        and (zone is None or alert.zone == zone)
        and (state is None or alert.state == state)
    ]
    if as_json:
        for alert in wanted:
            _show_json(alert)
    elif wanted:
        _console().print(_table(wanted, shown_length(known)))
    else:
        click.echo("no such incident" if grade or zone or state else "no incident is open")


@incidents.command()
@click.argument("incident_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Its newest alert as JSON.")
@click.pass_obj
def show(invocation: Invocation, incident_id: str, *, as_json: bool) -> None:
    """Show the incident ID, whole. The first or last characters of an ID will do, at least 4."""
    alert = find(_known(invocation.config.kafka), incident_id)
    if as_json:
        _show_json(alert)
        return
    for label, text in incident_details(alert, now_ms()):
        click.echo(f"{label:12}{text}")


def _known(kafka: KafkaConfig) -> tuple[Alert, ...]:
    assert_reachable(kafka)
    read = read_board(kafka)
    if read.unreadable:
        click.echo(f"{read.unreadable} records of {INCIDENTS} cannot be read", err=True)
    return read.alerts


def _show_json(alert: Alert) -> None:
    click.echo(msgspec.json.encode(alert).decode())


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def _table(alerts: list[Alert], length: int) -> Table:
    table = Table(*HEADINGS, box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True
    now = now_ms()
    for alert in alerts:
        style = _COLOURS.get(alert.grade, _COLOURS[Grade.RED])
        table.add_row(*(Text(cell, style=style) for cell in row(alert, now, length)))
    return table
