"""A compacted topic that a worker keeps in memory: the newest record of each key, followed as it changes.

read to its end ─► followed ─► what comes next is not there, or the topic is another one ─► read anew, and told
└ meanwhile, and while the broker is away, what is known stays in force
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import structlog

from schemas.codec import decode
from schemas.errors import AccessDenied, BrokerUnavailable, CallboxError, Cause, DecodeError
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.kafka.rare_log import RareLogger
from streams.kafka.reader import Follower
from streams.kafka.record import LogRecord

log = structlog.get_logger(__name__)

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class Blocking(Protocol):
    """Runs what blocks in an executor."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run it; other tasks go on meanwhile."""


class Spawned(Protocol):
    """A coroutine that runs on the event loop."""

    def done(self) -> bool:
        """Whether it has ended."""

    def result(self) -> Any:
        """What it returned, or raised."""


class CompactedTable(Generic[RecordT]):
    """The newest records of a compacted topic, by key.

    A record that does not decode is dead-lettered, and the one before it stays in force. One thread looks at it, that
    of the agent; reading anew runs on the event loop meanwhile, and any thread may call `begin_anew`.

    Args:
        topic: The topic.
        record: What it carries.
        follow: Opens a follower of a topic, at its beginning.
        blocking: Runs what blocks.
        reject: Makes the dead letter of a record.
        deliver: Returns when the broker has the records.
        monotonic: The clock by which the interval is kept.
        poll_interval_s: The topic is looked at no more often.
        keeps_known: Whether what was known stays in force where a topic that was made anew says nothing of it: a
            device still has its zone, while nothing may be matched against a list that is gone.
        tell: Told why the topic had to be read anew.
        spawn: Runs a coroutine on the event loop, from the thread that looks.
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
        keeps_known: bool = False,
        tell: Callable[[str, Cause], None] = lambda _topic, _cause: None,
        spawn: Callable[[Coroutine[Any, Any, None]], Spawned] = asyncio.ensure_future,
    ) -> None:
        self._topic, self._record = topic, record
        self._follow, self._blocking = follow, blocking
        self._reject, self._deliver = reject, deliver
        self._monotonic, self._poll_interval_s = monotonic, poll_interval_s
        self._by_key: dict[bytes, RecordT] = {}
        self._follower: Follower | None = None
        self._polled_at = 0.0
        self._keeps_known, self._tell, self._spawn = keeps_known, tell, spawn
        self._reading: Spawned | None = None
        self._anew_because: Cause | None = None
        self._rare = RareLogger(log, monotonic)
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
        await self._deliver(self._apply(await self._blocking(self._follower.catch_up)))

    async def refresh(self, *, interval_s: float | None = None) -> bool:
        """Look, and deliver the dead letters; True when anything was new. As `look`."""
        is_new, dead_letters = self.look(interval_s=interval_s)
        await self._deliver(dead_letters)
        return is_new

    def look(self, *, interval_s: float | None = None) -> tuple[bool, list[ProducerRecord]]:
        """Apply what is new, unless the topic was looked at less than an interval ago.

        It takes what the client has fetched and waits for no broker: microseconds where nothing is new, about 10 µs a
        record where something is.

        Args:
            interval_s: The interval for this call, for a caller that misses a key; None: that of the table.

        Returns:
            Whether anything was new, and the dead letters of what cannot be read.

        Raises:
            AccessDenied: The broker refuses us.
        """
        now = self._monotonic()
        interval = self._poll_interval_s if interval_s is None else interval_s
        if self._follower is None or now - self._polled_at < interval:
            return False, []
        self._polled_at = now
        if self._reading is not None:
            return self._has_read_anew(), []
        if (cause := self._anew_because) is not None:
            self._read_from_the_beginning(cause)
            return False, []
        try:
            records = self._follower.poll()
        except AccessDenied:
            raise
        except BrokerUnavailable as error:  # what is known stays in force; readiness shows the rest
            self._rare.warning("following.interrupted", topic=self._topic, error=str(error))
            return False, []
        except CallboxError as error:  # what comes next is not there, or the topic itself is not
            self._rare.warning("following.interrupted", topic=self._topic, error=str(error))
            self._read_from_the_beginning(Cause.RECORDS_MISSING)
            return False, []
        return bool(records), self._apply(records)

    def begin_anew(self, cause: Cause) -> None:
        """Read the topic from its beginning once more, with the next look; what is known stays in force."""
        if self._reading is None:
            self._anew_because = cause

    def _read_from_the_beginning(self, cause: Cause) -> None:
        """Nobody looks at the topic until this is done, so that one thread at a time has the follower."""
        self._anew_because = None
        self._tell(self._topic, cause)
        self._reading = self._spawn(self._read_anew())

    def _has_read_anew(self) -> bool:
        if self._reading is None or not self._reading.done():
            return False
        done, self._reading = self._reading, None
        try:
            done.result()
        except AccessDenied:
            raise
        except CallboxError as error:
            self._rare.warning("following.interrupted", topic=self._topic, error=str(error))
            self._reading = self._spawn(self._read_anew())
            return False
        return True

    async def _read_anew(self) -> None:
        follower = await self._blocking(self._follow, self._topic)
        records = await self._blocking(follower.catch_up)
        former, self._follower = self._follower, follower
        if former is not None:
            await self._blocking(former.close)
        if not self._keeps_known:
            self._by_key.clear()
            self.newest_at = EpochMs(0)
        await self._deliver(self._apply(records))

    def get(self, key: str) -> RecordT | None:
        """The newest record of a key."""
        return self._by_key.get(key.encode())

    def values(self) -> Iterable[RecordT]:
        """The newest record of every key."""
        return self._by_key.values()

    def _apply(self, records: Sequence[LogRecord]) -> list[ProducerRecord]:
        """Take records in; the dead letters of those that cannot be read."""
        dead_letters: list[ProducerRecord] = []
        for record in records:
            try:
                self._put(record)
            except DecodeError as error:
                dead_letters.append(self._reject(record, error.cause, str(error)))
            else:
                self.newest_at = max(self.newest_at, record.timestamp_ms)
        return dead_letters

    def _put(self, record: LogRecord) -> None:
        key = record.key or b""
        if record.value is None:
            self._by_key.pop(key, None)
        else:
            self._by_key[key] = decode(record.value, self._record)
