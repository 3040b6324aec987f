"""Dead letters as people read them at a terminal, and as JSON; nothing of a sealed topic's record is in either."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from callbox.dead_letters.content import Content, content
from callbox.dead_letters.ledger import Count, Found, GivenUp, is_sealed, spelled
from callbox.terminal.printable import printable
from callbox.terminal.times import format_time
from schemas.units import EpochMs
from streams.kafka.producer import RecordMetadata

COUNT_HEADINGS: Final = ("topic", "cause", "given up by", "records", "letters", "newest")
RECORD_HEADINGS: Final = ("newest letter", "written", "cause", "given up by", "letters", "record")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as `callbox dlq show --json` prints it.

    Attributes:
        place: Its own.
        written_at: When.
        cause: Why its record was given up.
        worker: By whom.
        topic: Where the record lay.
        partition: Its partition.
        offset: Its offset.
        appended_at: Its time stamp.
        sealed: Nothing of the record is shown: all that follows is null.
        key: The record's key, as text.
        size: Of its payload, in bytes; null where the letter does not hold it.
        detail: What was found.
        content: What can be read of the payload.
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


def shown(found: Found) -> Shown:
    """What may be shown of a letter."""
    letter = found.letter
    if is_sealed(found):
        return _shown(found, sealed=True)
    looked = None if letter.payload is None else content(letter.payload)
    if letter.payload is not None and looked is None:
        return _shown(found, sealed=True)
    return _shown(
        found,
        sealed=False,
        key=None if letter.key is None else letter.key.decode(errors="replace"),
        size=None if letter.payload is None else len(letter.payload),
        detail=letter.detail,
        content=looked,
    )


def details(seen: Shown) -> list[tuple[str, str]]:
    """The same for people: what a line is about, and what it says."""
    return [(label, printable(text)) for label, text in _details(seen)]


def count_row(count: Count) -> tuple[str, ...]:
    """A line of the counts, as `COUNT_HEADINGS`."""
    cells = (
        count.topic,
        str(count.cause),
        ", ".join(count.workers),
        str(count.records),
        str(count.letters),
        format_time(count.newest_at),
    )
    return tuple(map(printable, cells))


def record_row(given: GivenUp) -> tuple[str, ...]:
    """A line of the newest records, as `RECORD_HEADINGS`."""
    cells = (
        given.place,
        format_time(given.newest_at),
        str(given.cause),
        ", ".join(given.workers),
        str(given.letters),
        spelled(RecordMetadata(given.topic, given.partition, given.offset)),
    )
    return tuple(map(printable, cells))


def _shown(found: Found, *, sealed: bool, **of_the_record: Any) -> Shown:
    letter = found.letter
    return Shown(
        place=spelled(found.place),
        written_at=found.written_at,
        cause=str(letter.cause),
        worker=letter.worker,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        appended_at=letter.appended_at,
        sealed=sealed,
        **of_the_record,
    )


def _details(seen: Shown) -> Iterator[tuple[str, str]]:
    yield "letter", f"{seen.place}, written {format_time(seen.written_at)}"
    yield "cause", seen.cause
    yield "given up by", seen.worker
    record = spelled(RecordMetadata(seen.topic, seen.partition, seen.offset))
    yield "record", f"{record}, appended {format_time(seen.appended_at)}"
    if seen.sealed:
        yield "sealed", "nothing of the record is kept here, and nothing of it is shown"
        return
    yield "key", "none, or too large to be kept" if seen.key is None else seen.key
    if seen.detail is not None:
        yield "detail", seen.detail
    if seen.size is None or seen.content is None:
        yield "size", "the letter holds no payload: it was a tombstone, or too large to be kept"
        return
    yield "size", f"{seen.size} bytes"
    yield "schema", seen.content.schema
    if seen.content.fields is not None:
        label = "fields" if seen.content.is_whole else "fields read"
        yield label, msgspec.json.encode(seen.content.fields).decode()
    if seen.content.first_bytes is not None:
        yield "first bytes", seen.content.first_bytes
