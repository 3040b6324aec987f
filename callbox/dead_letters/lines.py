"""Dead letters as lines of a terminal and as JSON. Neither shows anything of a record of a sealed topic."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from callbox.dead_letters.content import Content, content
from callbox.dead_letters.ledger import CauseCount, LocatedDeadLetter, RejectedRecord, format_place, is_sealed
from callbox.terminal.printable import printable
from callbox.terminal.times import format_time
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata

COUNT_HEADINGS: Final = ("topic", "cause", "given up by", "records", "letters", "newest")
RECORD_HEADINGS: Final = ("newest letter", "written", "cause", "given up by", "letters", "record")


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter as `callbox dlq show --json` prints it.

    Attributes:
        place: Its own place.
        written_at: When it was written.
        cause: Why its record was rejected.
        worker: The worker that rejected it.
        topic: Topic of the record.
        partition: Its partition.
        offset: Its offset.
        appended_at: Its time stamp.
        sealed: Nothing of the record is shown: all fields that follow are null.
        key: The record's key, as text.
        size: Size of the payload in bytes; null if the dead letter does not contain it.
        detail: Which field or byte was wrong.
        content: What can be decoded of the payload.
    """

    place: str
    written_at: EpochMs
    cause: str
    worker: str
    topic: str
    partition: int
    offset: int
    appended_at: EpochMs
    sealed: bool
    key: str | None = None
    size: int | None = None
    detail: str | None = None
    content: Content | None = None


def view_of(found: LocatedDeadLetter) -> DeadLetterView:
    """What may be shown of a dead letter."""
    dead_letter = found.dead_letter
    if is_sealed(found):
        return _view(found, sealed=True)
    looked = None if dead_letter.payload is None else content(dead_letter.payload)
    if dead_letter.payload is not None and looked is None:
        return _view(found, sealed=True)
    return _view(
        found,
        sealed=False,
        key=None if dead_letter.key is None else dead_letter.key.decode(errors="replace"),
        size=None if dead_letter.payload is None else len(dead_letter.payload),
        detail=dead_letter.detail,
        content=looked,
    )


def dead_letter_details(seen: DeadLetterView) -> list[tuple[str, str]]:
    """The same as lines for people: a label and a text each."""
    return [(label, printable(text)) for label, text in _details(seen)]


def count_row(count: CauseCount) -> tuple[str, ...]:
    """A row of the counts, in the order of `COUNT_HEADINGS`."""
    cells = (
        count.topic,
        str(count.cause),
        ", ".join(count.workers),
        str(count.records),
        str(count.dead_letters),
        format_time(count.newest_at),
    )
    return tuple(map(printable, cells))


def record_row(given: RejectedRecord) -> tuple[str, ...]:
    """A row of the newest records, in the order of `RECORD_HEADINGS`."""
    cells = (
        given.place,
        format_time(given.newest_at),
        str(given.cause),
        ", ".join(given.workers),
        str(given.dead_letters),
        format_place(RecordMetadata(given.topic, given.partition, given.offset)),
    )
    return tuple(map(printable, cells))


def _view(found: LocatedDeadLetter, *, sealed: bool, **of_the_record: Any) -> DeadLetterView:
    dead_letter = found.dead_letter
    return DeadLetterView(
        place=format_place(found.place),
        written_at=found.written_at,
        cause=str(dead_letter.cause),
        worker=dead_letter.worker,
        topic=dead_letter.topic,
        partition=dead_letter.partition,
        offset=dead_letter.offset,
        appended_at=dead_letter.appended_at,
        sealed=sealed,
        **of_the_record,
    )


def _details(seen: DeadLetterView) -> Iterator[tuple[str, str]]:
    yield "letter", f"{seen.place}, written {format_time(seen.written_at)}"
    yield "cause", seen.cause
    yield "given up by", seen.worker
    record = format_place(RecordMetadata(seen.topic, seen.partition, seen.offset))
    yield "record", f"{record}, appended {format_time(seen.appended_at)}"
    if seen.sealed:
        yield "sealed", "nothing of the record is kept here, and nothing of it is shown"
        yield "look", f"the record lies at {record}, as long as its topic keeps it"
        return
    yield "key", "none, or too large to be kept" if seen.key is None else seen.key
    if seen.detail is not None:
        yield "detail", seen.detail
    if seen.size is None or seen.content is None:
        why = "it names no schema of ours or is a sealed one, was a tombstone, or too large to be kept"
        yield "size", f"the letter holds no payload: {why}"
        yield "look", f"the record lies at {record}, as long as its topic keeps it"
        return
    yield "size", f"{seen.size} bytes"
    yield "schema", seen.content.schema
    label = "fields" if seen.content.is_whole else "fields read"
    yield label, msgspec.json.encode(seen.content.fields).decode()
    if seen.content.first_bytes is not None:
        yield "first bytes", seen.content.first_bytes
