"""The outbox: what is handed over is sent at once and in order, and the caller's own thread takes the answers."""

import threading
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError

from schemas.errors import DeliveryFailed
from streams.kafka.outbox import CALM_LINGER_MS, Outbox
from streams.kafka.producer import ANY_PARTITION, DeliveryRefused, ProducerRecord
from tests.support.fake_producer import FakeProducer
from tests.support.fakes import HandClock
from tests.support.log_records import ms

SETTINGS = {"bootstrap.servers": "127.0.0.1:1"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock(7)


@pytest.fixture
def made(clock: HandClock) -> Callable[..., Outbox]:
    FakeProducer.made = []
    FakeProducer.latency_s = 0.0
    return lambda *calm: Outbox(SETTINGS, FakeProducer, calm=calm, clock=clock.clock)  # type: ignore[arg-type]


def records(*values: bytes, topic: str = "topic") -> list[ProducerRecord]:
    return [ProducerRecord(topic, b"key", value) for value in values]


def timed_out() -> KafkaError:
    return KafkaError(KafkaError._MSG_TIMED_OUT, "Local: Message timed out")


def test_records_go_out_in_the_order_given_and_nothing_is_waited_for(made: Callable[..., Outbox]) -> None:
    outbox = made()
    FakeProducer.last.automatic = False
    sendings = [outbox.send(records(b"1", b"2")), outbox.send(records(b"3"))]
    assert [value for _, value, _, _ in FakeProducer.last.produced] == [b"1", b"2", b"3"]
    outbox.serve()
    assert [each.is_answered for each in sendings] == [False, False]
    FakeProducer.last.answer(0, 1, 2)
    outbox.serve()
    assert [each.is_answered for each in sendings] == [True, True]
    outbox.raise_failure()


def test_the_partitioner_decides_unless_a_partition_is_named(made: Callable[..., Outbox]) -> None:
    made().send(
        [
            ProducerRecord("topic", b"k", None),
            ProducerRecord("topic", b"", b"v", 0),
            ProducerRecord("topic", b"", b"v", 1),
            ProducerRecord("topic", b"k", b"v"),
        ]
    )
    assert FakeProducer.last.produced == [
        ("topic", None, b"k", ANY_PARTITION),
        ("topic", b"v", b"", 0),
        ("topic", b"v", b"", 1),
        ("topic", b"v", b"k", ANY_PARTITION),
    ]


def test_answers_are_taken_by_the_caller_and_no_thread_is_there(made: Callable[..., Outbox]) -> None:
    before = threading.active_count()
    sending = made("copies").send(records(b"1"))
    assert threading.active_count() == before
    assert not sending.is_answered


def test_nothing_to_send_is_answered(made: Callable[..., Outbox]) -> None:
    assert made().send([]).is_answered


def test_it_is_confirmed_when_the_broker_had_it_however_late_the_answer_is_taken(
    made: Callable[..., Outbox], clock: HandClock
) -> None:
    outbox = made()
    FakeProducer.latency_s = 0.004
    sending = outbox.send(records(b"1", b"2"))
    clock.seconds += 5
    outbox.serve()
    assert sending.confirmed_at == ms(7.004)


def test_a_full_queue_is_waited_for_and_nothing_is_dropped_or_overtaken(made: Callable[..., Outbox]) -> None:
    outbox = made()
    FakeProducer.last.full = 3
    outbox.send(records(b"1", b"2"))
    assert [value for _, value, _, _ in FakeProducer.last.produced] == [b"1", b"2"]


def test_what_of_a_list_finds_a_full_queue_goes_out_after_the_rest_of_it(made: Callable[..., Outbox]) -> None:
    outbox, producer = made(), FakeProducer.last
    produce, values = producer.produce, []

    def produce_and_fill(topic: str, value: bytes | None, *rest: object, **more: object) -> None:
        produce(topic, value, *rest, **more)  # type: ignore[arg-type]
        if value == b"2" and not values:
            values.append(value)
            producer.full = 1

    producer.produce = produce_and_fill  # type: ignore[method-assign]
    sending = outbox.send(records(b"1", b"2", b"3", b"4"))
    assert [value for _, value, _, _ in producer.produced] == [b"1", b"2", b"3", b"4"]
    outbox.serve()
    assert sending.is_answered


def test_records_of_several_topics_keep_the_order_of_each(made: Callable[..., Outbox]) -> None:
    one, other = records(b"1", b"2"), records(b"3", b"4", topic="other")
    made().send([one[0], other[0], one[1], other[1]])
    produced = FakeProducer.last.produced
    assert [value for topic, value, _, _ in produced if topic == "topic"] == [b"1", b"2"]
    assert [value for topic, value, _, _ in produced if topic == "other"] == [b"3", b"4"]


def test_a_record_that_did_not_arrive_is_told_once_its_answer_is_taken(made: Callable[..., Outbox]) -> None:
    outbox = made()
    FakeProducer.last.failing["bad"] = timed_out()
    failed = outbox.send([*records(b"1", topic="bad"), *records(b"2")])
    outbox.raise_failure()
    outbox.serve()
    assert failed.is_answered
    with pytest.raises(DeliveryFailed, match="bad: Local: Message timed out"):
        outbox.raise_failure()


def test_a_refusal_is_what_is_told_of_several_failures(made: Callable[..., Outbox]) -> None:
    outbox = made()
    FakeProducer.last.failing["slow"] = timed_out()
    FakeProducer.last.failing["forbidden"] = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    given = [each for topic in ("slow", "forbidden", "slow") for each in records(b"1", topic=topic)]
    outbox.send(given)
    outbox.serve()
    with pytest.raises(DeliveryRefused) as told:
        outbox.raise_failure()
    assert told.value.exit_code == 77


def test_a_record_that_the_client_refuses_fails_at_once_and_its_content_is_not_told(
    made: Callable[..., Outbox],
) -> None:
    outbox = made()
    FakeProducer.last.refusing = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "Broker: Message size too large")
    with pytest.raises(DeliveryFailed, match=r"topic: .*too large") as failed:
        outbox.send(records(b"B12345"))
    assert "B12345" not in repr(failed.value)


def test_records_of_a_calm_topic_go_through_a_producer_that_collects(made: Callable[..., Outbox]) -> None:
    outbox = made("copies")
    urgent, calm = FakeProducer.made
    assert (urgent.settings["linger.ms"], calm.settings["linger.ms"]) == (0, CALM_LINGER_MS)
    outbox.send(records(b"1"))
    outbox.send(records(b"2", topic="copies"))
    assert [value for _, value, _, _ in urgent.produced] == [b"1"]
    assert [value for _, value, _, _ in calm.produced] == [b"2"]
    assert [outbox.is_calm(topic) for topic in ("topic", "copies")] == [False, True]


def test_the_answers_of_both_producers_are_taken(made: Callable[..., Outbox]) -> None:
    outbox = made("copies")
    both = [outbox.send(records(b"1")), outbox.send(records(b"2", topic="copies"))]
    outbox.serve()
    assert all(each.is_answered for each in both)


def test_without_a_calm_topic_there_is_one_producer(made: Callable[..., Outbox]) -> None:
    made()
    assert len(FakeProducer.made) == 1


def test_both_producers_are_warmed_up_and_flushed(made: Callable[..., Outbox]) -> None:
    outbox = made("copies")
    outbox.warm_up("topic", 1.0)
    assert [each.asked for each in FakeProducer.made] == [["topic"], ["topic"]]
    assert outbox.close(0.5) == 0
    assert all(0 <= each.flushed[0] <= 0.5 for each in FakeProducer.made)


def test_closing_says_what_was_not_confirmed(made: Callable[..., Outbox]) -> None:
    outbox = made()
    outbox.send(records(b"1", b"2"))
    assert outbox.close(0.1) == 2
