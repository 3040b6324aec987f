"""One record of the log as the fold reads it, independent of any Kafka client's message type."""

from hashlib import blake2b
from typing import NamedTuple

from schemas.units import EpochMs


class LogEntry(NamedTuple):
    """One record of one partition of `fusion.input.v1`.

    Attributes:
        offset: Its offset.
        append_ms: When the broker appended it (on the embedded broker: the writer's time).
        key: The record's key, which is the zone.
        value: The envelope, Avro single-object encoding; None is a tombstone.
        writer: Who has written it, by its signature; empty where it bears none that is right, and None where nobody
            has looked.
    """

    offset: int
    append_ms: EpochMs
    key: bytes | None
    value: bytes | None
    writer: str | None = None


def record_hash(entry: LogEntry) -> str:
    """Hash the key and value of an entry, so that a snapshot can be compared with its log.

    Returns:
        32 characters, lower-case hexadecimal (128 bits of BLAKE2b).
    """
    key = entry.key or b""
    digest = blake2b(len(key).to_bytes(4, "big") + key, digest_size=16)
    digest.update(entry.value or b"")
    return digest.hexdigest()
