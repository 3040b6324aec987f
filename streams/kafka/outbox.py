"""Publishing out of a thread that decides: it hands records over, goes on, and takes the broker's answers itself.

    records ─► send ─┬─► urgent producer: sends at once ────────────────┐
                     └─► calm producer: what nobody waits for, collected┴─► serve: the answers of both

An event loop and a thread for the answers stood in between before: at 200 presses a second they cost more than the
decisions (docs/adr/0023). For what is sent now and then, `streams.kafka.producer.Delivery` has both.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.units import SECOND_MS, EpochMs
from streams.clock import SYSTEM_CLOCK, Clock
from streams.kafka.producer import (
    ANY_PARTITION,
    QUEUE_FULL_PAUSE_S,
    DeliveryRefused,
    ProducerRecord,
    SignValue,
    ask_for_metadata,
    failed_delivery,
    producer_settings,
    unsigned,
)

if TYPE_CHECKING:
    from schemas.errors import DeliveryFailed

CALM_LINGER_MS: Final = 40
"""How long the calm producer collects records, so that they take fewer requests: each costs the broker as much as its
records. Only a commit waits for them, and commits come once a second; and so does a partition that is given away."""

_ERROR: Final = "_error"
"""Where the client puts why it has not taken a record."""

_QUEUE_FULL: Final = KafkaError._QUEUE_FULL  # noqa: SLF001 - its name in confluent_kafka


class PendingDelivery:
    """Records that were handed over together, and what the broker has answered so far.

    Args:
        count: How many.
        at: When, by our clock.
        note_failure: Told why one of them was not delivered.
    """

    __slots__ = ("_at", "_left", "_note_failure", "confirmed_at")

    def __init__(self, count: int, at: EpochMs, note_failure: "Callable[[DeliveryFailed], None]") -> None:
        self._left, self._at, self._note_failure = count, at, note_failure
        self.confirmed_at = at
        """When the last answer was taken, by our clock: up to some milliseconds after the broker gave it."""

    @property
    def is_answered(self) -> bool:
        """Whether the broker has answered all of them."""
        return not self._left

    def answer(self, error: KafkaError | None, message: Message) -> None:
        """The broker has answered one of them; called by `Outbox.serve`."""
        if error is not None:
            self._note_failure(failed_delivery(message.topic() or "", error))
        elif (latency_s := message.latency()) is not None:
            self.confirmed_at = max(self.confirmed_at, EpochMs(self._at + round(latency_s * SECOND_MS)))
        self._left -= 1  # last: what has no answer left is done unless it has failed


class Outbox:
    """The producers of one thread, which alone calls them between `warm_up` and `close`.

    Args:
        settings: librdkafka settings that reach the broker (streams.kafka.client_settings.librdkafka_settings).
        make_producer: Makes a producer.
        calm: Topics of which the records are collected for a moment; without any there is one producer.
        clock: Ours.
        sign: Signs what goes into the log.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        make_producer: Callable[[dict[str, Any]], Producer] = Producer,
        *,
        calm: Collection[str] = (),
        clock: Clock = SYSTEM_CLOCK,
        sign: SignValue = unsigned,
    ) -> None:
        self._clock, self._sign = clock, sign
        self._failure: DeliveryFailed | None = None
        self._urgent = make_producer(producer_settings(settings, linger_ms=0))
        self._producers, self._calm = [self._urgent], dict[str, Producer]()
        if calm:
            self._producers.append(make_producer(producer_settings(settings, linger_ms=CALM_LINGER_MS)))
            self._calm = dict.fromkeys(calm, self._producers[-1])

    def warm_up(self, topic: str, timeout_s: float) -> None:
        """Fetch the topic's metadata, so that the first record does not wait for it. Blocks.

        Args:
            topic: Any that is written to or read.
            timeout_s: How long one of several questions waits for its answer.

        Raises:
            DeliveryFailed: The broker did not answer, or does not have the topic.
        """
        for producer in self._producers:
            ask_for_metadata(producer, topic, timeout_s)

    def is_calm(self, topic: str) -> bool:
        """Whether the records of a topic are collected for a moment."""
        return topic in self._calm

    def send(self, records: Sequence[ProducerRecord]) -> PendingDelivery:
        """Hand records over, and return before the broker has them; waits only while a queue is full.

        Args:
            records: Any number; records of one topic and partition keep their order, also with those of later calls.

        Raises:
            DeliveryFailed: The client itself does not take one of them.
        """
        sending = PendingDelivery(len(records), self._clock.now_ms(), self._note_failure)
        # Of each topic what was not handed to the client yet. The client takes one partition for a list, or lets keys
        # decide: what it is told of a single record it does not do.
        lists: dict[str, tuple[int, list[dict[str, Any]]]] = {}
        for topic, key, value, named in records:
            partition = ANY_PARTITION if named is None else named
            if topic in lists and lists[topic][0] != partition:
                self._produce(topic, *lists.pop(topic), sending.answer)
            message = {"value": self._sign(topic, key, value), "key": key}
            lists.setdefault(topic, (partition, []))[1].append(message)
        for topic, (partition, messages) in lists.items():
            self._produce(topic, partition, messages, sending.answer)
        return sending

    def _produce(
        self,
        topic: str,
        partition: int,
        messages: list[dict[str, Any]],
        answer: Callable[[KafkaError | None, Message], None],
    ) -> None:
        """Hand records of one topic to the client in one call.

        One by one the client's thread wakes at the first, and the list goes out in several requests (docs/adr/0024).
        """
        producer = self._calm.get(topic, self._urgent)
        try:
            while producer.produce_batch(topic, messages, partition, on_delivery=answer) < len(messages):
                # Of a queue that is full the client says so for all that follow as well: none overtakes another.
                messages = [message for message in messages if _ERROR in message]
                for message in messages:
                    if (error := message.pop(_ERROR)).code() != _QUEUE_FULL:
                        raise failed_delivery(topic, error)
                self.serve(QUEUE_FULL_PAUSE_S)  # wait for the broker, never drop
        except KafkaException as error:
            raise failed_delivery(topic, error.args[0]) from error

    def serve(self, timeout_s: float = 0.0) -> None:
        """Take the answers that have come; where there is none, wait for one of the urgent producer for so long."""
        self._urgent.poll(timeout_s)
        for producer in self._producers[1:]:
            producer.poll(0)

    def raise_failure(self) -> None:
        """Raise what an answer that was taken has said, if one of all records was not delivered.

        Raises:
            DeliveryFailed: One was not: nothing more may be decided, and nothing after it committed.
        """
        if self._failure is not None:
            raise self._failure

    def _note_failure(self, failure: "DeliveryFailed") -> None:
        if not isinstance(self._failure, DeliveryRefused):  # that one an operator can correct
            self._failure = failure

    def close(self, timeout_s: float) -> int:
        """Wait for what is on its way, within about the time given.

        Returns:
            How many records were not confirmed in time.
        """
        deadline = self._clock.monotonic() + timeout_s
        return sum(
            producer.flush(max(0.0, deadline - self._clock.monotonic())) for producer in self._producers
        )
