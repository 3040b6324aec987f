"""Offsets that no commit may pass: records that were read, and about which nothing is decided yet.

    read ─► hold ─► batches behind it are processed, delivered and done as ever ─► release ─► committed as far as done

A commit is one number for a partition. With a limit an agent may keep a record for a moment without keeping what lies
behind it waiting, and without losing it: after a crash the partition is read again from that record on, and whatever
was forwarded meanwhile is forwarded once more, under the same ids.
"""

from collections.abc import Iterable
from typing import Protocol


class Located(Protocol):
    """A record as any client hands it over: what counts is its place."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def offset(self) -> int:
        """Its offset."""


class CommitLimits:
    """Which records are held, by partition. Changed by what decides; any member's thread asks."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], set[int]] = {}

    def hold(self, record: Located) -> None:
        """Let no commit pass this record. Called before the batch that it lies in is done."""
        self._held.setdefault((record.topic, record.partition), set()).add(record.offset)

    def release(self, records: Iterable[Located]) -> None:
        """These records are decided about, and what follows from that is delivered."""
        for record in records:
            place = record.topic, record.partition
            offsets = self._held.get(place, set())
            offsets.discard(record.offset)
            if not offsets:
                self._held.pop(place, None)

    def of(self, topic: str, partition: int) -> int | None:
        """The highest offset that may be committed; None without a limit."""
        return min(self._held.get((topic, partition), ()), default=None)

    def is_held(self, record: Located) -> bool:
        """Whether this very record is held: a partition that comes back is read again from its last commit on."""
        return record.offset in self._held.get((record.topic, record.partition), ())
