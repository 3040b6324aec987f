"""What a broker has from an offset on, batch by batch: where each begins and ends, and whether it unpacks to too much.

librdkafka shows records only, and of a batch that it cannot unpack not even where it ends. aiokafka's client asks the
broker for the same bytes; the header of a batch of records is 61 bytes that are never compressed (Kafka's
documentation, "Record Batch").

    61 bytes: base offset · length · epoch · magic · CRC · attributes · last offset delta · … │ records, compressed
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import zstandard
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from schemas.errors import BrokerUnavailable
from streams.clock import monotonic
from streams.kafka.client_settings import CONNECT_MS, read_password
from streams.kafka.config import SASL, TLS, KafkaConfig

FETCH_BYTES: Final = 256 << 10
"""How much a request brings: hundreds of batches that unpack to thousands of times their size."""

_HEADER: Final = struct.Struct(">qiibIhi")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta."""

_PIECE_BYTES: Final = 256 << 10

_WINDOW_BYTES: Final = 8 << 20
"""The memory that unpacking may take, whatever a frame asks for; clients ask for 2 MiB, at the highest level 8."""

_RECORDS_AT: Final = 61
_BEFORE_LENGTH: Final = 12  # what the length does not count: the base offset and itself
_MAGIC: Final = 2
_CODEC: Final = 0b111
_ZSTD: Final = 4

_ANSWER_S: Final = 10.0
_RETRY_S: Final = 0.1
_MOVED: Final = frozenset({5, 6, 74, 76})  # no leader, another leader, an older or newer epoch of it
_GONE: Final = frozenset({1, 3})  # offset out of range, no such topic

T = TypeVar("T")


class BatchHeader(NamedTuple):
    """What is known of a batch before it is unpacked.

    Attributes:
        begin: Offset of its first record.
        end: The offset after its last.
        zstd: Its records where they are packed with zstd, else None.
    """

    begin: int
    end: int
    zstd: memoryview | None

    def unpacks_to_more_than(self, limit: int) -> bool:
        """Whether it certainly unpacks to more bytes; no more than that is unpacked, piece by piece, to know it.

        Where it cannot be unpacked, would take much memory, or is packed with another codec, that is not certain.
        """
        if self.zstd is None:
            return False
        try:
            said = zstandard.frame_content_size(self.zstd)
            return said > limit if said >= 0 else _fills(limit, self.zstd)
        except zstandard.ZstdError:
            return False


class Headers(Protocol):
    """What `BatchHeaders` does."""

    def at(self, partition: int, offset: int) -> list[BatchHeader]:
        """The batches from the one that holds an offset on; none where it is not there."""


def headers_in(fetched: bytes) -> Iterator[BatchHeader]:
    """The headers of the batches that a broker has sent; it may have cut the last one short."""
    at = 0
    while len(fetched) - at >= _RECORDS_AT:
        begin, length, _epoch, magic, _crc, attributes, last = _HEADER.unpack_from(fetched, at)
        if magic != _MAGIC or length < _RECORDS_AT - _BEFORE_LENGTH or last < 0:
            return
        following = at + _BEFORE_LENGTH + length
        is_whole_zstd = attributes & _CODEC == _ZSTD and following <= len(fetched)
        records = memoryview(fetched)[at + _RECORDS_AT : following]
        yield BatchHeader(begin, begin + last + 1, records if is_whole_zstd else None)
        at = following


def _fills(limit: int, records: memoryview) -> bool:
    """Whether records unpack to more than a limit."""
    left = limit
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).stream_reader(records) as reader:
        while left >= 0 and (piece := reader.read(_PIECE_BYTES)):
            left -= len(piece)
    return left < 0


class BatchHeaders:
    """Asks one broker, from a thread of its own.

    Args:
        config: The broker.
        topic: The topic.
    """

    def __init__(self, config: KafkaConfig, topic: str) -> None:
        self._config, self._topic = config, topic
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch headers")
        self._runner: asyncio.Runner | None = None
        self._client: AIOKafkaClient | None = None

    def at(self, partition: int, offset: int) -> list[BatchHeader]:
        """The batches from the one that holds an offset on; none where it is not there.

        Raises:
            BrokerUnavailable: The broker does not say so in time.
            InputMissing, FileRefused: A file that the config names cannot be read.
        """
        return self._thread.submit(self._run, lambda: self._fetch(partition, offset)).result()

    def close(self) -> None:
        """Close the connections."""
        self._thread.submit(self._end).result()
        self._thread.shutdown()

    def _run(self, what: Callable[[], Awaitable[T]]) -> T:
        self._runner = self._runner or asyncio.Runner()
        try:
            return self._runner.run(_within(what()))
        except (KafkaError, OSError, TimeoutError) as error:
            self._end()  # the next one begins with new connections
            raise BrokerUnavailable(f"{self._config.bootstrap}: {self._topic}: {error!r}") from error

    def _end(self) -> None:
        client, self._client = self._client, None
        runner, self._runner = self._runner, None
        if runner is not None:
            with runner:
                if client is not None:
                    runner.run(client.close())

    async def _fetch(self, partition: int, offset: int) -> list[BatchHeader]:
        client = await self._connected()
        place, deadline = TopicPartition(self._topic, partition), monotonic() + _ANSWER_S
        while monotonic() < deadline:
            leader = client.cluster.leader_for_partition(place)
            code, fetched = (
                (6, b"") if leader in {None, -1} else await self._ask(client, leader, partition, offset)
            )
            if code == 0:
                return [each for each in headers_in(fetched) if each.end > offset]
            if code in _GONE:
                return []
            if code not in _MOVED:
                raise BrokerUnavailable(
                    f"{self._config.bootstrap}: {self._topic}[{partition}]: Kafka error {code}"
                )
            await client.force_metadata_update()
            await asyncio.sleep(_RETRY_S)
        raise BrokerUnavailable(f"{self._config.bootstrap}: {self._topic}[{partition}] has no leader")

    async def _ask(
        self, client: AIOKafkaClient, leader: int, partition: int, offset: int
    ) -> tuple[int, bytes]:
        places = [(self._topic, [(partition, offset, FETCH_BYTES)])]
        answer = await client.send(leader, FetchRequest(0, 1, FETCH_BYTES, 0, places))
        _topic, partitions = answer.topics[0]
        return partitions[0][1], partitions[0][-1] or b""

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            client = AIOKafkaClient(**_settings(self._config))
            await client.bootstrap()
            self._client = client
            await client.set_topics([self._topic])
        return self._client


async def _within(what: Awaitable[T]) -> T:
    return await asyncio.wait_for(what, 2 * _ANSWER_S)


def _settings(config: KafkaConfig) -> dict[str, Any]:
    """How aiokafka reaches the broker that librdkafka does (streams/kafka/client_settings.py)."""
    settings: dict[str, Any] = {
        "bootstrap_servers": config.bootstrap,
        "client_id": "callbox-batch-headers",
        "security_protocol": str(config.security_protocol),
        "request_timeout_ms": round(_ANSWER_S * 1_000),
        "retry_backoff_ms": CONNECT_MS // 20,
    }
    if config.security_protocol in TLS:
        context = ssl.create_default_context(cafile=config.ssl_ca_file)
        if config.ssl_certificate_file is not None:
            context.load_cert_chain(config.ssl_certificate_file, config.ssl_key_file)
        settings["ssl_context"] = context
    if config.security_protocol in SASL:
        settings |= {
            "sasl_mechanism": str(config.sasl_mechanism),
            "sasl_plain_username": config.sasl_username,
            "sasl_plain_password": read_password(config),
        }
    return settings
