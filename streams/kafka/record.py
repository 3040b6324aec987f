"""A record as it lies in a topic, and what a compacted topic says when all of it has been read."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.units import EpochMs


class LogRecord(NamedTuple):
    """One record, still encoded.

    Attributes:
        topic: Where it lies.
        partition: From 0.
        offset: Its place in the partition; gaps are possible.
        timestamp_ms: The broker's append time or the writer's, as the topic is set; 0 when there is none.
        key: None when it was written without.
        value: None is a tombstone.
        headers: Name and bytes, in the order they were written.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: EpochMs
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    def __repr__(self) -> str:
        """Where it lies and no content: a record may come from a sealed topic, and this text reaches logs."""
        size = "tombstone" if self.value is None else f"{len(self.value)} B"
        return f"LogRecord({self.topic}[{self.partition}]@{self.offset}, {size})"


def latest(records: Iterable[LogRecord]) -> dict[bytes, LogRecord]:
    """The newest record of each key, tombstones removed; what a compacted topic means.

    Records of one key come from one partition, in order. A record without a key has no successor and is left
    out (Kafka refuses one on a compacted topic, the embedded broker does not).
    """
    found: dict[bytes, LogRecord] = {}
    for record in records:
        if record.key is None:
            continue
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = record
    return found
