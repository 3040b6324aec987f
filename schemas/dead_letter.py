"""The dead letter: a record that could not be used, kept with its topic, partition, offset and the cause."""

import msgspec

from schemas.errors import Cause
from schemas.units import EpochMs


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that could not be used, with its topic, partition, offset and the cause.

    For a sealed topic `detail`, `key` and `payload` are null, because no part of the record may be readable here.

    Attributes:
        topic: Topic of the record.
        partition: Its partition.
        offset: Its offset.
        appended_at: Its time stamp.
        cause: Why it could not be used, from a closed list.
        detail: What exactly was found, or null.
        key: Its key, or null.
        payload: Its bytes, or null.
        worker: The worker that rejected it.
    """

    topic: str
    partition: int
    offset: int
    appended_at: EpochMs
    cause: Cause
    detail: str | None
    key: bytes | None
    payload: bytes | None
    worker: str
