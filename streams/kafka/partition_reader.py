"""One librdkafka consumer over partitions of one topic, outside of any group; streams/kafka/reader.py uses it.

    assigned ──records──► … ──the end of each partition──► at_end ──records, as they come──► …

An end is where a fetch found nothing more (PARTITION_EOF), or, where the broker's is exact, the high-water
mark of the start: on a partition that is written to all the time no fetch ever finds nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Final, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import BrokerUnavailable, InputMissing, LogBroken
from schemas.units import EpochMs
from streams.clock import monotonic, pause
from streams.kafka.batch_end import TOO_LARGE, find_end
from streams.kafka.batch_headers import BatchHeaders
from streams.kafka.client_settings import consumer_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.errors import explain, is_refusal, settings_refused
from streams.kafka.fetch_limits import UNPACKED_SETTING, fetch_limits
from streams.kafka.listener_probe import diagnose
from streams.kafka.record import LogRecord

log = structlog.get_logger(__name__)

_GROUP: Final = "callbox-reader"  # librdkafka wants a name; nothing is ever committed under it,
_NO_GROUP: Final = KafkaError.GROUP_AUTHORIZATION_FAILED  # so that no ACL on it is needed either
_ANSWER_S: Final = 10.0  # a metadata or offset request
_METADATA_S: Final = 2.0  # one of several: between two the errors of the connection are looked at
_STALLED_S: Final = 15.0  # neither a record nor an end for so long: the broker is gone
_STEP_S: Final = 0.02
_MOST: Final = 5_000  # records a poll: about 50 ms of reading
_RETRY_S: Final = 0.05
# They pass by themselves: a topic was just created (seen: leader in the metadata, not yet on the broker), or a
# broker was lost and another one takes over.
_PASSING: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError._TRANSPORT,  # noqa: SLF001 - librdkafka's public name for it
    }
)

Answer = TypeVar("Answer")


class PartitionReader:
    """Reads assigned partitions in the caller's own thread: records move when `poll` is called."""

    def __init__(self, config: KafkaConfig, topic: str, *, fetch_wait_ms: int) -> None:
        """Connect; nothing is assigned yet.

        Args:
            config: The broker.
            topic: The topic.
            fetch_wait_ms: How long a fetch may wait for records; also what the end of a partition costs.

        Raises:
            BrokerUnavailable: No broker answers.
            AccessDenied: The broker refuses us.
            InputMissing: There is no such topic.
        """
        self._config, self._topic = config, topic
        self._refusal: KafkaError | None = None
        self._waiting: set[int] = set()
        self._ends: dict[int, int] = {}
        self._is_assigned = False
        settings = (
            consumer_settings(config, _GROUP)
            | fetch_limits(config, [topic])
            | {
                "fetch.wait.max.ms": fetch_wait_ms,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",  # never jump over what retention took
                "error_cb": self._on_error,
            }
        )
        self._unpacked_limit = settings[UNPACKED_SETTING]
        try:
            self._consumer = Consumer(settings)
        except KafkaException as error:
            raise settings_refused(error) from error
        try:
            self.partitions = self._ask_for_partitions()
        except BaseException:
            self.close()
            raise

    @property
    def at_end(self) -> bool:
        """Whether every assigned partition has been read to its end once."""
        return not self._waiting

    def bounds(self, partition: int) -> tuple[int, int]:
        """The oldest offset and the one after the newest; the latter is too low on the embedded broker."""
        if partition not in self.partitions:
            raise InputMissing(f"{self._config.bootstrap}: {self._topic} has no partition {partition}")
        place = TopicPartition(self._topic, partition)
        return self._ask(lambda: self._consumer.get_watermark_offsets(place, timeout=_ANSWER_S))

    def offsets_at(self, time_ms: EpochMs) -> dict[int, int]:
        """For each partition the first offset whose record is as late as `time_ms`; absent where none is."""
        asked = [TopicPartition(self._topic, partition, time_ms) for partition in self.partitions]
        answered = self._ask(lambda: self._consumer.offsets_for_times(asked, timeout=_ANSWER_S))
        return {place.partition: place.offset for place in answered if place.offset >= 0}

    def assign(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Read from `starts`, by partition; `ends` are the high-water marks that are known to be exact."""
        self._ends, self._is_assigned = dict(ends), True
        self._waiting = {partition for partition, start in starts.items() if start != ends.get(partition)}
        self._consumer.assign(
            [TopicPartition(self._topic, partition, start) for partition, start in starts.items()]
        )

    def pause(self) -> None:
        """Fetch nothing and keep nothing that was fetched and not taken, until `resume`."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Go on where reading stopped; `at_end` is false until every partition has been read to its end once more."""
        self._ends = {}
        self._waiting = {place.partition for place in self._consumer.assignment()}
        self._consumer.resume(self._consumer.assignment())

    def poll(self, timeout_s: float = 0.0) -> list[LogRecord]:
        """What has arrived; waits for the first record only, and for that `timeout_s` at most.

        Raises:
            LogBroken: The next offset is no longer there: retention overtook us.
            AccessDenied: The broker refuses us.
            BrokerUnavailable: The partition cannot be read.
        """
        first = self._consumer.poll(timeout_s)
        if first is None:
            if self._refusal is not None:
                raise explain(self._config, self._refusal)
            return []
        # A time-out would be waited out in full here. Without one: what the fetcher has, and no more.
        messages = [first, *self._consumer.consume(_MOST - 1, 0)]
        return [record for message in messages if (record := self._record(message)) is not None]

    def until_end(self) -> Iterator[LogRecord]:
        """Records up to the end of every partition, in order within each.

        Raises:
            BrokerUnavailable: Nothing came for 15 s; else as `poll`.
        """
        deadline = monotonic() + _STALLED_S
        while not self.at_end:
            left = len(self._waiting)
            records = self.poll(_STEP_S)
            yield from records
            if records or len(self._waiting) < left:
                deadline = monotonic() + _STALLED_S
            elif monotonic() > deadline:
                raise BrokerUnavailable(
                    f"{self._config.bootstrap}: {self._topic} gave no record for {_STALLED_S:g} s"
                )

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _ask_for_partitions(self) -> list[int]:
        # Never by name: the embedded broker creates a topic that it is asked for.
        found = self._ask(lambda: self._consumer.list_topics(timeout=_METADATA_S)).topics.get(self._topic)
        if found is None or not found.partitions:
            raise InputMissing(
                f"{self._config.bootstrap}: topic {self._topic} is not there, or we may not see it: "
                "callbox topics apply creates it"
            )
        return sorted(found.partitions)

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask until the answer is not an error that passes by itself."""
        deadline = monotonic() + _ANSWER_S
        while True:
            try:
                return question()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if not self._is_assigned:  # serves `_on_error`; nothing can come that would be lost here
                    self._consumer.poll(0)
                if reason.code() not in _PASSING or self._refusal or monotonic() > deadline:
                    raise diagnose(self._config, self._refusal or reason) from error
                pause(_RETRY_S)

    def _record(self, message: Message) -> LogRecord | None:
        partition, offset = message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is not None and error.code() == TOO_LARGE:
            self._leave_out(partition, offset)
            return None
        if error is not None:
            self._judge(error, partition)
            return None
        if offset + 1 >= self._ends.get(partition, offset + 2):
            self._waiting.discard(partition)
        headers = message.headers()
        return LogRecord(
            self._topic,
            partition,
            offset,
            EpochMs(max(message.timestamp()[1], 0)),
            message.key(),
            message.value(),
            tuple(headers) if headers else (),  # type: ignore[arg-type]  # the stub allows what is only sent
        )

    def _leave_out(self, partition: int, offset: int) -> None:
        """Read on behind a batch that unpacks to more than we take."""
        with closing(BatchHeaders(self._config, self._topic)) as headers:
            end = find_end(headers, partition, offset, self._unpacked_limit)
        if end is None:
            return
        log.error("fetch.left_out", topic=self._topic, partition=partition, offset=offset, end=end)
        if end >= self._ends.get(partition, end + 1):
            self._waiting.discard(partition)
        self._consumer.seek(TopicPartition(self._topic, partition, end))

    def _judge(self, error: KafkaError, partition: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's public name for it
            self._waiting.discard(partition)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - as above
            raise LogBroken(f"{self._topic}[{partition}]: {error.str()}")
        elif error.code() not in _PASSING and error.code() != _NO_GROUP:
            raise explain(self._config, error)

    def _on_error(self, error: KafkaError) -> None:
        if is_refusal(error) and error.code() != _NO_GROUP:
            self._refusal = error
