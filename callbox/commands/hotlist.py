"""`callbox hotlist apply`: replace the vehicle hotlist as a whole; no plate text is printed.

Every entry is written anew each time: the newest append time is the list's age, and a list of four hours suppresses
its hits (processors/plates/hotlist.py). An authority's system runs this on a timer.
"""

from pathlib import Path

import click

from callbox.hotlist.hotlist_file import read_hotlist
from callbox.invocation import Invocation
from callbox.terminal.printable import echo
from callbox.terminal.text_file import read_text
from schemas.codec import encode
from schemas.hotlist import HotlistEntry
from schemas.topics import HOTLIST
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.producer import ProducerRecord, assert_may_hold, publish
from streams.kafka.reader import latest_by_key


@click.group()
def hotlist() -> None:
    """The vehicle hotlist: stolen vehicles, missing-child alerts, unpermitted hazardous loads."""


@hotlist.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file, compare, and write nothing.")
@click.option(
    "--allow-unsealed",
    is_flag=True,
    help="Write plate texts to a broker that is not loopback: whoever can read it, can read them.",
)
@click.pass_obj
def apply(invocation: Invocation, file: Path, *, dry_run: bool, allow_unsealed: bool) -> None:
    """Make FILE the hotlist; entries that it does not name are withdrawn."""
    at = now_ms()
    entries = read_hotlist(read_text(file), str(file), at)
    kafka = invocation.config.kafka
    assert_may_hold(kafka, HOTLIST, allow_unsealed=allow_unsealed)
    assert_reachable(kafka)
    known = set(latest_by_key(kafka, HOTLIST))
    withdrawn = sorted(known - {entry.entry_id.encode() for entry in entries})
    _show(entries, known, len(withdrawn), expired=sum(entry.expires_at <= at for entry in entries))
    if dry_run:
        return
    # Withdrawn entries first: no vehicle is stopped for an entry that its authority has withdrawn.
    publish(kafka, [*(ProducerRecord(HOTLIST, key, None) for key in withdrawn), *map(_outgoing, entries)])
    echo("applied")


def _outgoing(entry: HotlistEntry) -> ProducerRecord:
    return ProducerRecord(HOTLIST, entry.entry_id.encode(), encode(entry))


def _show(entries: tuple[HotlistEntry, ...], known: set[bytes], withdrawn: int, *, expired: int) -> None:
    new = sum(entry.entry_id.encode() not in known for entry in entries)
    echo(f"{len(entries)} entries: {new} new, {len(entries) - new} renewed, {withdrawn} withdrawn")
    if expired:
        echo(f"{expired} expired: never a match")
