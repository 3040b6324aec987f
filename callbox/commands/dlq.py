"""`callbox dlq`: what workers could not use, why, and sending it again.

    list, show    TOPIC.dlq ─► counts, the newest records, one letter
    retry         TOPIC.dlq ─► the record, from its letter or where it lay ─► its topic, with its key and its id
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callbox.choices import choice
from callbox.dead_letter_lines import (
    COUNT_HEADINGS,
    RECORD_HEADINGS,
    count_row,
    details,
    record_row,
    shown,
)
from callbox.dead_letter_reading import letter_at, letter_records, original_of, registered
from callbox.dead_letter_tool import (
    BY_DEVICE,
    LETTER_TOPICS,
    Fate,
    Found,
    Judgement,
    counts,
    found_in,
    identity,
    judge,
    ledger,
    never,
    place_of,
    spelled,
)
from callbox.invocation import Invocation
from callbox.times import parse_time
from schemas.catalogue import dead_letter_topic
from schemas.errors import Cause, DecodeError, InputMissing, LetterRefused
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.delivery import Outgoing, Place
from streams.kafka import assert_reachable
from streams.kafka_config import KafkaConfig
from streams.sending import assert_may_hold, send_all

_NEWEST: Final = 10  # records below the counts
_WIDTH: Final = 200  # of a table that goes into a file or a pipe
_MOST_BYTES: Final = 32 << 20  # of records in memory before they are sent: a picture has 8 MiB
_MOST_RECORDS: Final = 1_000


class _Judged(NamedTuple):
    """A letter and what is decided about it."""

    place: Place
    judgement: Judgement


@click.group()
def dlq() -> None:
    """Dead letters: what workers could not use, why, and sending it again."""


def _time(_context: click.Context, _option: click.Parameter, value: str | None) -> EpochMs | None:
    try:
        return None if value is None else parse_time(value, now_ms())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _topic(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A topic, named by itself or by its dead letters."""
    name = None if value is None else value.removesuffix(dead_letter_topic(""))
    if name is not None and name not in LETTER_TOPICS:
        raise click.BadParameter(f"{value!r} is none of {', '.join(LETTER_TOPICS)}")
    return name


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="PLACE") from error


_SINCE = click.option(
    "--since", callback=_time, metavar="TIME", help="Letters since then: RFC 3339, or -90s, -5m, -2h, -1d."
)


@dlq.command("list")
@click.argument("topic", metavar="[TOPIC]", required=False, callback=_topic)
@_SINCE
@click.option("--cause", type=choice(Cause, Cause.UNKNOWN), help="Only of this cause.")
@click.option("--newest", type=click.IntRange(min=0), default=_NEWEST, show_default=True, metavar="N", help="Records.")
@click.option("--json", "as_json", is_flag=True, help="Every record that was given up, one JSON object a line.")
@click.pass_obj
def list_(
    invocation: Invocation, *, topic: str | None, since: EpochMs | None, cause: str | None, newest: int, as_json: bool
) -> None:
    """Count what was given up, and show the newest records; several letters of one record count as one."""
    kafka = invocation.config.kafka
    assert_reachable(kafka)
    told = ledger(letter_records(kafka, LETTER_TOPICS if topic is None else (topic,), since))
    _tell_unreadable(told.unreadable)
    records = [given for given in told.records if cause in {None, given.cause.value}]
    if as_json:
        for given in records:
            click.echo(msgspec.json.encode(given).decode())
        return
    if not records:
        click.echo("no dead letters")
        return
    _print(COUNT_HEADINGS, map(count_row, counts(records)))
    if newest:
        click.echo()
        _print(RECORD_HEADINGS, map(record_row, records[:newest]))


@dlq.command()
@click.argument("place", metavar="PLACE")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(invocation: Invocation, *, place: str, as_json: bool) -> None:
    """Show the letter at PLACE (TOPIC.dlq/PARTITION/OFFSET): its cause, and as much of its record as can be read."""
    wanted, kafka = _place(place), invocation.config.kafka
    assert_reachable(kafka)
    seen = shown(letter_at(kafka, wanted))
    if as_json:
        click.echo(msgspec.json.encode(seen).decode())
        return
    for label, text in details(seen):
        click.echo(f"{label:13}{text}")


@dlq.command()
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option("--topic", callback=_topic, help="In place of PLACE: all of this topic and --cause.")
@click.option("--cause", type=choice(Cause, Cause.UNKNOWN), help="With --topic: why they were given up.")
@_SINCE
@click.option("--dry-run", is_flag=True, help="Decide and say what would be sent, and send nothing.")
@click.option("--force", is_flag=True, help="Send also what would come back as a dead letter.")
@click.option("--allow-unsealed", is_flag=True, help="Send sealed records on a broker that is not loopback.")
@click.pass_obj
def retry(
    invocation: Invocation,
    *,
    places: tuple[str, ...],
    topic: str | None,
    cause: str | None,
    since: EpochMs | None,
    dry_run: bool,
    force: bool,
    allow_unsealed: bool,
) -> None:
    """Send records again to their topics, with the key and the event id they had. No letter is changed.

    What would come back is refused. A sealed record is read again where it lay, while it is there.
    """
    if bool(places) is (topic is not None or cause is not None) or (topic is None) is not (cause is None):
        raise click.UsageError("name either places, or --topic and --cause")
    if places and since is not None:
        raise click.UsageError("--since goes with --topic and --cause")
    wanted, kafka = [_place(place) for place in places], invocation.config.kafka
    topics = {place.topic.removesuffix(dead_letter_topic("")) for place in wanted} | ({topic} if topic else set())
    if not dry_run:
        for name in sorted(topics):
            assert_may_hold(kafka, name, allow_unsealed=allow_unsealed)
    assert_reachable(kafka)
    found = _named(kafka, wanted) if topic is None or cause is None else _all(kafka, topic, Cause(cause), since)
    devices = registered(kafka) if topics & BY_DEVICE else frozenset[str]()
    fates = _retry(kafka, _judged(kafka, found, devices, force=force), dry_run=dry_run)
    _close(fates, dry_run=dry_run)


def _named(kafka: KafkaConfig, places: Iterable[Place]) -> Iterator[Found]:
    """The letters at some places; of those about one record the first."""
    seen = set()
    for found in [letter_at(kafka, place) for place in places]:  # a mistyped one stops all, before any is sent
        if identity(found.letter) not in seen:
            seen.add(identity(found.letter))
            yield found


def _all(kafka: KafkaConfig, topic: str, cause: Cause, since: EpochMs | None) -> Iterator[Found]:
    """The first letter of each record that was given up for a cause, in their order."""
    told = ledger(letter_records(kafka, (topic,), since))
    _tell_unreadable(told.unreadable)
    wanted = {given.first for given in told.records if given.cause is cause}
    for record in letter_records(kafka, (topic,), since) if wanted else ():
        place = spelled(Place(record.topic, record.partition, record.offset))
        if place in wanted:
            wanted.discard(place)
            yield found_in(record)


def _judged(kafka: KafkaConfig, letters: Iterable[Found], devices: frozenset[str], *, force: bool) -> Iterator[_Judged]:
    for found in letters:
        if (why := never(found)) is not None:
            yield _Judged(found.place, Judgement(Fate.REFUSED, why))
            continue
        try:
            original = original_of(kafka, found.letter)
        except DecodeError:  # never here: what lies there is bytes; said for whoever changes that
            original = None
        yield _Judged(found.place, judge(found, original, devices, now_ms(), force=force))


def _retry(kafka: KafkaConfig, judged: Iterable[_Judged], *, dry_run: bool) -> list[Fate]:
    """Send and say so, a few at a time: a topic's letters may be more than memory holds."""
    fates: list[Fate] = []
    for few in _in_batches(judged):
        outgoing = [each.judgement.outgoing for each in few if each.judgement.outgoing is not None]
        lies_at = iter([] if dry_run else send_all(kafka, outgoing))
        for each in few:
            fates.append(each.judgement.fate)
            click.echo(_line(each, None if each.judgement.outgoing is None else next(lies_at, None)))
    return fates
