"""A compacted topic that a worker keeps in memory: the newest record of each key, followed as it changes."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import structlog

from schemas.codec import decode
from schemas.errors import BrokerUnavailable, Cause, DecodeError
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.kafka.rare_log import RareLog
from streams.kafka.reader import Follower
from streams.kafka.record import LogRecord

log = structlog.get_logger(__name__)

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class Blocking(Protocol):
    """Runs what blocks in an executor."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run it; other tasks go on meanwhile."""


class CompactedTable(Generic[RecordT]):
    """The newest records of a compacted topic, by key.

    A record that does not decode is dead-lettered, and the one before it stays in force.

    Args:
        topic: The topic.
        record: What it carries.
        follow: Opens a follower of a topic, at its beginning.
        blocking: Runs what blocks.
        reject: Makes the dead letter of a record.
        deliver: Returns when the broker has the records.
        monotonic: The clock by which the interval is kept.
        poll_interval_s: The topic is looked at no more often.
    """

    def __init__(
        self,
        topic: str,
        record: type[RecordT],
        *,
        follow: Callable[[str], Follower],
        blocking: Blocking,
        reject: Callable[[LogRecord, Cause, str], ProducerRecord],
        deliver: Callable[[Sequence[ProducerRecord]], Awaitable[Any]],
        monotonic: Callable[[], float],
        poll_interval_s: float,
    ) -> None:
        self._topic, self._record = topic, record
        self._follow, self._blocking = follow, blocking
        self._reject, self._deliver = reject, deliver
        self._monotonic, self._poll_interval_s = monotonic, poll_interval_s
        self._by_key: dict[bytes, RecordT] = {}
        self._follower: Follower | None = None
        self._polled_at = 0.0
        self._rare = RareLog()
        self.newest_at = EpochMs(0)
        """Append time of the newest record that could be read: how fresh the table is."""

    async def start(self) -> None:
        """Read the topic to its end.

        Raises:
            BrokerUnavailable: No broker answers.
            AccessDenied: The broker refuses us.
            InputMissing: There is no such topic.
        """
        self._follower = await self._blocking(self._follow, self._topic)
        await self._apply(await self._blocking(self._follower.catch_up))

    async def refresh(self, *, interval_s: float | None = None) -> bool:
        """Apply what is new, unless the topic was looked at less than an interval ago.

        It takes what the client has fetched and waits for no broker: microseconds where nothing is new, about 10 µs a
        record where something is.

        Args:
            interval_s: The interval for this call, for a caller that misses a key; None: that of the table.

        Returns:
            True when anything was new.
        """
        now = self._monotonic()
        interval = self._poll_interval_s if interval_s is None else interval_s
        if self._follower is None or now - self._polled_at < interval:
            return False
        self._polled_at = now
        try:
            records = self._follower.poll()
        except BrokerUnavailable as error:  # what is known stays in force; readiness shows the rest
            if (left_out := self._rare.due("following.interrupted", now)) is not None:
                log.warning("following.interrupted", topic=self._topic, error=str(error), left_out=left_out)
            return False
        await self._apply(records)
        return bool(records)

    def get(self, key: str) -> RecordT | None:
        """The newest record of a key."""
        return self._by_key.get(key.encode())

    def values(self) -> Iterable[RecordT]:
        """The newest record of every key."""
        return self._by_key.values()

    async def _apply(self, records: Sequence[LogRecord]) -> None:
        dead_letters: list[ProducerRecord] = []
        for record in records:
            try:
                self._put(record)
            except DecodeError as error:
                dead_letters.append(self._reject(record, error.cause, str(error)))
            else:
                self.newest_at = max(self.newest_at, record.timestamp_ms)
        await self._deliver(dead_letters)

    def _put(self, record: LogRecord) -> None:
        key = record.key or b""
        if record.value is None:
            self._by_key.pop(key, None)
        else:
            self._by_key[key] = decode(record.value, self._record)
