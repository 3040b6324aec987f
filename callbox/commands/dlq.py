"""`callbox dlq`: list and show the records that workers rejected, and send them again.

list, show    TOPIC.dlq ─► counts, the newest records, one dead letter
retry         in callbox/commands/dlq_retry.py
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callbox.commands.dlq_retry import retry
from callbox.dead_letters import options
from callbox.dead_letters.ledger import TOPICS_WITH_DEAD_LETTERS, count_by_cause, ledger
from callbox.dead_letters.lines import (
    COUNT_HEADINGS,
    RECORD_HEADINGS,
    count_row,
    dead_letter_details,
    record_row,
    view_of,
)
from callbox.dead_letters.reading import dead_letter_at, dead_letter_records
from callbox.invocation import Invocation
from callbox.terminal.printable import echo, echo_json
from schemas.units import EpochMs
from streams.kafka.admin import assert_reachable
from streams.kafka.producer import RecordMetadata

_NEWEST: Final = 10  # records below the counts
_WIDTH: Final = 200  # of a table that goes into a file or a pipe


@click.group()
def dlq() -> None:
    """Dead letters: records that workers rejected, why, and sending them again."""


dlq.add_command(retry)


@dlq.command("list")
@click.argument("topic", metavar="[TOPIC]", required=False, callback=options.topic)
@options.SINCE
@click.option("--cause", type=options.CAUSES, help="Only of this cause.")
@click.option(
    "--newest",
    type=click.IntRange(min=0),
    default=_NEWEST,
    show_default=True,
    metavar="N",
    help="How many records below the counts.",
)
@click.option("--json", "as_json", is_flag=True, help="Every record, one JSON object a line.")
@click.pass_obj
def list_(
    invocation: Invocation,
    *,
    topic: str | None,
    since: EpochMs | None,
    cause: str | None,
    newest: int,
    as_json: bool,
) -> None:
    """Count the records that were rejected, and show the newest; several dead letters of one count as one."""
    kafka = invocation.config.kafka
    assert_reachable(kafka)
    found = ledger(dead_letter_records(kafka, TOPICS_WITH_DEAD_LETTERS if topic is None else (topic,), since))
    if found.unreadable:
        echo(f"{found.unreadable} dead letters cannot be read by this release", err=True)
    records = [given for given in found.records if cause in {None, given.cause.value}]
    if as_json:
        for given in records:
            echo_json(given)
    elif records:
        _print(COUNT_HEADINGS, map(count_row, count_by_cause(records)))
        if newest:
            echo()
            _print(RECORD_HEADINGS, map(record_row, records[:newest]))
    else:
        echo("no dead letters")


@dlq.command()
@click.argument("place", metavar="PLACE", callback=options.place)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(invocation: Invocation, *, place: RecordMetadata, as_json: bool) -> None:
    """Show the dead letter at PLACE (TOPIC.dlq/PARTITION/OFFSET): its cause, and what of its record can be read."""
    kafka = invocation.config.kafka
    assert_reachable(kafka)
    seen = view_of(dead_letter_at(kafka, place))
    if as_json:
        echo_json(seen)
        return
    for label, text in dead_letter_details(seen):
        echo(f"{label:13}{text}")


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*headings, box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = True  # a place that is wrapped cannot be copied
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH).print(table)
