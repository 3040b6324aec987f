"""Records of one partition that were fetched together, and where they stand in it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from streams.kafka.record import LogRecord


class PartitionPlace(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Batch(Sequence[LogRecord]):
    """Records of one partition, in order, never empty.

    Args:
        records: The records.
        start: Where the batch begins in its partition: the offset after the batch before it, or where reading began.
            Between it and the first record may lie markers of transactions, which nobody is given.
        epoch: The assignment under which it was fetched; one of an earlier assignment is never committed.
        deaths: How many workers have died of its only record, where it is to be quarantined; else 0.
    """

    __slots__ = ("_records", "deaths", "end", "epoch", "place", "start")

    def __init__(
        self, records: Sequence[LogRecord], start: int | None = None, epoch: int = 0, *, deaths: int = 0
    ) -> None:
        self._records = tuple(records)
        first, last = self._records[0], self._records[-1]
        self.place = PartitionPlace(first.topic, first.partition)
        self.start = first.offset if start is None else start
        self.end = last.offset + 1
        self.epoch = epoch
        self.deaths = deaths

    @property
    def topic(self) -> str:
        """The topic of all of them."""
        return self.place.topic

    @property
    def partition(self) -> int:
        """The partition of all of them."""
        return self.place.partition

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> LogRecord: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[LogRecord, ...]: ...

    def __getitem__(self, index: int | slice) -> LogRecord | tuple[LogRecord, ...]:
        return self._records[index]

    def __iter__(self) -> Iterator[LogRecord]:
        return iter(self._records)

    def __repr__(self) -> str:
        """Where it lies and no content: it may come from a sealed topic, and this text reaches logs."""
        return f"Batch({self.topic}[{self.partition}]@{self.start}-{self.end})"
