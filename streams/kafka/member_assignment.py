"""Which partitions a member of a consumer group has, from the bytes in which the group's leader has written it down.

    version int16 | topics int32 { name int16-length text | partitions int32 { int32 } } | user data

Source: Apache Kafka, ConsumerProtocolAssignment.json. Anybody may be the leader, so the bytes may be anything.
"""

import struct
from typing import Final

from streams.kafka.batch import PartitionPlace

_MOST: Final = 1_000
"""Partitions that are read; a county's topics have a few."""


def read_assignment(data: bytes | None) -> tuple[PartitionPlace, ...]:
    """The partitions, in the order given; empty where the bytes are none of a consumer's."""
    try:
        return _read(data or b"")
    except (struct.error, UnicodeDecodeError):
        return ()


def _read(data: bytes) -> tuple[PartitionPlace, ...]:
    found: list[PartitionPlace] = []
    _version, topics = struct.unpack_from(">hi", data)
    at = 6
    for _ in range(min(topics, _MOST)):
        (length,) = struct.unpack_from(">h", data, at)
        at += 2
        if length < 0 or at + length > len(data):
            return ()
        name = data[at : at + length].decode()
        at += length
        (count,) = struct.unpack_from(">i", data, at)
        at += 4
        for _ in range(count):
            (partition,) = struct.unpack_from(">i", data, at)
            at += 4
            found.append(PartitionPlace(name, partition))
            if len(found) == _MOST:
                return tuple(found)
    return tuple(found)
