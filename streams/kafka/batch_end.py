"""Where a batch ends that unpacks to more than a client takes, so that reading goes on behind it.

librdkafka says where such a batch begins, asks for it again twice a second, and never gets past it. It does not say
where the batch ends; but of a batch that ends before the offset that is asked for it unpacks nothing. So the end is
the first offset at which the same batch does not come again, and it is searched for by halves.

    offset ──inside? yes──► + 1, 2, 4, … ──no──► halves ──► the end; another such batch begins there: once more
           └────────no─► it can be read now: nothing is left out
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import BrokerUnavailable, CallboxError
from streams.clock import monotonic
from streams.kafka.batch import PartitionPlace
from streams.kafka.client_settings import consumer_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.fetch_limits import fetch_limits

log = structlog.get_logger(__name__)

TOO_LARGE: Final = KafkaError._BAD_COMPRESSION  # noqa: SLF001 - librdkafka's public names begin so

MOST_BATCHES: Final = 64
"""How many such batches in a row are left out at once: a search takes some twenty answers of the broker at most."""

_GROUP: Final = "callbox-reader"  # as that of partition_reader.py: nothing is committed under it
_ANSWER_S: Final = 10.0
_STEP_S: Final = 0.05
_GONE: Final = frozenset(
    {
        KafkaError._PARTITION_EOF,  # noqa: SLF001 - as above
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)
"""What is asked for is not there: the batch ends before it."""


class TooLarge(NamedTuple):
    """Batches that unpack to more than we take.

    Attributes:
        place: Their partition.
        epoch: The assignment under which they came.
        offset: Of the first record in them.
        end: After the last.
    """

    place: PartitionPlace
    epoch: int
    offset: int
    end: int


class BatchProbe:
    """Asks a broker which batch an offset lies in. It belongs to one thread.

    Args:
        config: The broker.
        topic: The topic.
        make_consumer: Makes the librdkafka consumer.
    """

    def __init__(
        self,
        config: KafkaConfig,
        topic: str,
        make_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._config, self._topic = config, topic
        self._consumer = make_consumer(
            consumer_settings(config, _GROUP)
            | fetch_limits(config, [topic])
            | {
                "fetch.wait.max.ms": 10,
                "fetch.error.backoff.ms": 10,
                "queued.min.messages": 1,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )

    def too_large_at(self, partition: int, offset: int) -> int | None:
        """Where the batch that holds an offset begins, if it unpacks to too much; None: it can be read, or is gone.

        Raises:
            BrokerUnavailable: The broker does not say so in time.
        """
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        deadline = monotonic() + _ANSWER_S
        while monotonic() < deadline:
            message = self._consumer.poll(_STEP_S)
            if message is None:
                continue
            error = message.error()
            if error is None or error.code() in _GONE:
                return None
            if error.code() == TOO_LARGE:
                return message.offset()
        raise BrokerUnavailable(f"{self._config.bootstrap}: {self._topic}[{partition}] does not answer")

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def find_end(probe: BatchProbe, partition: int, offset: int) -> int | None:
    """The offset after the batches from `offset` on that unpack to too much; None where it can be read after all.

    Raises:
        BrokerUnavailable: As `BatchProbe.too_large_at`.
    """
    begin = probe.too_large_at(partition, offset)
    if begin is None:
        return None
    end = offset
    for _ in range(MOST_BATCHES):
        end, following = _end_of(probe, partition, begin, max(begin, offset))
        if following is None:
            break
        begin = following
    return end


def _end_of(probe: BatchProbe, partition: int, begin: int, inside: int) -> tuple[int, int | None]:
    """The end of one batch, and where the next one begins if that is too large too.

    Args:
        probe: Asks the broker.
        partition: The partition.
        begin: Where the batch begins.
        inside: An offset in it.
    """
    step = 1
    following = probe.too_large_at(partition, inside + step)
    while following == begin:
        inside, step = inside + step, 2 * step
        following = probe.too_large_at(partition, inside + step)
    outside = inside + step
    while outside - inside > 1:
        middle = (inside + outside) // 2
        found = probe.too_large_at(partition, middle)
        if found == begin:
            inside = middle
        else:
            outside, following = middle, found
    return outside, following


class BatchEnds:
    """Finds ends beside a consuming thread, which asks and goes on.

    Args:
        config: The broker.
        make_probe: Makes what asks the broker, for a topic.
    """

    def __init__(
        self, config: KafkaConfig, make_probe: Callable[[KafkaConfig, str], BatchProbe] = BatchProbe
    ) -> None:
        self._config, self._make_probe = config, make_probe
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="batch ends")
        self._asked: dict[PartitionPlace, tuple[int, int, Future[int | None]]] = {}

    def ask(self, place: PartitionPlace, epoch: int, offset: int) -> None:
        """Begin to search, unless a search of this partition is under way.

        Args:
            place: The partition.
            epoch: The assignment under which the batch came.
            offset: Where the batch begins.
        """
        if place not in self._asked:
            self._asked[place] = epoch, offset, self._executor.submit(self._find, place, offset)

    def answers(self) -> list[TooLarge]:
        """What was found since; a batch of which it could not be found comes again, and is asked about again."""
        answered = {place: asked for place, asked in self._asked.items() if asked[2].done()}
        found = []
        for place, (epoch, offset, future) in answered.items():
            del self._asked[place]
            if (end := future.result()) is not None:
                found.append(TooLarge(place, epoch, offset, end))
        return found

    def close(self) -> None:
        """Begin nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _find(self, place: PartitionPlace, offset: int) -> int | None:
        try:
            with contextlib.closing(self._make_probe(self._config, place.topic)) as probe:
                return find_end(probe, place.partition, offset)
        except CallboxError as error:
            log.warning("batch_end.unknown", **place._asdict(), error=str(error))
            return None
