"""`callbox dlq retry`: a record that was given up goes to its topic again, with the key and the id that it had.

TOPIC.dlq ─► its record, from the letter or where it lay ─► decided (callbox/dead_letters/retry.py) ─► TOPIC
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import click

from callbox.dead_letters import options
from callbox.dead_letters.ledger import Found, base_topic, found_in, identity, ledger, spelled
from callbox.dead_letters.reading import letter_at, letter_records, original_of, registered
from callbox.dead_letters.retry import BY_DEVICE, Fate, Judgement, judge, never
from callbox.invocation import Invocation
from schemas.errors import Cause, DeadLetterRefused, InputMissing
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import RecordMetadata, assert_may_hold, publish

_MOST_BYTES: Final = 32 << 20  # of records in memory before they are sent: one picture may have 8 MiB
_MOST_RECORDS: Final = 1_000


class _Judged(NamedTuple):
    """A letter's place and what is decided about it."""

    place: RecordMetadata
    judgement: Judgement


class _Wanted(NamedTuple):
    """Which letters: some places, or all of a topic and cause."""

    places: tuple[RecordMetadata, ...]
    topic: str | None
    cause: Cause | None
    since: EpochMs | None

    @property
    def topics(self) -> list[str]:
        """Whose letters they are."""
        named = {base_topic(place.topic) for place in self.places}
        return sorted(named if self.topic is None else {self.topic})


@click.command()
@click.argument("places", metavar="[PLACE]...", nargs=-1, callback=options.places)
@click.option("--topic", callback=options.topic, help="In place of PLACE: all of this topic and of --cause.")
@click.option("--cause", type=options.CAUSES, help="With --topic: why they were given up.")
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
    """Send records again to their topics, with the key and the event id that they had. No letter is changed.

    PLACE is that of a letter: TOPIC.dlq/PARTITION/OFFSET. What would come back is refused. A record of a sealed
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
    fates = _retry(kafka, _judged(kafka, wanted, force=force), dry_run=dry_run)
    _sum_up(fates, dry_run=dry_run)


def _letters(kafka: KafkaConfig, wanted: _Wanted) -> Iterator[Found]:
    """What is wanted; of several letters of one record the first, in the order in which they were written."""
    if wanted.topic is None:
        unique: dict[object, Found] = {}
        for found in [letter_at(kafka, place) for place in wanted.places]:  # one that is not there stops all
            unique.setdefault(identity(found.letter), found)
        yield from unique.values()
        return
    told = ledger(letter_records(kafka, (wanted.topic,), wanted.since))
    if told.unreadable:
        click.echo(f"{told.unreadable} letters cannot be read by this release", err=True)
    firsts = {given.first for given in told.records if given.cause is wanted.cause}
    for record in letter_records(kafka, (wanted.topic,), wanted.since) if firsts else ():
        place = spelled(RecordMetadata(record.topic, record.partition, record.offset))
        if place in firsts:
            firsts.discard(place)
            yield found_in(record)


def _judged(kafka: KafkaConfig, wanted: _Wanted, *, force: bool) -> Iterator[_Judged]:
    devices = registered(kafka) if BY_DEVICE.intersection(wanted.topics) else frozenset[str]()
    for found in _letters(kafka, wanted):
        if (why := never(found)) is not None:
            yield _Judged(found.place, Judgement(Fate.REFUSED, why))
            continue
        original = original_of(kafka, found.letter)
        yield _Judged(found.place, judge(found, original, devices, now_ms(), force=force))


def _in_batches(judged: Iterable[_Judged]) -> Iterator[list[_Judged]]:
    """A few at a time: the letters of a topic may be more than memory holds."""
    few: list[_Judged] = []
    held = 0
    for each in judged:
        few.append(each)
        outgoing = each.judgement.outgoing
        held += 0 if outgoing is None else len(outgoing.value or b"")
        if held >= _MOST_BYTES or len(few) >= _MOST_RECORDS:
            yield few
            few, held = [], 0
    if few:
        yield few


def _retry(kafka: KafkaConfig, judged: Iterable[_Judged], *, dry_run: bool) -> list[Fate]:
    """Send, and say what became of each letter once the broker has its record."""
    fates: list[Fate] = []
    for few in _in_batches(judged):
        outgoing = [each.judgement.outgoing for each in few if each.judgement.outgoing is not None]
        arrived = iter([] if dry_run else publish(kafka, outgoing))
        for each in few:
            fates.append(each.judgement.fate)
            click.echo(_line(each, None if each.judgement.outgoing is None else next(arrived, None)))
    return fates


def _line(judged: _Judged, arrived: RecordMetadata | None) -> str:
    fate, words, outgoing = judged.judgement
    if outgoing is None:
        return f"{fate}  {spelled(judged.place)}: {words}"
    told = f"would be sent  {spelled(judged.place)} to {outgoing.topic}"
    if arrived is not None:
        told = f"{fate}  {spelled(judged.place)} as {spelled(arrived)}"
    return f"{told}; {words}" if words else told


def _sum_up(fates: list[Fate], *, dry_run: bool) -> None:
    """The last line.

    Raises:
        DeadLetterRefused: One was refused.
        InputMissing: None was, and the record of one is gone.
    """
    sent = f"{fates.count(Fate.SENT)} {'would be sent' if dry_run else 'sent'}"
    told = f"{sent}, {fates.count(Fate.REFUSED)} refused, {fates.count(Fate.GONE)} gone"
    if Fate.REFUSED in fates:
        raise DeadLetterRefused(told)
    if Fate.GONE in fates:
        raise InputMissing(told)
    click.echo(told if fates else "no such dead letters")
