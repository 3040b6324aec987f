"""Where batches end that unpack to more than a client takes, so that reading goes on behind them.

librdkafka says where such a batch begins, asks for it again twice a second, and never gets past it. Its header says
where it ends (streams/kafka/batch_headers.py). What comes behind it and is too large as well is left out with it: a
sender that makes one makes many.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaError

from streams.kafka.batch import PartitionPlace
from streams.kafka.batch_headers import BatchHeaders, Headers
from streams.kafka.config import KafkaConfig

log = structlog.get_logger(__name__)

TOO_LARGE: Final = KafkaError._BAD_COMPRESSION  # noqa: SLF001 - librdkafka's public names begin so


MOST_UNPACKED: Final = 64
"""Batches behind the first that are looked at in one search: 8 MiB of each take some milliseconds."""


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


def find_end(headers: Headers, partition: int, offset: int, limit: int) -> int | None:
    """The offset after the batches from `offset` on that unpack to too much; None where no batch holds it any more.

    Args:
        headers: Asks the broker.
        partition: The partition.
        offset: An offset in a batch that librdkafka could not unpack.
        limit: What it unpacks a batch to, bytes.

    Raises:
        BrokerUnavailable: As `BatchHeaders.at`.
    """
    batches = iter(headers.at(partition, offset))
    first = next(batches, None)
    if first is None or first.begin > offset:
        return None
    end = first.end
    for batch in islice(batches, MOST_UNPACKED):
        if not batch.unpacks_to_more_than(limit):
            break
        end = batch.end
    return end


class BatchEnds:
    """Finds ends beside a consuming thread, which asks and goes on.

    Args:
        config: The broker.
        limit: What a consumer of ours unpacks a batch to, bytes.
        make_headers: Makes what asks the broker, for a topic.
    """

    def __init__(
        self,
        config: KafkaConfig,
        limit: int,
        make_headers: Callable[[KafkaConfig, str], BatchHeaders] = BatchHeaders,
    ) -> None:
        self._config, self._limit, self._make_headers = config, limit, make_headers
        self._headers: dict[str, BatchHeaders] = {}
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

    @property
    def is_searching(self) -> bool:
        """Whether a search is under way, or has an answer that nobody has taken."""
        return bool(self._asked)

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
        """Begin nothing more, and close the connections."""
        self._executor.submit(self._close)
        self._executor.shutdown(wait=False)

    def _find(self, place: PartitionPlace, offset: int) -> int | None:
        try:
            headers = self._headers.get(place.topic)
            if headers is None:
                headers = self._headers[place.topic] = self._make_headers(self._config, place.topic)
            return find_end(headers, place.partition, offset, self._limit)
        except Exception as error:  # noqa: BLE001 - the batch comes again, and is asked about again; others go on
            log.warning("batch_end.unknown", **place._asdict(), error=repr(error))
            return None

    def _close(self) -> None:
        for headers in self._headers.values():
            headers.close()
