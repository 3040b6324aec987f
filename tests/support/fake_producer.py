"""A librdkafka producer in memory, whose broker answers when the test lets it."""

import queue
from collections.abc import Callable
from typing import Any, ClassVar

from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError, KafkaException

Answer = Callable[[], None]


class FakeMessage:
    """What librdkafka gives a delivery callback."""

    def __init__(self, topic: str, partition: int, offset: int, stamp: tuple[int, int]) -> None:
        self._place, self._stamp = (topic, partition, offset), stamp

    def timestamp(self) -> tuple[int, int]:
        return self._stamp

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._place[2]

    def latency(self) -> float:
        return FakeProducer.latency_s


class FakeProducer:
    """A producer whose broker answers when it is told to; callbacks run in the thread that polls."""

    last: "ClassVar[FakeProducer]"
    made: "ClassVar[list[FakeProducer]]" = []  # noqa: RUF012
    latency_s: ClassVar[float] = 0.0
    """After how long the broker had a record."""

    def __init__(self, settings: dict[str, Any]) -> None:
        FakeProducer.last = self
        FakeProducer.made.append(self)
        self.asked: list[str] = []
        self.flushed: list[float] = []
        self.settings = settings
        self.produced: list[tuple[str, bytes | None, bytes | None, int]] = []
        self.callbacks: list[Answer] = []
        self.full = 0
        """How many more calls find the queue full."""
        self.automatic = True
        self.failing: dict[str, KafkaError] = {}
        self.refusing: KafkaError | None = None
        self.known = {"topic"}
        self.unanswered = 0
        """How many of the first questions for metadata nobody answers."""
        self.stamp = (TIMESTAMP_CREATE_TIME, 1_760_000_000_000)
        self._due: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        *,
        on_delivery: Callable[[object, FakeMessage], None],
    ) -> None:
        if self.full:
            self.full -= 1
            raise BufferError("Local: Queue full")
        if self.refusing is not None:
            raise KafkaException(self.refusing)
        message = FakeMessage(topic, max(partition, 0), len(self.produced), self.stamp)
        self.produced.append((topic, value, key, partition))
        error = self.failing.get(topic)
        self.callbacks.append(lambda: on_delivery(error, message))
        if self.automatic:
            self.answer(len(self.callbacks) - 1)

    def produce_batch(
        self,
        topic: str,
        messages: list[dict[str, Any]],
        partition: int,
        *,
        on_delivery: Callable[[object, FakeMessage], None],
    ) -> int:
        """As librdkafka: what it does not take has its error, and after a full queue it takes nothing more."""
        for number, message in enumerate(messages):
            try:
                self.produce(topic, message["value"], message["key"], partition, on_delivery=on_delivery)
            except BufferError:
                for left in messages[number:]:
                    left["_error"] = KafkaError(KafkaError._QUEUE_FULL)
                return sum("_error" not in each for each in messages)
            except KafkaException as error:
                message["_error"] = error.args[0]
        return sum("_error" not in each for each in messages)

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self._due.put(self.callbacks[number])

    def poll(self, timeout_s: float) -> int:
        """Call back for all that is answered; wait for the first."""
        count = 0
        while True:
            try:
                self._due.get(block=not count and timeout_s > 0, timeout=timeout_s)()
            except queue.Empty:
                return count
            count += 1

    def flush(self, timeout_s: float) -> int:
        self.flushed.append(timeout_s)
        return self._due.qsize()

    def list_topics(self, topic: str, timeout_s: float) -> None:
        self.asked.append(topic)
        if len(self.asked) <= self.unanswered:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        if topic not in self.known:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "no such topic"))
