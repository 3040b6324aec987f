"""What one poll has brought, as batches of one partition each."""

from typing import Final

from confluent_kafka import Message

from schemas.units import EpochMs
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.kafka.record import LogRecord

_NOWHERE: Final = PartitionPlace("", -1)


class FetchedBatches:
    """The messages of one poll, in the order in which they came.

    Args:
        state: Knows under which assignment, and from which offset on, each partition is read.
        batch_records: The most records in one batch.
    """

    def __init__(self, state: GroupState, batch_records: int) -> None:
        self._state, self._batch_records = state, batch_records
        self._records: dict[PartitionPlace, list[LogRecord]] = {}
        self._last, self._run = _NOWHERE, list[LogRecord]()
        """Whose record came last, and those of it: records of one partition come in long runs."""
        self.ends: set[PartitionPlace] = set()
        """Partitions that were at their end after what is added."""

    def add(self, message: Message) -> None:
        """Add a record."""
        record = _record(message)
        if record.partition != self._last.partition or record.topic != self._last.topic:
            self._last = PartitionPlace(record.topic, record.partition)
            self._run = self._records.setdefault(self._last, [])
            self.ends.discard(self._last)
        self._run.append(record)

    def add_end(self, place: PartitionPlace) -> None:
        """Nothing more was there of a partition."""
        self.ends.add(place)
        self._last = _NOWHERE

    def cut(self) -> list[Batch]:
        """The batches of what is added. Of a partition that begins anew there are none: it is read again."""
        batches = []
        for place, records in self._records.items():
            at = self._state.position(place)
            if at is None:
                continue
            epoch, start = at
            for cut in range(0, len(records), self._batch_records):
                batch = Batch(records[cut : cut + self._batch_records], start, epoch)
                self._state.fetched(batch)
                batches.append(batch)
                start = batch.end
        return batches


def _record(message: Message) -> LogRecord:
    headers = message.headers()
    return LogRecord(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        EpochMs(max(message.timestamp()[1], 0)),
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type]  # the stub allows what is only sent
    )
