"""Delivery reports on each broker: whether they carry the broker's time, and what a worker with a wrong clock sees."""

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from schemas.units import EpochMs
from streams.clock import SYSTEM_CLOCK, Clock, now_ms
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import Delivery, ProducerRecord, RecordMetadata
from streams.worker.clock_watch import ClockWatch
from tests.conftest import MakeTopic
from tests.support.fakes import World

STAMPED = {"message_timestamp_type": "LogAppendTime"}
WRITER_OFF_MS = 81_000


class PastProducer(Producer):
    """A producer whose records have the time of a writer's clock that is behind."""

    def produce(self, *arguments: object, **options: object) -> None:
        super().produce(*arguments, timestamp=now_ms() - WRITER_OFF_MS, **options)  # type: ignore[arg-type]


@pytest.fixture
def delivered(any_config: KafkaConfig) -> Iterator[Delivery]:
    made = Delivery(librdkafka_settings(any_config), PastProducer)
    yield made
    made.close(2.0)


def off_by(seconds: float) -> Clock:
    return Clock(lambda: EpochMs(now_ms() + round(seconds * 1000)), SYSTEM_CLOCK.monotonic)


def test_a_report_carries_the_time_of_a_broker_that_stamps_whatever_the_writer_s_clock_says(
    any_config: KafkaConfig, make_topic: MakeTopic, delivered: Delivery
) -> None:
    topic = make_topic(any_config, partitions=2, **STAMPED)

    async def scene() -> list[RecordMetadata]:
        return await delivered.deliver([ProducerRecord(topic, b"", b"v", partition) for partition in (0, 1)])

    before = now_ms()
    places = asyncio.run(scene())
    after = now_ms()
    for place in places:
        if any_config.capabilities.log_append_time:
            assert place.appended_at is not None
            assert before <= place.appended_at <= after
        else:
            assert place.appended_at is None


def test_a_topic_that_keeps_the_writer_s_time_says_nothing(
    any_config: KafkaConfig, make_topic: MakeTopic, delivered: Delivery
) -> None:
    topic = make_topic(any_config)
    (place,) = asyncio.run(delivered.deliver([ProducerRecord(topic, b"", b"v")]))
    assert place.appended_at is None


@pytest.mark.parametrize("off_s", [-81, 25, 0])
def test_a_worker_sees_by_how_much_its_clock_is_off_where_the_broker_stamps(
    any_config: KafkaConfig, make_topic: MakeTopic, delivered: Delivery, off_s: int
) -> None:
    topic = make_topic(any_config, **STAMPED)
    world = World("fusion")
    watch = ClockWatch(dataclasses.replace(world.context, delivery=delivered, clock=off_by(off_s)))
    asyncio.run(watch.deliver([ProducerRecord(topic, b"", b"v")]))
    seen = world.count("callbox_clock_difference_seconds")
    if any_config.capabilities.log_append_time:
        assert seen == pytest.approx(-off_s, abs=0.5)
        assert watch.agrees() is (off_s == 0)
    else:
        assert (seen, watch.agrees()) == (0, True)
