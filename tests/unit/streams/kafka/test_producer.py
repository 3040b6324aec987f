"""Delivery: the caller goes on when the broker has all of it, and not before."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
)

from schemas.errors import DeliveryFailed
from streams.kafka.producer import (
    ANY_PARTITION,
    WARM_UP_TRIES,
    Delivery,
    DeliveryRefused,
    ProducerRecord,
    RecordMetadata,
)
from tests.support.fake_producer import FakeProducer
from tests.support.fakes import run


@pytest.fixture
def made() -> Iterator[Callable[..., Delivery]]:
    deliveries: list[Delivery] = []
    FakeProducer.made = []

    def make() -> Delivery:
        deliveries.append(Delivery({"bootstrap.servers": "127.0.0.1:1"}, FakeProducer, poll_s=0.01))
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
    delivery = made()
    delivery.warm_up("topic", 1.0)
    with pytest.raises(DeliveryFailed, match="no such topic"):
        delivery.warm_up("missing", 1.0)


def test_closing_says_what_was_not_confirmed(made: Callable[[], Delivery]) -> None:
    assert made().close(0.1) == 0


@pytest.mark.parametrize("unanswered", [1, WARM_UP_TRIES - 1])
def test_an_address_that_is_dead_is_no_reason_to_give_a_start_up(
    made: Callable[[], Delivery], unanswered: int
) -> None:
    warmed = made()
    FakeProducer.last.unanswered = unanswered
    warmed.warm_up("topic", 1.0)
    assert len(FakeProducer.last.asked) == unanswered + 1


def test_a_broker_that_never_answers_ends_it(made: Callable[[], Delivery]) -> None:
    warmed = made()
    FakeProducer.last.unanswered = WARM_UP_TRIES
    with pytest.raises(DeliveryFailed):
        warmed.warm_up("topic", 1.0)


def test_a_topic_that_is_missing_is_not_asked_for_again(made: Callable[[], Delivery]) -> None:
    warmed = made()
    with pytest.raises(DeliveryFailed):
        warmed.warm_up("missing", 1.0)
    assert len(FakeProducer.last.asked) == 1


# --- begun and not waited for -----------------------------------------------------------------------------------


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
