"""`callbox dlq retry`: send a rejected record to its topic again, with the key and the id that it had.

TOPIC.dlq ─► its record, from the dead letter or from its place ─► decision (callbox/dead_letters/retry.py) ─► TOPIC
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import click

from callbox.dead_letters import options
from callbox.dead_letters.ledger import (
    LocatedDeadLetter,
    base_topic,
    dead_letter_in,
    format_place,
    identity,
    ledger,
)
from callbox.dead_letters.reading import dead_letter_at, dead_letter_records, original_of, registered
from callbox.dead_letters.retry import (
    NEEDS_REGISTERED_DEVICE,
    RetryDecision,
    RetryResult,
    decide_retry,
    refused_for_good,
)
from callbox.invocation import Invocation
from callbox.terminal.printable import echo
from schemas.errors import Cause, DeadLetterRefused, InputMissing
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import RecordMetadata, assert_may_hold, publish

_MOST_BYTES: Final = 32 << 20  # of records in memory before they are sent: one picture may have 8 MiB
_MOST_RECORDS: Final = 1_000


class _Decided(NamedTuple):
    """The place of a dead letter and the decision about it."""

    place: RecordMetadata
    decision: RetryDecision


class _Wanted(NamedTuple):
    """Which dead letters are meant: those at some places, or all of a topic and cause."""

    places: tuple[RecordMetadata, ...]
    topic: str | None
    cause: Cause | None
    since: EpochMs | None

    @property
    def topics(self) -> list[str]:
        """The topics of their records."""
        named = {base_topic(place.topic) for place in self.places}
        return sorted(named if self.topic is None else {self.topic})


@click.command()
@click.argument("places", metavar="[PLACE]...", nargs=-1, callback=options.places)
@click.option("--topic", callback=options.topic, help="In place of PLACE: all of this topic and of --cause.")
@click.option("--cause", type=options.CAUSES, help="With --topic: why they were rejected.")
@options.SINCE
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--force", is_flag=True, help="Send also what would come back as a dead letter.")
@click.option("--allow-unsealed", is_flag=True, help="Send sealed records on a broker that is not loopback.")
@click.pass_obj
def retry(
    invocation: Invocation,
    *,
    places: tuple[RecordMetadata, ...],
    topic: str | None,
    cause: str | None,
    since: EpochMs | None,
    dry_run: bool,
    force: bool,
    allow_unsealed: bool,
) -> None:
    """Send records again to their topics, with the key and the event id that they had. No dead letter is changed.

    PLACE is that of a dead letter: TOPIC.dlq/PARTITION/OFFSET. What would come back is refused. A record of a sealed
    topic is read again where it lay, as long as it is there.
    """
    if bool(places) is bool(topic or cause) or (topic is None) is not (cause is None):
        raise click.UsageError("name either places, or --topic and --cause")
    if places and since is not None:
        raise click.UsageError("--since goes with --topic and --cause")
    wanted = _Wanted(places, topic, None if cause is None else Cause(cause), since)
    kafka = invocation.config.kafka
    for name in wanted.topics:
        assert_may_hold(kafka, name, allow_unsealed=allow_unsealed or dry_run)
    assert_reachable(kafka)
    results = _retry(kafka, _decisions(kafka, wanted, force=force), dry_run=dry_run)
    _sum_up(results, dry_run=dry_run)


def _dead_letters(kafka: KafkaConfig, wanted: _Wanted) -> Iterator[LocatedDeadLetter]:
    """The dead letters that are meant: the first one of each record, in the order in which they were written."""
    if wanted.topic is None:
        unique: dict[object, LocatedDeadLetter] = {}
        named = [dead_letter_at(kafka, place) for place in wanted.places]  # one that is not there stops all
        for found in named:
            unique.setdefault(identity(found.dead_letter), found)
        yield from unique.values()
        return
    listed = ledger(dead_letter_records(kafka, (wanted.topic,), wanted.since))
    if listed.unreadable:
        echo(f"{listed.unreadable} dead letters cannot be read by this release", err=True)
    firsts = {given.first for given in listed.records if given.cause is wanted.cause}
    for record in dead_letter_records(kafka, (wanted.topic,), wanted.since) if firsts else ():
        place = format_place(RecordMetadata(record.topic, record.partition, record.offset))
        if place in firsts:
            firsts.discard(place)
            yield dead_letter_in(record)


def _decisions(kafka: KafkaConfig, wanted: _Wanted, *, force: bool) -> Iterator[_Decided]:
    devices = registered(kafka) if NEEDS_REGISTERED_DEVICE.intersection(wanted.topics) else frozenset[str]()
    for found in _dead_letters(kafka, wanted):
        if (why := refused_for_good(found)) is not None:
            yield _Decided(found.place, RetryDecision(RetryResult.REFUSED, why))
            continue
        original = original_of(kafka, found.dead_letter)
        yield _Decided(found.place, decide_retry(found, original, devices, now_ms(), force=force))


def _in_batches(
    decided: Iterable[_Decided], most_bytes: int = _MOST_BYTES, most_records: int = _MOST_RECORDS
) -> Iterator[list[_Decided]]:
    """A few at a time: the dead letters of a topic may be more than memory holds."""
    few: list[_Decided] = []
    held = 0
    for each in decided:
        few.append(each)
        outgoing = each.decision.outgoing
        held += 0 if outgoing is None else len(outgoing.value or b"")
        if held >= most_bytes or len(few) >= most_records:
            yield few
            few, held = [], 0
    if few:
        yield few


def _retry(kafka: KafkaConfig, decided: Iterable[_Decided], *, dry_run: bool) -> list[RetryResult]:
    """Send the records, and print what became of each when the broker has confirmed it."""
    results: list[RetryResult] = []
    for few in _in_batches(decided):
        outgoing = [each.decision.outgoing for each in few if each.decision.outgoing is not None]
        arrived = iter([] if dry_run else publish(kafka, outgoing))
        for each in few:
            results.append(each.decision.result)
            echo(_line(each, None if each.decision.outgoing is None else next(arrived, None)))
    return results


def _line(decided: _Decided, arrived: RecordMetadata | None) -> str:
    result, words, outgoing = decided.decision
    if outgoing is None:
        return f"{result}  {format_place(decided.place)}: {words}"
    text = f"would be sent  {format_place(decided.place)} to {outgoing.topic}"
    if arrived is not None:
        text = f"{result}  {format_place(decided.place)} as {format_place(arrived)}"
    return f"{text}; {words}" if words else text


def _sum_up(results: list[RetryResult], *, dry_run: bool) -> None:
    """Print the last line.

    Raises:
        DeadLetterRefused: At least one was refused.
        InputMissing: None was refused, and the record of at least one is gone.
    """
    sent = f"{results.count(RetryResult.SENT)} {'would be sent' if dry_run else 'sent'}"
    text = f"{sent}, {results.count(RetryResult.REFUSED)} refused, {results.count(RetryResult.GONE)} gone"
    if RetryResult.REFUSED in results:
        raise DeadLetterRefused(text)
    if RetryResult.GONE in results:
        raise InputMissing(text)
    echo(text if results else "no such dead letters")
