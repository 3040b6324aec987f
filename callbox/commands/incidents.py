"""`callbox incidents`: look at incidents, and acknowledge them.

    list, show                  dispatch.incident.v1 ─► a table, an incident, or JSON
    ack, close, shelve, note    ─► dispatch.ack.v1 ─► alarms, fusion ─► dispatch.ack-result.v1 ─► the answers

The commands of the second line are in callbox/commands/acks.py.
"""

import shutil
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
import msgspec

from callbox.commands.acks import ack, close, note, shelve
from callbox.commands.incident_filter import filter_options, known_incidents
from callbox.incidents.board import by_need, find, is_open, shown_length
from callbox.incidents.lines import incident_details
from callbox.incidents.rows import FLEXIBLE, HEADINGS, ROWS_OF_A_KIND, BoardRow, board_rows, grouping_line
from callbox.incidents.selection import IncidentFilter
from callbox.invocation import Invocation
from callbox.terminal.printable import echo, echo_json
from callbox.terminal.table import aligned
from schemas.alert import Alert
from schemas.enums import Grade
from streams.clock import now_ms

_COLOURS: Final = {
    Grade.YELLOW: "yellow",
    Grade.BLUE: "blue",
}  # red is the rest, also a grade that is not known


@click.group()
def incidents() -> None:
    """Incidents: look at them, and say what is done about them."""


for _command in (ack, close, shelve, note):
    incidents.add_command(_command)


@incidents.command("list")
@filter_options()
@click.option("--all", "also_ended", is_flag=True, help="Also those that have ended.")
@click.option("--all-rows", is_flag=True, help="Group nothing: one row for each incident.")
@click.option("--json", "as_json", is_flag=True, help="The newest alert of each, one JSON object a line.")
@click.pass_obj
def list_(
    invocation: Invocation, /, *, also_ended: bool, all_rows: bool, as_json: bool, **options: Any
) -> None:
    """Show incidents: red ones first, then those that nobody has acknowledged, then the oldest.

    Where very many blue ones of a zone and a hazard are open, they are one row, unless --hazard, --device or
    --all-rows is given. --state also finds what has ended in that state.
    """
    wanted = msgspec.convert(options, IncidentFilter)
    known = known_incidents(invocation.config.kafka)
    also_ended = also_ended or wanted.state is not None
    found = [alert for alert in by_need(known) if (also_ended or is_open(alert)) and wanted.matches(alert)]
    if as_json:
        for alert in found:
            _show_json(alert)
    elif found:
        most = ROWS_OF_A_KIND if not all_rows and wanted.hazard is None and wanted.device is None else None
        _show_board(board_rows(found, now_ms(), shown_length(known), most=most))
    else:
        echo("no incident is open" if wanted.is_empty else "no such incident")


@incidents.command()
@click.argument("incident_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Its newest alert as JSON.")
@click.pass_obj
def show(invocation: Invocation, incident_id: str, *, as_json: bool) -> None:
    """Show the incident ID, whole. The first or last characters of an ID will do, at least 4."""
    alert = find(known_incidents(invocation.config.kafka), incident_id)
    if as_json:
        _show_json(alert)
        return
    for label, text in incident_details(alert, now_ms()):
        echo(f"{label:12}{text}")


def _show_json(alert: Alert) -> None:
    echo_json(alert)


def _show_board(rows: Sequence[BoardRow]) -> None:
    """Print the board, in the width of the terminal, and what was grouped."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    heading, *lines = aligned([HEADINGS, *(each.cells for each in rows)], width=width, flexible=FLEXIBLE)
    styled = (
        click.style(line, fg=_COLOURS.get(each.grade, "red"), bold=each.grade not in _COLOURS)
        for line, each in zip(lines, rows, strict=True)
    )
    click.echo("\n".join((click.style(heading, bold=True), *styled)))
    if (grouped := grouping_line(rows)) is not None:
        echo(f"\n{grouped}")
