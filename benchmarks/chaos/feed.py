"""Sends presses on schedule and notes the alerts that arrive, whatever happens to brokers and workers."""

import threading
import time
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from benchmarks.chaos.account import presses_of
from benchmarks.chaos.plates import Questions, plate_read, question_of
from benchmarks.support.open_loop import pillar_id, press
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Action
from schemas.topics import ALERTS, PILLAR_EVENTS, PLATE_READS, VERIFICATION_REQUESTS

QUIET_S = 2.0
AT_MOST_S = 30.0


class Presses:
    """Presses each pillar once, and sends with each press a plate read of a listed vehicle.

    Attributes:
        pressed_at: When each was due, seconds, by event id.
        taken: Those that the broker has confirmed.
        delivery_s: How long the broker took for each.
        may_ask: The ids of the verification requests that may follow from the reads that were sent.
        to_ask: Those that must follow: the broker has confirmed the read.
    """

    def __init__(self, bootstrap: str) -> None:
        self.pressed_at: dict[str, float] = {}
        self.taken: set[str] = set()
        self.delivery_s: dict[str, float] = {}
        self.may_ask: set[str] = set()
        self.to_ask: set[str] = set()
        self._producer = _producer(bootstrap)
        self._bootstrap = bootstrap

    def send(self, first: int, count: int, rate: float) -> threading.Thread:
        """Begin to send a share of the presses; the thread ends when all of them are with the producer."""
        thread = threading.Thread(target=self._send, args=(first, count, rate), daemon=True)
        thread.start()
        return thread

    def send_copies(self, numbers: range) -> None:
        """Send presses again with another producer, as a gateway does whose sends were not confirmed."""
        other = _producer(self._bootstrap)
        for number in numbers:
            at = self.pressed_at.get(f"press-{number}")
            if at is not None:
                other.produce(PILLAR_EVENTS, encode(press(number, at)), pillar_id(number))
        other.flush(60)

    def send_poison(self, count: int) -> None:
        """Send records that no schema can decode."""
        for number in range(count):
            self._producer.produce(PILLAR_EVENTS, bytes([number % 256]) * 9, f"poison-{number}")

    def flush(self) -> int:
        """Wait until the broker has everything.

        Returns:
            How many records it has not confirmed in time.
        """
        left: int = self._producer.flush(120)
        return left

    def _send(self, first: int, count: int, rate: float) -> None:
        began = time.time()
        for index in range(count):
            due = began + index / rate
            while (wait := due - time.time()) > 0:
                self._producer.poll(min(wait, 0.005))
            event = press(first + index, due)
            name = f"press-{first + index}"
            self.pressed_at[name] = due
            self._producer.produce(
                PILLAR_EVENTS, encode(event), event.device_id, on_delivery=partial(self._note, name)
            )
            read = plate_read(first + index, due)
            self.may_ask.add(question_of(read))
            self._producer.produce(
                PLATE_READS,
                encode(read),
                read.checkpoint_id,
                on_delivery=partial(self._note_read, question_of(read)),
            )
        while len(self._producer):
            self._producer.poll(0.05)

    def _note(self, name: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.taken.add(name)
            self.delivery_s[name] = time.time() - self.pressed_at[name]

    def _note_read(self, question: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.to_ask.add(question)


class Arrivals:
    """Notes when the first alert of each press arrives, and the verification requests.

    Attributes:
        raised_at: Seconds, by event id.
        escalated: Incidents that have been escalated.
        questions: The verification requests.
    """

    def __init__(self, bootstrap: str) -> None:
        self.raised_at: dict[str, float] = {}
        self.escalated: set[str] = set()
        self.questions = Questions()
        self._came_at = time.monotonic()
        self._stopping = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "chaos",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,  # the bench itself reports a broker that is down
            }
        )
        self._consumer.assign(
            [
                TopicPartition(topic, number, OFFSET_BEGINNING)
                for topic in (ALERTS, VERIFICATION_REQUESTS)
                for number in self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
            ]
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop once nothing has arrived for a while: the last records of a worker count too."""
        deadline = time.monotonic() + AT_MOST_S
        while time.monotonic() < min(deadline, self._came_at + QUIET_S):
            time.sleep(0.05)
        self._stopping.set()
        self._thread.join(10)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error() is not None:
                    continue
                self._came_at = time.monotonic()
                if message.topic() == ALERTS:
                    self._note(decode(message.value(), Alert), time.time())
                else:
                    self.questions.note(message.value() or b"")

    def _note(self, alert: Alert, at: float) -> None:
        if alert.action is Action.ESCALATE:
            self.escalated.add(alert.incident_id)
        for name in presses_of(alert):
            self.raised_at.setdefault(name, at)


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 0,
            "partitioner": "murmur2_random",
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,  # the bench itself reports a broker that is down
        }
    )
