"""Recognise repeats: messages that two replicas of callbox send, or that one sends again after a crash.

unknown id ──────────────────► NEW       act on it
known id, the same bytes ────► REPEAT    drop it
known id, other bytes ───────► CONFLICT  two contents under one id: a fault of callbox or of another writer

A file to copy: it uses the standard library only, and no clock. An id that is dropped, by count or by age, would be
NEW again: a message is rather handled twice than not at all.
"""  # noqa: INP001 - a file to copy, no package

from collections import OrderedDict
from enum import Enum
from hashlib import blake2b


class Sight(Enum):
    """What a message is, compared with those before it."""

    NEW = "new"
    REPEAT = "repeat"
    CONFLICT = "conflict"


class Once:
    """Remembers ids and a digest of the content of each: about 300 bytes for a message.

    Args:
        most: How many ids are remembered; the oldest is dropped first.
        for_s: How long after its first message an id is remembered, seconds. Longer than a replica is ever down.
    """

    def __init__(self, most: int = 1_000_000, for_s: float = 86_400.0) -> None:
        if most < 1 or for_s <= 0:
            raise ValueError(f"most={most}, for_s={for_s}: both must be above 0")
        self._most, self._for_s = most, for_s
        self._seen: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def see(self, message_id: str, content: bytes, at_s: float) -> Sight:
        """Look at one message; the first content of an id is the one that counts.

        Args:
            message_id: `alert_id` of an alert; of an answer `ack_id` and `incident_id` together.
            content: The record's value as it came.
            at_s: Any clock that does not go back, seconds.
        """
        digest = blake2b(content, digest_size=16).digest()
        self._forget(at_s)
        known = self._seen.get(message_id)
        if known is not None:
            return Sight.REPEAT if known[1] == digest else Sight.CONFLICT
        self._seen[message_id] = (at_s, digest)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return Sight.NEW

    def _forget(self, at_s: float) -> None:
        """Drop what is too old; the oldest stand first."""
        while self._seen:
            first_at, _ = next(iter(self._seen.values()))
            if first_at + self._for_s > at_s:
                return
            self._seen.popitem(last=False)
