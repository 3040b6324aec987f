"""Publishing: records are sent, and the caller waits until the broker has all of them.

    records ─► begin ─► librdkafka, idempotent ─► every record is confirmed ─► the future

The future is resolved when every record is confirmed by all in-sync replicas; only then may the input's offset be
committed. Faust's own `topic.send` is not used: it returns before delivery, a failed delivery still commits, and it
costs 50 times as much (docs/adr/0006). `publish` is for commands: all of it is delivered, or the command fails. What
a thread decides goes out by `streams.kafka.outbox`.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer

from schemas.errors import AccessDenied, DeliveryFailed, TopicRefused
from schemas.topics import BY_NAME
from schemas.units import EpochMs
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig, addresses, is_loopback
from streams.kafka.errors import RecordUndeliverable, is_refusal, is_undeliverable
from streams.kafka.log_signing import signer_of

POLL_S = 0.1

QUEUE_FULL_PAUSE_S = 0.005

WARM_UP_TRIES = 3
"""The broker has just answered another client of this start (`assert_reachable`). librdkafka begins at any address of
its name, and may begin at a dead one several times, for two to three seconds each (measured)."""

_UNANSWERED: Final = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001 - librdkafka's public names

ANY_PARTITION = -1  # RD_KAFKA_PARTITION_UA: the partitioner decides


class ProducerRecord(NamedTuple):
    """A record to be published.

    Attributes:
        topic: Where to.
        key: Decides the partition (murmur2) unless one is named.
        value: The encoded record, or None for a tombstone.
        partition: A partition by name, for ticks, snapshots and what every partition gets.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


SignValue = Callable[[str, bytes | None, bytes | None], bytes | None]
"""The value of a record by its topic, key and value: one of the log gets its writer's signature."""


def unsigned(_topic: str, _key: bytes | None, value: bytes | None) -> bytes | None:
    """The value as it is: this process has no key."""
    return value


def sign_by(kafka: KafkaConfig, writer: str | None = None) -> SignValue:
    """How a process signs what it writes into the log: by the key that its config names.

    Args:
        kafka: The config.
        writer: Who we are; None where any writer's key will do.

    Raises:
        InputMissing, FileRefused: As `streams.kafka.log_signing.signer_of`.
    """
    signer = signer_of(kafka, writer)
    return unsigned if signer is None else signer


class RecordMetadata(NamedTuple):
    """Where a delivered record lies.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        appended_at: When the broker appended it, by the broker's clock; None where the topic keeps the writer's time.
    """

    topic: str
    partition: int
    offset: int
    appended_at: EpochMs | None = None


class DeliveryRefused(DeliveryFailed):
    """Our user may not write there: sending it again does not help before the ACLs are corrected."""

    exit_code = AccessDenied.exit_code


class _Batch:
    """Collects the broker's answers to one batch and resolves its future with the last of them."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[list[RecordMetadata]] = loop.create_future()
        self._loop = loop
        self._left = size
        self._places: list[RecordMetadata | None] = [None] * size
        self._failure: DeliveryFailed | None = None

    def answer(self, index: int, error: KafkaError | None, message: Message) -> None:
        """Called by the polling thread."""
        if error is not None:
            if not isinstance(self._failure, DeliveryRefused):  # that one an operator can correct
                self._failure = failed_delivery(message.topic() or "", error)
        else:
            self._places[index] = RecordMetadata(
                message.topic() or "",
                message.partition() or 0,
                message.offset() or 0,
                _appended_at(message),
            )
        self._left -= 1
        if not self._left:
            self._loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if self.future.done():
            return
        if self._failure is not None:
            self.future.set_exception(self._failure)
        else:
            self.future.set_result([place for place in self._places if place is not None])


class Delivery:
    """The producer of one worker, and the thread that takes the broker's answers to it.

    Args:
        settings: librdkafka settings that reach the broker (streams.kafka.client_settings.librdkafka_settings).
        make_producer: Makes the producer.
        poll_s: How long that thread waits for an answer.
        sign: Signs what goes into the log.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        make_producer: Callable[[dict[str, Any]], Producer] = Producer,
        poll_s: float = POLL_S,
        sign: SignValue = unsigned,
    ) -> None:
        self._sign = sign
        self._producer, self._poll_s = make_producer(producer_settings(settings, linger_ms=0)), poll_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="delivery", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(self._poll_s)

    def warm_up(self, topic: str, timeout_s: float) -> None:
        """Fetch the topic's metadata, so that the first record does not wait for it. Blocks.

        Args:
            topic: Any that is written to or read.
            timeout_s: How long one of `WARM_UP_TRIES` questions waits for its answer.

        Raises:
            DeliveryFailed: The broker did not answer, or does not have the topic.
        """
        ask_for_metadata(self._producer, topic, timeout_s)

    async def begin(self, records: Sequence[ProducerRecord]) -> asyncio.Future[list[RecordMetadata]]:
        """Hand records to the producer, and return before the broker has them; waits only while its queue is full.

        Args:
            records: Any number; records of one topic and partition keep their order, also with those of later calls.

        Returns:
            A future with the place of each, in the order given. It fails as `deliver`, once all are answered.

        Raises:
            DeliveryFailed: The client itself does not take one of them.
        """
        batch = _Batch(len(records), asyncio.get_running_loop())
        if not records:
            batch.future.set_result([])
        for index, record in enumerate(records):
            await self._produce(batch, index, record)
        return batch.future

    async def deliver(self, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
        """Send records and wait until the broker has all of them.

        Args:
            records: Any number; records of one partition keep their order.

        Returns:
            Where each of them lies, in the order given.

        Raises:
            DeliveryRefused: Our user may not write to one of the topics.
            DeliveryFailed: The broker took one not, or did not answer within `delivery.timeout.ms`. Some of the
                others may be delivered: the process must stop, so that the input is read again.
        """
        return await (await self.begin(records))

    async def _produce(self, batch: _Batch, index: int, record: ProducerRecord) -> None:
        value = self._sign(record.topic, record.key, record.value)
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    value,
                    record.key,
                    ANY_PARTITION if record.partition is None else record.partition,
                    on_delivery=lambda error, message: batch.answer(index, error, message),
                )
            except BufferError:  # the local queue is full: wait for the broker, never drop
                await asyncio.sleep(QUEUE_FULL_PAUSE_S)
            except KafkaException as error:
                raise failed_delivery(record.topic, error.args[0]) from error
            else:
                return

    def close(self, timeout_s: float) -> int:
        """Flush what is on its way and stop, within about the time given.

        Returns:
            How many records were not confirmed in time.
        """
        left: int = self._producer.flush(timeout_s)
        self._stopping.set()
        self._thread.join(2 * self._poll_s)
        return left


def producer_settings(settings: Mapping[str, Any], *, linger_ms: int) -> dict[str, Any]:
    """The settings of a producer that loses nothing.

    Args:
        settings: Those that reach the broker.
        linger_ms: How long records are collected.
    """
    return {
        **settings,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": linger_ms,
        "partitioner": "murmur2_random",
        "message.max.bytes": 9 << 20,  # the largest topic allows 8 MiB; the broker decides
        # Room for minutes of log while the broker is away; the agent waits, it does not drop.
        "queue.buffering.max.kbytes": 256 << 10,
    }


def ask_for_metadata(producer: Producer, topic: str, timeout_s: float) -> None:
    """Return once the broker has answered one of several questions. Blocks."""
    for left in reversed(range(WARM_UP_TRIES)):
        try:
            producer.list_topics(topic, timeout_s)
        except KafkaException as error:
            if not left or error.args[0].code() not in _UNANSWERED:
                raise failed_delivery(topic, error.args[0]) from error
        else:
            return


def _appended_at(message: Message) -> EpochMs | None:
    """The broker's time stamp: a topic with LogAppendTime has one, but not in the answer to a repeated request."""
    kind, time_ms = message.timestamp()
    return EpochMs(time_ms) if kind == TIMESTAMP_LOG_APPEND_TIME else None


def failed_delivery(topic: str, error: KafkaError) -> DeliveryFailed:
    """What it means that a record was not delivered."""
    if is_refusal(error):
        return DeliveryRefused(f"the broker refuses us: {topic}: {error.str()} ({error.name()})")
    kind = RecordUndeliverable if is_undeliverable(error) else DeliveryFailed
    return kind(f"{topic}: {error.str()} ({error.name()})")


_GIVE_UP_MS: Final = 15_000  # a person waits; a worker waits for minutes

_FLUSH_S: Final = 2.0


def publish(kafka: KafkaConfig, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
    """Deliver records, those of one partition in order.

    Returns:
        Where each of them lies, in the order given.

    Raises:
        DeliveryFailed: The broker did not take one of them; others may be delivered, so the command is run again.
    """
    return asyncio.run(_send(kafka, records)) if records else []


def assert_may_hold(kafka: KafkaConfig, topic: str, *, allow_unsealed: bool) -> None:
    """Refuse a sealed topic on any broker but loopback: until sealing exists its records can be read there.

    Raises:
        TopicRefused: The topic is sealed and the broker is elsewhere.
    """
    elsewhere = [host for host, _port in addresses(kafka.bootstrap) if not is_loopback(host)]
    if BY_NAME[topic].sealed and elsewhere and not allow_unsealed:
        raise TopicRefused(
            f"{topic} belongs on a loopback broker until sealing exists, {elsewhere[0]} is none: --allow-unsealed"
        )


async def _send(kafka: KafkaConfig, records: Sequence[ProducerRecord]) -> list[RecordMetadata]:
    delivery = Delivery(
        librdkafka_settings(kafka) | {"delivery.timeout.ms": _GIVE_UP_MS}, sign=sign_by(kafka)
    )
    try:
        return await delivery.deliver(records)
    finally:
        await asyncio.to_thread(delivery.close, _FLUSH_S)
