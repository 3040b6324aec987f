"""A compacted topic that a worker keeps in memory: the newest record of each key, followed as it changes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
import structlog

from schemas.codec import decode
from schemas.errors import BrokerUnavailable, DecodeError
from schemas.units import EpochMs
from streams.clock import monotonic
from streams.kafka.dead_letters import bury
from streams.kafka.reader import Follower
from streams.kafka.record import LogRecord
from streams.worker.context import Context

if TYPE_CHECKING:
    from streams.kafka.producer import ProducerRecord

log = structlog.get_logger(__name__)

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class CompactedTable(Generic[RecordT]):
    """The newest records of a compacted topic, by key.

    A record that does not decode is dead-lettered, and the one before it stays in force.

    Args:
        context: The worker.
        topic: The topic.
        record: What it carries.
    """

    def __init__(self, context: Context, topic: str, record: type[RecordT]) -> None:
        self._context, self._topic, self._record = context, topic, record
        self._by_key: dict[bytes, RecordT] = {}
        self._follower: Follower | None = None
        self._polled_at = 0.0
        self.newest_at = EpochMs(0)
        """Append time of the newest record that could be read: how fresh the list is."""

    async def start(self) -> None:
        """Read the topic to its end.

        Raises:
            BrokerUnavailable: No broker answers.
            AccessDenied: The broker refuses us.
            InputMissing: There is no such topic.
        """
        self._follower = await self._context.blocking(Follower, self._context.kafka, self._topic)
        records = await self._context.blocking(self._follower.catch_up)
        await self._take(records)

    async def refresh(self) -> bool:
        """Take in what is new, at most once per `registry_poll_s`; True when anything was."""
        due = monotonic() - self._polled_at >= self._context.runtime.registry_poll_s
        if self._follower is None or not due:
            return False
        self._polled_at = monotonic()
        try:
            records = self._follower.poll()
        except BrokerUnavailable as error:  # what we know stays in force; readiness tells of the rest
            log.warning("following.interrupted", topic=self._topic, error=str(error))
            return False
        await self._take(records)
        return bool(records)

    def get(self, key: str) -> RecordT | None:
        """The newest record of a key."""
        return self._by_key.get(key.encode())

    def values(self) -> Iterable[RecordT]:
        """The newest record of every key."""
        return self._by_key.values()

    async def _take(self, records: list[LogRecord]) -> None:
        letters: list[ProducerRecord] = []
        for record in records:
            try:
                self._keep(record)
            except DecodeError as error:
                worker, metrics = self._context.name, self._context.metrics
                letters.append(bury(record, error.cause, str(error), worker=worker, metrics=metrics))
            else:
                self.newest_at = max(self.newest_at, record.timestamp_ms)
        await self._context.delivery.deliver(letters)

    def _keep(self, record: LogRecord) -> None:
        key = record.key or b""
        if record.value is None:
            self._by_key.pop(key, None)
        else:
            self._by_key[key] = decode(record.value, self._record)
