"""`callbox log`: look at one record of the log, and have one skipped at which fusion ends again and again.

    place ─► its record: kind, id, device, time ─► confirmed ─► a request to skip it, in the same partition of the log
                                                                └─► fusion writes that it has skipped it, tells a blue

The request names who asks and why, and stays in the log: a replay skips the record too. Works while fusion is down.
"""

from typing import Final, NamedTuple

import click
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from callbox.invocation import Invocation
from callbox.terminal.actor import actor_options
from callbox.terminal.printable import echo, printable
from callbox.terminal.times import format_time
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import read_entry
from processors.fold.skipping import Skips
from schemas.ack import NOTE_LENGTH, Actor
from schemas.enums import SkipStep
from schemas.errors import Cause, DecodeError, InputMissing, SkipRefused
from schemas.fusion_log import SkipNotice
from schemas.topics import FUSION_INPUT
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka.acls import group_of
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain
from streams.kafka.producer import publish
from streams.kafka.reader import bounds, read
from streams.kafka.record import LogRecord
from streams.replay.refold import log_entry
from streams.worker.log_writer import skip_fact
from streams.worker.spec import WORKERS

_ANSWER_S: Final = 10.0
_LONGEST_ID: Final = 128


class Facts(NamedTuple):
    """What may be told of a record: never its payload."""

    kind: str
    event_id: str = ""
    device_id: str = ""


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    text = value.strip()
    if not (text and text.isprintable() and len(text) <= NOTE_LENGTH):
        raise click.BadParameter(f"allowed are 1 to {NOTE_LENGTH} characters that can be read")
    return text


_PARTITION = click.option(
    "--partition", type=click.IntRange(min=0), required=True, help="Of fusion.input.v1."
)
_OFFSET = click.option("--offset", type=click.IntRange(min=0), required=True, help="Of the record.")
_BLIND = click.option(
    "--blind", is_flag=True, help="Do not decode the record: this command, or fusion, would end at that too."
)


@click.group("log")
def log() -> None:
    """The log of fusion: one record of it, and passing one at which fusion ends."""


@log.command("show")
@_PARTITION
@_OFFSET
@_BLIND
@click.pass_obj
def show(invocation: Invocation, *, partition: int, offset: int, blind: bool) -> None:
    """Show what a record is: its kind, id, device, time and size; nothing of its content."""
    record = record_at(invocation.config.kafka, partition, offset)
    _show(record, blind=blind)


@log.command("skip")
@_PARTITION
@_OFFSET
@click.option("--reason", callback=_reason, required=True, help="Why, for the alert that tells of it.")
@_BLIND
@click.option("--yes", is_flag=True, help="Do not ask.")
@actor_options
@click.pass_obj
def skip(
    invocation: Invocation,
    /,
    *,
    partition: int,
    offset: int,
    reason: str,
    blind: bool,
    yes: bool,
    actor: str,
    organisation: str,
) -> None:
    """Have fusion pass one record of the log, now and in every replay. It cannot be taken back.

    What the record reported is not decided about. Of a press a minimal red goes out, unless --blind is given.
    """
    config = invocation.config
    record = record_at(config.kafka, partition, offset)
    assert_not_folded(
        config.kafka, group_of(WORKERS["fusion"].name, config.runtime.group_prefix), partition, offset
    )
    said = said_before(config.kafka, partition, offset)
    _show(record, blind=blind)
    if said:
        echo(said, err=True)
    if not yes:
        click.confirm("Have fusion pass it, now and in every replay?", abort=True, err=True)
    notice = SkipNotice(
        partition=partition,
        offset=offset,
        step=SkipStep.REQUESTED,
        cause=Cause.SKIPPED,
        reason=reason,
        actor=Actor(name=actor, organisation=organisation),
        at=now_ms(),
        blind=blind,
    )
    place = publish(config.kafka, skip_fact(notice))[0]
    echo(f"asked for at {FUSION_INPUT}/{place.partition}/{place.offset}: fusion passes it when it starts")


def record_at(kafka: KafkaConfig, partition: int, offset: int) -> LogRecord:
    """The record at a place of the log.

    Raises:
        InputMissing: There is none: retention took it, it has not come yet, or a marker of a transaction lies there.
        BrokerUnavailable, AccessDenied: As `streams.kafka.reader.read`.
    """
    low, high = bounds(kafka, FUSION_INPUT, partition)
    for record in read(kafka, FUSION_INPUT, partition, offset, offset + 1):
        if record.offset == offset:
            return record
    last = "its end" if high is None else str(high - 1)
    raise InputMissing(
        f"{FUSION_INPUT}/{partition} has no record at {offset}: it reaches from {low} to {last}"
    )


def assert_not_folded(kafka: KafkaConfig, group: str, partition: int, offset: int) -> None:
    """Return unless fusion has passed the record by what it has committed.

    Raises:
        SkipRefused: It has: the decisions about it are out, and a replay must find them.
        BrokerUnavailable, AccessDenied: The broker does not say.
    """
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(FUSION_INPUT, partition)])
    client = admin_client(kafka, [])  # its futures never end once it is gone
    try:
        found = client.list_consumer_group_offsets([asked], request_timeout=_ANSWER_S)
        places = found[group].result().topic_partitions or ()
    except KafkaException as error:
        raise explain(kafka, error.args[0]) from error
    for refused in (place.error for place in places if place.error is not None):
        raise explain(kafka, refused)
    committed = max((place.offset for place in places), default=-1)
    if committed > offset:
        raise SkipRefused(
            f"{FUSION_INPUT}/{partition}/{offset} is folded: {group} has committed {committed}. What was decided "
            "about it is out"
        )


def said_before(kafka: KafkaConfig, partition: int, offset: int) -> str:
    """What the log says already about passing the record, for the one who asks; empty where it says nothing.

    It refuses nothing: without the keys of the log nobody can know here who has written it, and a forged request must
    not keep the real one out. One more request does no harm.

    Raises:
        BrokerUnavailable, AccessDenied: As `streams.kafka.reader.read`.
    """
    skips = Skips()
    for record in read(kafka, FUSION_INPUT, partition, offset + 1):
        skips.note(log_entry(record), partition)
    if offset in skips.applied:
        return "The log says that fusion has passed it. One more request does no harm."
    if offset in skips.requested:
        return "It is asked for already: fusion passes it when it starts. One more request does no harm."
    return ""


def facts_of(entry: LogEntry) -> Facts:
    """What may be told of a record of the log."""
    try:
        envelope, record = read_entry(entry)
    except DecodeError as error:
        return Facts(f"undecodable ({error.cause})")
    device_id = getattr(record, "device_id", "")
    return Facts(envelope.kind.value, envelope.event_id, device_id)


def _show(record: LogRecord, *, blind: bool) -> None:
    facts = Facts("not looked at") if blind else facts_of(log_entry(record))
    sizes = f"key {len(record.key or b'')} bytes, value {len(record.value or b'')} bytes"
    echo(f"{FUSION_INPUT}/{record.partition}/{record.offset}")
    echo(f"  kind      {facts.kind}")
    if facts.event_id:
        echo(f"  event id  {_shown(facts.event_id)}")
    if facts.device_id:
        echo(f"  device    {_shown(facts.device_id)}")
    echo(f"  appended  {format_time(EpochMs(record.timestamp_ms))}")
    echo(f"  size      {sizes}")


def _shown(name: str) -> str:
    text = printable(name)
    return text if len(text) <= _LONGEST_ID else f"{text[:_LONGEST_ID]}… ({len(text)} characters)"
