"""Which partitions a member of a group has, from bytes that anybody may have written."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.batch import PartitionPlace
from streams.kafka.member_assignment import read_assignment


def written(*topics: tuple[str, tuple[int, ...]]) -> bytes:
    """As a Java client writes it."""
    data = struct.pack(">hi", 1, len(topics))
    for name, partitions in topics:
        data += struct.pack(">h", len(name)) + name.encode()
        data += struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    return data + struct.pack(">i", 0)


def test_the_partitions_of_every_topic_are_read() -> None:
    found = read_assignment(written(("alarm", (0, 3)), ("ack", (1,))))
    assert found == (PartitionPlace("alarm", 0), PartitionPlace("alarm", 3), PartitionPlace("ack", 1))


@pytest.mark.parametrize(
    "data", [None, b"", b"\x00", written(("alarm", (0,)))[:9], b"\x00\x01\x7f\xff\xff\xff"]
)
def test_what_is_no_assignment_has_no_partitions(data: bytes | None) -> None:
    assert read_assignment(data) == ()


def test_an_assignment_that_promises_millions_is_bounded() -> None:
    data = struct.pack(">hih", 0, 1, 1) + b"a" + struct.pack(">i", 1 << 30) + bytes(4 * 5_000)
    assert len(read_assignment(data)) == 1_000


@given(st.binary(max_size=200))
def test_no_bytes_are_a_failure(data: bytes) -> None:
    assert len(read_assignment(data)) <= 1_000
