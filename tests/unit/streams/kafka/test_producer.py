"""Delivery: the caller goes on when the broker has all of it, and not before."""

import asyncio
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    KafkaException,
)

from schemas.errors import DeliveryFailed
from streams.kafka.producer import (
    ANY_PARTITION,
    CALM_LINGER_MS,
    WARM_UP_TRIES,
    Delivery,
    DeliveryRefused,
    ProducerRecord,
    RecordMetadata,
)
from tests.support.fakes import run

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


class FakeProducer:
    """A producer whose broker answers when it is told to; callbacks run in the thread that polls."""

    last: "FakeProducer"
    made: "list[FakeProducer]"

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

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self._due.put(self.callbacks[number])

    def poll(self, timeout_s: float) -> int:
        try:
            self._due.get(timeout=timeout_s)()
        except queue.Empty:
            return 0
        return 1

    def flush(self, timeout_s: float) -> int:
        self.flushed.append(timeout_s)
        return self._due.qsize()

    def list_topics(self, topic: str, timeout_s: float) -> None:
        self.asked.append(topic)
        if len(self.asked) <= self.unanswered:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        if topic not in self.known:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "no such topic"))


@pytest.fixture
def made() -> Iterator[Callable[..., Delivery]]:
    deliveries: list[Delivery] = []
    FakeProducer.made = []

    def make(*calm: str) -> Delivery:
        settings = {"bootstrap.servers": "127.0.0.1:1"}
        deliveries.append(Delivery(settings, FakeProducer, poll_s=0.01, calm=calm))
        return deliveries[-1]

    yield make
    for each in deliveries:
        each.close(0)


def records(*values: bytes, topic: str = "topic") -> list[ProducerRecord]:
    return [ProducerRecord(topic, b"key", value) for value in values]


def test_the_producer_waits_for_all_replicas_and_partitions_as_every_other_kafka_client(
    made: Callable[[], Delivery],
) -> None:
    made()
    settings = FakeProducer.last.settings
    assert settings["acks"] == "all"
    assert settings["enable.idempotence"] is True
    assert settings["partitioner"] == "murmur2_random"
    assert settings["bootstrap.servers"] == "127.0.0.1:1"


def test_records_go_out_in_the_order_given(made: Callable[[], Delivery]) -> None:
    run(made().deliver(records(b"1", b"2", b"3")))
    assert [value for _, value, _, _ in FakeProducer.last.produced] == [b"1", b"2", b"3"]


def test_the_partitioner_decides_unless_a_partition_is_named(made: Callable[[], Delivery]) -> None:
    run(made().deliver([ProducerRecord("topic", b"k", b"v"), ProducerRecord("topic", b"", b"v", 3)]))
    assert FakeProducer.last.produced == [("topic", b"v", b"k", ANY_PARTITION), ("topic", b"v", b"", 3)]


def test_a_tombstone_has_no_value(made: Callable[[], Delivery]) -> None:
    run(made().deliver([ProducerRecord("topic", b"k", None)]))
    assert FakeProducer.last.produced[0][1] is None


def test_nothing_to_deliver_is_delivered_at_once(made: Callable[[], Delivery]) -> None:
    assert run(made().deliver([])) == []


def test_places_come_in_the_order_given_whatever_the_order_of_the_answers(
    made: Callable[[], Delivery],
) -> None:
    async def scene() -> list[RecordMetadata]:
        delivery = made()
        FakeProducer.last.automatic = False
        given = [ProducerRecord("topic", b"", b"%d" % number, number) for number in range(3)]
        delivered = asyncio.create_task(delivery.deliver(given))
        await asyncio.sleep(0)
        FakeProducer.last.answer(2, 0, 1)
        return await delivered

    assert run(scene()) == [
        RecordMetadata("topic", 0, 0),
        RecordMetadata("topic", 1, 1),
        RecordMetadata("topic", 2, 2),
    ]


@pytest.mark.parametrize(
    ("kind", "appended_at"),
    [(TIMESTAMP_LOG_APPEND_TIME, 7), (TIMESTAMP_CREATE_TIME, None), (TIMESTAMP_NOT_AVAILABLE, None)],
)
def test_a_report_says_when_the_broker_appended_where_it_is_the_broker_that_stamps(
    made: Callable[[], Delivery], kind: int, appended_at: int | None
) -> None:
    delivery = made()
    FakeProducer.last.stamp = (kind, 7)
    (place,) = run(delivery.deliver(records(b"1")))
    assert place == RecordMetadata("topic", 0, 0, appended_at)


def test_the_caller_waits_for_the_last_answer(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.automatic = False
        delivered = asyncio.create_task(delivery.deliver(records(b"1", b"2")))
        await asyncio.sleep(0)
        FakeProducer.last.answer(1)
        done, _ = await asyncio.wait({delivered}, timeout=0.05)
        assert not done
        FakeProducer.last.answer(0)
        await delivered

    run(scene())


def test_a_full_queue_is_waited_for_and_nothing_is_dropped_or_overtaken(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.full = 3
        await delivery.deliver(records(b"1", b"2"))

    run(scene())
    assert [value for _, value, _, _ in FakeProducer.last.produced] == [b"1", b"2"]


def test_one_refused_record_fails_the_list_after_the_last_answer(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.failing["bad"] = KafkaError(KafkaError._MSG_TIMED_OUT, "Local: Message timed out")
        with pytest.raises(DeliveryFailed, match=r"bad: .*timed out"):
            await delivery.deliver([*records(b"1", topic="bad"), *records(b"2")])

    run(scene())
    assert len(FakeProducer.last.produced) == 2


def test_a_topic_that_we_may_not_write_to_is_distinguished_from_a_record_that_did_not_arrive(
    made: Callable[[], Delivery],
) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.failing["slow"] = KafkaError(KafkaError._MSG_TIMED_OUT, "Local: Message timed out")
        FakeProducer.last.failing["forbidden"] = KafkaError(
            KafkaError.TOPIC_AUTHORIZATION_FAILED, "Broker: Topic authorization failed"
        )
        given = [record for topic in ("slow", "forbidden", "slow") for record in records(b"1", topic=topic)]
        with pytest.raises(
            DeliveryRefused, match=r"the broker refuses us: forbidden: .*authorization"
        ) as refused:
            await delivery.deliver(given)
        assert refused.value.exit_code == 77
        with pytest.raises(DeliveryFailed) as failed:
            await delivery.deliver(records(b"1", topic="slow"))
        assert failed.value.exit_code == 70

    run(scene())


def test_a_record_that_the_client_refuses_fails_at_once(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.refusing = KafkaError(
            KafkaError.MSG_SIZE_TOO_LARGE, "Broker: Message size too large"
        )
        with pytest.raises(DeliveryFailed, match=r"topic: .*too large"):
            await delivery.deliver(records(b"secret-content"))

    run(scene())


def test_the_text_of_a_failure_has_no_content(made: Callable[[], Delivery]) -> None:
    async def scene() -> str:
        delivery = made()
        FakeProducer.last.failing["topic"] = KafkaError(KafkaError._MSG_TIMED_OUT)
        with pytest.raises(DeliveryFailed) as failed:
            await delivery.deliver([ProducerRecord("topic", b"B12345", b"B12345")])
        return repr(failed.value)

    assert "B12345" not in run(scene())


def test_a_caller_that_is_gone_gets_no_answer(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.automatic = False
        gone = asyncio.create_task(delivery.deliver(records(b"1")))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        FakeProducer.last.answer(0)
        FakeProducer.last.automatic = True
        await delivery.deliver(records(b"2"))  # the polling thread lives

    run(scene())


def test_lists_on_their_way_do_not_wait_for_each_other(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.automatic = False
        first = asyncio.create_task(delivery.deliver(records(b"1")))
        second = asyncio.create_task(delivery.deliver(records(b"2")))
        await asyncio.sleep(0)
        FakeProducer.last.answer(1)
        await second
        assert not first.done()
        FakeProducer.last.answer(0)
        await first

    run(scene())


def test_warming_up_asks_for_the_topic(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        await delivery.warm_up("topic", 1.0)
        with pytest.raises(DeliveryFailed, match="no such topic"):
            await delivery.warm_up("missing", 1.0)

    run(scene())


def test_closing_says_what_was_not_confirmed(made: Callable[[], Delivery]) -> None:
    assert made().close(0.1) == 0


@pytest.mark.parametrize("unanswered", [1, WARM_UP_TRIES - 1])
def test_an_address_that_is_dead_is_no_reason_to_give_a_start_up(
    made: Callable[[], Delivery], unanswered: int
) -> None:
    warmed = made()
    FakeProducer.last.unanswered = unanswered
    run(warmed.warm_up("topic", 1.0))
    assert len(FakeProducer.last.asked) == unanswered + 1


def test_a_broker_that_never_answers_ends_it(made: Callable[[], Delivery]) -> None:
    warmed = made()
    FakeProducer.last.unanswered = WARM_UP_TRIES
    with pytest.raises(DeliveryFailed):
        run(warmed.warm_up("topic", 1.0))


def test_a_topic_that_is_missing_is_not_asked_for_again(made: Callable[[], Delivery]) -> None:
    warmed = made()
    with pytest.raises(DeliveryFailed):
        run(warmed.warm_up("missing", 1.0))
    assert len(FakeProducer.last.asked) == 1


# --- begun and not waited for, urgent and calm --------------------------------------------------------------------


def test_what_is_begun_is_sent_in_order_before_any_of_it_is_delivered(made: Callable[[], Delivery]) -> None:
    async def scene() -> list[list[int]]:
        delivery = made()
        FakeProducer.last.automatic = False
        first = await delivery.begin(records(b"1", b"2"))
        second = await delivery.begin(records(b"3"))
        assert [value for _, value, _, _ in FakeProducer.last.produced] == [b"1", b"2", b"3"]
        assert not first.done()
        assert not second.done()
        FakeProducer.last.answer(0, 1, 2)
        return [[place.offset for place in await each] for each in (first, second)]

    assert run(scene()) == [[0, 1], [2]]


def test_beginning_with_nothing_is_delivered_at_once(made: Callable[[], Delivery]) -> None:
    async def scene() -> list[RecordMetadata]:
        return (await made().begin([])).result()

    assert run(scene()) == []


def test_a_begun_delivery_fails_when_it_is_awaited(made: Callable[[], Delivery]) -> None:
    async def scene() -> None:
        delivery = made()
        FakeProducer.last.failing["topic"] = KafkaError(KafkaError._MSG_TIMED_OUT)
        begun = await delivery.begin(records(b"1"))
        with pytest.raises(DeliveryFailed):
            await begun

    run(scene())


def test_without_a_calm_topic_there_is_one_producer_and_it_collects_nothing(
    made: Callable[[], Delivery],
) -> None:
    made()
    assert [each.settings["linger.ms"] for each in FakeProducer.made] == [0]


def test_records_of_a_calm_topic_go_through_a_producer_that_collects(made: Callable[..., Delivery]) -> None:
    delivery = made("copies")
    urgent, calm = FakeProducer.made
    assert (urgent.settings["linger.ms"], calm.settings["linger.ms"]) == (0, CALM_LINGER_MS)
    assert {name: value for name, value in urgent.settings.items() if name != "linger.ms"} == {
        name: value for name, value in calm.settings.items() if name != "linger.ms"
    }
    run(delivery.deliver([*records(b"1"), *records(b"2", topic="copies"), *records(b"3")]))
    assert [value for _, value, _, _ in urgent.produced] == [b"1", b"3"]
    assert [value for _, value, _, _ in calm.produced] == [b"2"]


def test_a_delivery_is_done_when_both_producers_have_answered(made: Callable[..., Delivery]) -> None:
    async def scene() -> list[RecordMetadata]:
        delivery = made("copies")
        _urgent, calm = FakeProducer.made
        calm.automatic = False
        begun = await delivery.begin([*records(b"2", topic="copies"), *records(b"1")])
        await delivery.deliver(records(b"3"))  # an alert does not wait for copies
        assert not begun.done()
        calm.answer(0)
        return await begun

    assert run(scene()) == [RecordMetadata("copies", 0, 0), RecordMetadata("topic", 0, 0)]


def test_both_producers_are_warmed_up_and_flushed(made: Callable[..., Delivery]) -> None:
    delivery = made("copies")
    run(delivery.warm_up("topic", 1.0))
    assert [each.asked for each in FakeProducer.made] == [["topic"], ["topic"]]
    assert delivery.close(0.5) == 0
    assert all(0 <= each.flushed[0] <= 0.5 for each in FakeProducer.made)
