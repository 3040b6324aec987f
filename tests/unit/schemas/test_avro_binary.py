"""Single values in Avro's encoding: the common form is written and read, everything else is left to fastavro."""

import io
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import fastavro
import msgspec
import pytest

from schemas import avro_reading, avro_writing
from schemas.avro_binary import Unusual
from schemas.avro_schemas import schema_of
from schemas.codec import decode, encode, preload
from schemas.errors import DecodeError
from schemas.fusion_log import ExpectedFeeds, FeedWatermark
from schemas.generated import READERS
from tests.support.made_records import LONGS, RECORD_TYPES, TIMES, payloads

NOT_TAKEN = (Unusual, IndexError, KeyError, TypeError, ValueError, struct.error)
LARGEST_COUNT = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
SMALLEST_COUNT = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"


NEGATIVE_COUNT = b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01"
"""As many items as there can be, and the size of the block follows."""

LITTLE = 50_000
"""Bytes: some frames and a message, and no list of a billion items."""


def memory_to_refuse(payload: bytes, record: type[msgspec.Struct]) -> int:
    """The most memory, bytes, that it takes until a record is refused."""
    preload([record])
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode(payload, record)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def by_fastavro(schema: str, value: Any) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), value)
    return body.getvalue()


@pytest.mark.parametrize("value", sorted({*LONGS, *TIMES, *(1 << bit for bit in range(63))}))
def test_an_integer_is_written_and_read_as_fastavro_writes_it(value: int) -> None:
    for number in (value, -value) if value > -(2**63) else (value,):
        written = avro_writing.long_bytes(number)
        assert written == by_fastavro("long", number)
        assert avro_reading.read_long(b"?" + written + b"?", 1) == (number, 1 + len(written))
        assert avro_reading.read_time(b"?" + written + b"?????", 1) == (number, 1 + len(written))
        assert avro_reading.read_time(written, 0) == (number, len(written))
        twice = (number, number, 2 * len(written))
        assert avro_reading.read_two_times(written * 2 + b"?", 0) == twice
        assert avro_reading.read_two_times(written * 2, 0) == twice


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, -(2**64), 2**100])
def test_an_integer_of_more_than_64_bits_is_not_written(value: int) -> None:
    with pytest.raises(Unusual):
        avro_writing.long_bytes(value)


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 9 + b"\x02", b"\xff" * 10 + b"\x01", b"\x80" * 30],
    ids=["65 bits", "11 bytes", "endless"],
)
def test_an_integer_of_more_than_64_bits_is_not_read(data: bytes) -> None:
    with pytest.raises(Unusual):
        avro_reading.read_zigzag(data, 0)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8191, 8192, 100_000])
def test_a_string_of_any_length_is_written_and_read(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    written = avro_writing.string_bytes(text)
    assert written == by_fastavro("string", text)
    assert avro_reading.read_string(written, 0) == (text, len(written))
    blob = text.encode()
    assert avro_writing.blob_bytes(blob) == written
    assert avro_reading.read_blob(written, 0) == (blob, len(written))


def test_the_bytes_of_a_long_length_are_not_kept() -> None:
    kept = len(avro_writing.SIZE)
    avro_writing.string_bytes("x" * 20_000)
    assert len(avro_writing.SIZE) == kept


@pytest.mark.parametrize("size", [b"\1", b"\x81\1", SMALLEST_COUNT])
@pytest.mark.parametrize("read", [avro_reading.read_string, avro_reading.read_blob])
def test_a_negative_length_is_not_read(read: Callable[[bytes, int], object], size: bytes) -> None:
    with pytest.raises(Unusual):
        read(size + b"abcdef", 0)


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (avro_writing.string_bytes, b"a"),
        (avro_writing.some_string, b"a"),
        (avro_writing.blob_bytes, bytearray(b"a")),
        (avro_writing.some_blob, "a"),
        (avro_writing.some_long, True),
        (avro_writing.longs_bytes, (1, True)),
        (avro_writing.longs_bytes, [1]),
        (avro_writing.some_double, 1),
        (lambda value: avro_writing.array_bytes(value, avro_writing.string_bytes), ["a"]),
    ],
)
def test_a_value_of_another_type_is_left_to_fastavro(write: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(Unusual):
        write(value)


@pytest.mark.parametrize("count", [LARGEST_COUNT, SMALLEST_COUNT + b"\2", NEGATIVE_COUNT + LARGEST_COUNT])
@pytest.mark.parametrize("item", [b"\0", b"\2a"])
def test_a_count_without_its_items_takes_no_memory(count: bytes, item: bytes) -> None:
    header = schema_of(ExpectedFeeds).header
    assert memory_to_refuse(header + b"\2" + count + item * 3, ExpectedFeeds) < LITTLE


def test_a_length_without_its_bytes_takes_no_memory() -> None:
    header = schema_of(FeedWatermark).header
    assert memory_to_refuse(header + b"\2" + LARGEST_COUNT + b"abc", FeedWatermark) < LITTLE


@pytest.mark.parametrize("record", RECORD_TYPES, ids=lambda record: record.__name__)
def test_a_record_that_ends_too_early_or_too_late_is_not_taken(record: type[msgspec.Struct]) -> None:
    payload = min(payloads(record), key=len)
    for other in (payload[:-1], payload + b"\0", payload[:10], b"", None, bytearray(payload)):
        with pytest.raises(NOT_TAKEN):
            READERS[record](other)


def test_a_time_is_written_once_and_remembered() -> None:
    avro_writing.long_bytes.cache_clear()
    encode(FeedWatermark(feed="pillars", topic="t", partitions=(1, 1, 1), at=1))  # type: ignore[arg-type]
    assert avro_writing.long_bytes.cache_info().currsize <= 2


@pytest.mark.parametrize("nothing", [b"\0", b"\x80\0", b"\x80\x80\0"])
def test_no_items_are_no_items_in_however_many_bytes_that_is_said(nothing: bytes) -> None:
    assert avro_reading.read_array(nothing + b"\0", 0, avro_reading.read_string) == ((), len(nothing))
    assert avro_reading.read_symbols(nothing + b"\0", 0, {0: "a"}) == ((), len(nothing))
    assert avro_reading.read_longs(nothing + b"\0", 0) == ((), len(nothing))
