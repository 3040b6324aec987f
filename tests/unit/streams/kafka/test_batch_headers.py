"""Headers of batches as a broker sends them are read without what they hold being unpacked."""

import struct

import pytest
import zstandard
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batch_headers import BatchHeader, headers_in

ZSTD, GZIP, NONE = 4, 1, 0
HEADER_BYTES = 61


def batch(begin: int, sizes: list[int], codec: int = ZSTD) -> bytes:
    """One batch at an offset, with a value of each size; gzip's are not packed, since nobody unpacks them."""
    builder = DefaultRecordBatchBuilder(2, NONE, False, -1, -1, -1, 1 << 30)
    for number, size in enumerate(sizes):
        builder.append(number, 1_760_000_000_000, b"key", bytes(size), [])
    built = bytes(builder.build())
    records = built[HEADER_BYTES:]
    packed = zstandard.compress(records) if codec == ZSTD else records
    length = struct.pack(">i", HEADER_BYTES - 12 + len(packed))
    attributes = struct.pack(">h", codec)
    return begin.to_bytes(8, "big") + length + built[12:21] + attributes + built[23:HEADER_BYTES] + packed


def test_a_batch_says_where_it_ends_and_whether_it_unpacks_to_more() -> None:
    (header,) = headers_in(batch(40, [1 << 20] * 12))
    assert (header.begin, header.end) == (40, 52)
    assert header.unpacks_to_more_than(12 << 20)
    assert not header.unpacks_to_more_than(13 << 20)


def test_one_that_does_not_say_how_large_it_is_is_unpacked_up_to_the_limit() -> None:
    packer = zstandard.ZstdCompressor(write_content_size=False)
    header = BatchHeader(0, 1, memoryview(packer.compress(bytes(9 << 20))))
    assert header.unpacks_to_more_than((9 << 20) - 1)
    assert not header.unpacks_to_more_than(9 << 20)


def test_no_frame_chooses_how_much_memory_its_unpacking_takes() -> None:
    asked = zstandard.ZstdCompressionParameters(window_log=26, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=asked).compressobj()
    records = packer.compress(bytes(16 << 20)) + packer.flush()
    assert zstandard.get_frame_parameters(records).window_size == 64 << 20
    assert not BatchHeader(0, 1, memoryview(records)).unpacks_to_more_than(1 << 20)


@pytest.mark.parametrize("codec", [NONE, GZIP])
def test_of_another_codec_nothing_is_unpacked(codec: int) -> None:
    (header,) = headers_in(batch(7, [1 << 20], codec))
    assert (header.begin, header.end) == (7, 8)
    assert not header.unpacks_to_more_than(0)


@given(st.binary(max_size=100))
def test_what_is_no_zstd_is_not_known_to_be_too_large(records: bytes) -> None:
    assert not BatchHeader(0, 1, memoryview(records)).unpacks_to_more_than(1 << 20)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.data())
def test_of_a_row_of_batches_that_is_cut_short_every_whole_header_is_read(
    counts: list[int], data: st.DataObject
) -> None:
    at, row, expected = 5, b"", list[tuple[int, int]]()
    for count in counts:
        row += batch(at, [3] * count)
        expected.append((at, at + count))
        at += count
    cut = row[: data.draw(st.integers(0, len(row)))]
    found = [(each.begin, each.end) for each in headers_in(cut)]
    assert found == expected[: len(found)]
    if cut == row:
        assert found == expected


@given(st.binary(max_size=300))
def test_whatever_comes_ends(fetched: bytes) -> None:
    assert len(list(headers_in(fetched))) <= 5
