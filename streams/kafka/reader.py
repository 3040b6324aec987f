"""The one reader for what is read outside of a consumer group: registry, hotlist, snapshots, the log, `tail`.

It commits nothing and has no thread.
"""

from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from types import TracebackType
from typing import Final, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from schemas.units import EpochMs
from streams.kafka.admin import topic_id_of
from streams.kafka.client_settings import fetch_max_wait_ms
from streams.kafka.config import KafkaConfig
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.record import LogRecord, latest

__all__ = [
    "BrokerReader",
    "Follower",
    "LogRecord",
    "Start",
    "bounds",
    "latest",
    "latest_by_key",
    "read",
    "read_all",
]

_READ_WAIT_MS: Final = 10  # what the end of a partition costs a reading that is waited for
_FOLLOW_WAIT_MS: Final = 100  # a follower stays for weeks: ten idle fetches a second are enough


class Start(Enum):
    """Where a follower begins."""

    BEGINNING = OFFSET_BEGINNING
    END = OFFSET_END


def read(
    config: KafkaConfig, topic: str, partition: int, start: int, stop: int | None = None
) -> Iterator[LogRecord]:
    """Read one partition from `start` to `stop`, or to the end as of now.

    Args:
        config: The broker.
        topic: The topic.
        partition: The partition.
        start: First offset; one that retention took becomes the oldest that is there. A negative one counts
            from the end; on the embedded broker, whose high-water mark is too low, that gives more.
        stop: First offset that is not read any more; None reads to the end.

    Yields:
        Records in the order of their offsets, [start, stop).

    Raises:
        BrokerUnavailable: No broker answers, or nothing came for 15 s.
        AccessDenied: The broker refuses us.
        InputMissing: There is no such topic or partition.
        LogBroken: Retention overtook the reading.
    """
    with closing(PartitionReader(config, topic, fetch_wait_ms=_READ_WAIT_MS)) as reader:
        low, high = reader.bounds(partition)
        first = max(start if start >= 0 else high + start, low)
        known_end = {partition: high} if config.capabilities.exact_high_watermark else {}
        last = min((end for end in (stop, known_end.get(partition)) if end is not None), default=None)
        if last is not None and first >= last:
            return
        reader.assign({partition: first}, known_end)
        for record in reader.until_end():
            if last is not None and record.offset >= last:
                return
            yield record
            if record.offset + 1 == last:
                return


def bounds(config: KafkaConfig, topic: str, partition: int) -> tuple[int, int | None]:
    """The oldest offset of a partition, and the one after the newest where the broker's word for it is exact.

    Raises:
        As `read`.
    """
    with closing(PartitionReader(config, topic, fetch_wait_ms=_READ_WAIT_MS)) as reader:
        low, high = reader.bounds(partition)
    return low, high if config.capabilities.exact_high_watermark else None


def read_all(config: KafkaConfig, topic: str) -> Iterator[LogRecord]:
    """Every record of every partition up to the end as of now, in order within each.

    Raises:
        As `read`.
    """
    with closing(PartitionReader(config, topic, fetch_wait_ms=_READ_WAIT_MS)) as reader:
        starts, ends = _from_the_beginning(config, reader)
        reader.assign(starts, ends)
        for record in reader.until_end():
            if record.offset < ends.get(record.partition, record.offset + 1):
                yield record


def latest_by_key(config: KafkaConfig, topic: str) -> dict[bytes, LogRecord]:
    """The newest record of each key of a compacted topic, tombstones removed.

    Raises:
        As `read`.
    """
    return latest(read_all(config, topic))


class Follower:
    """Reads a whole topic, first to its end and then on, in the caller's own thread."""

    def __init__(
        self,
        config: KafkaConfig,
        topic: str,
        *,
        start: Start = Start.BEGINNING,
        since_ms: EpochMs | None = None,
    ) -> None:
        """Connect; nothing is read before the first poll.

        Args:
            config: The broker.
            topic: The topic.
            start: At the beginning, or at the end; on the embedded broker the end repeats the last batch.
            since_ms: Instead of `start`: at each partition's first record with this time stamp or later.

        Raises:
            BrokerUnavailable: No broker answers.
            AccessDenied: The broker refuses us.
            InputMissing: There is no such topic.
        """
        wait_ms = min(_FOLLOW_WAIT_MS, fetch_max_wait_ms(config))
        self._reader = PartitionReader(config, topic, fetch_wait_ms=wait_ms)
        self._too_old: dict[int, EpochMs] = {}
        try:
            starts, ends = _from_the_beginning(config, self._reader)
            if since_ms is None and start is Start.END:
                starts = {partition: ends.get(partition, OFFSET_END) for partition in starts}
            elif since_ms is not None and config.capabilities.offsets_by_time:
                starts = ends | self._reader.offsets_at(since_ms)
            elif since_ms is not None:
                self._too_old = dict.fromkeys(starts, since_ms)
            self._reader.assign(starts, ends)
        except BaseException:
            self.close()
            raise

    @property
    def caught_up(self) -> bool:
        """Whether every partition has been read to its end once; stays true until `resume`."""
        return self._reader.at_end

    def poll(self, timeout_s: float = 0.0) -> list[LogRecord]:
        """What has arrived; waits for the first record only, and for that `timeout_s` at most.

        Raises:
            LogBroken: Retention overtook us.
            AccessDenied: The broker refuses us.
            BrokerUnavailable: A partition cannot be read.
        """
        return [record for record in self._reader.poll(timeout_s) if self._is_wanted(record)]

    def catch_up(self) -> list[LogRecord]:
        """Everything up to the end as it is when it is reached.

        Raises:
            BrokerUnavailable: Nothing came for 15 s; else as `poll`.
        """
        return [record for record in self._reader.until_end() if self._is_wanted(record)]

    def pause(self) -> None:
        """Fetch nothing and hold nothing in memory until `resume`: one that is asked seldom costs nothing then."""
        self._reader.pause()

    def resume(self) -> None:
        """Follow on from the last record that was taken; `caught_up` begins anew."""
        self._reader.resume()

    def close(self) -> None:
        """Close the consumer."""
        self._reader.close()

    def _is_wanted(self, record: LogRecord) -> bool:
        if record.timestamp_ms < self._too_old.get(record.partition, 0):
            return False
        self._too_old.pop(record.partition, None)  # the first one is found, what follows it may be older
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class BrokerReader:
    """Everything that a worker reads outside of its consumer group, as one collaborator that a test replaces.

    Args:
        config: The broker.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config

    def follow(self, topic: str) -> Follower:
        """Follow a topic from its beginning. Blocks until it is connected."""
        return Follower(self._config, topic)

    def read(self, topic: str, partition: int, start: int, stop: int | None = None) -> Iterator[LogRecord]:
        """Read one partition, as `read`."""
        return read(self._config, topic, partition, start, stop)

    def bounds(self, topic: str, partition: int) -> tuple[int, int | None]:
        """The bounds of one partition, as `bounds`."""
        return bounds(self._config, topic, partition)

    def topic_id(self, topic: str) -> str:
        """The broker's own id of a topic, as `topic_id_of`."""
        return topic_id_of(self._config, topic)


def _from_the_beginning(
    config: KafkaConfig, reader: PartitionReader
) -> tuple[dict[int, int], dict[int, int]]:
    """Starts and known ends by partition."""
    if not config.capabilities.exact_high_watermark:
        return dict.fromkeys(reader.partitions, OFFSET_BEGINNING), {}
    bounds = {partition: reader.bounds(partition) for partition in reader.partitions}
    starts = {partition: low for partition, (low, _high) in bounds.items()}
    ends = {partition: high for partition, (_low, high) in bounds.items()}
    return starts, ends
