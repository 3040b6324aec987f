"""The writer of the log: every new record of `fusion.input.v1` is made here.

    a fact of one zone ─► fact ──────► the zone's partition, by its key
    a fact of intake ───► forward ───► the same
    for every partition ► broadcast ─► each of the partitions that are named, without a key
    a record is skipped ► skip_fact ─► the partition of that record, without a key

`callbox dlq retry` writes there too: the bytes of a record that was made here before.
"""

from collections.abc import Iterable

import msgspec

from processors.intake.envelope import envelope
from schemas.codec import encode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.ids import fingerprint
from schemas.topics import FUSION_INPUT
from streams.kafka.producer import ProducerRecord


def fact(kind: InputKind, event_id: str, zone: str, record: msgspec.Struct) -> ProducerRecord:
    """A record about one zone.

    Args:
        kind: What the record is.
        event_id: Names the fact; equal on a repeat.
        zone: Whose partition gets it.
        record: What the fold is told.
    """
    return forward(envelope(kind, event_id, zone, record))


def forward(made: FusionInput) -> ProducerRecord:
    """A record that is in its envelope already, as intake makes it."""
    return ProducerRecord(FUSION_INPUT, made.zone.encode(), encode(made))


def broadcast(
    kind: InputKind, event_id: str, record: msgspec.Struct, partitions: Iterable[int]
) -> list[ProducerRecord]:
    """The same record to each of these partitions: it belongs to no zone.

    Args:
        kind: What the record is.
        event_id: Names the fact; equal on a repeat.
        record: What the fold is told.
        partitions: Of the log.
    """
    value = encode(envelope(kind, event_id, "", record))
    return [ProducerRecord(FUSION_INPUT, b"", value, partition) for partition in partitions]


def skip_fact(notice: SkipNotice) -> list[ProducerRecord]:
    """The record of a skip fact, for the partition that it is about."""
    name = fingerprint("skip", notice.partition, notice.offset, notice.step, notice.at)
    return broadcast(InputKind.SKIP, name, notice, [notice.partition])
