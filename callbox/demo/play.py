"""The player sends each record at its time and notes its place on the broker."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from callbox.demo.schedule import ScheduledRecord
from schemas.units import SECOND_MS, EpochMs
from streams.clock import monotonic, now_ms
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import Delivery, ProducerRecord, RecordMetadata

_ANSWER_S: Final = 10.0
_GIVE_UP_MS: Final = 15_000


@dataclass(frozen=True)
class Sent:
    """One record that was sent.

    Attributes:
        step: Index of its step.
        at: When it was sent.
        place: Its topic, partition and offset.
    """

    step: int
    at: EpochMs
    place: RecordMetadata


def play(
    kafka: KafkaConfig, records: Sequence[ScheduledRecord], on_send: Callable[[ScheduledRecord], None]
) -> list[Sent]:
    """Send records, each at its time; returns when all of them are delivered.

    Args:
        kafka: The broker.
        records: In the order of their times.
        on_send: Called with each record when it is sent.

    Raises:
        DeliveryFailed: The broker did not take one.
    """
    return asyncio.run(_play(kafka, records, on_send))


async def _play(
    kafka: KafkaConfig, records: Sequence[ScheduledRecord], on_send: Callable[[ScheduledRecord], None]
) -> list[Sent]:
    delivery = Delivery(librdkafka_settings(kafka) | {"delivery.timeout.ms": _GIVE_UP_MS})
    try:
        for topic in sorted({record.topic for record in records}):
            await asyncio.to_thread(delivery.warm_up, topic, _ANSWER_S)
        start, start_ms = monotonic(), now_ms()
        sending = []
        for record in records:
            await asyncio.sleep(max(0.0, record.at_s - (monotonic() - start)))
            on_send(record)
            scheduled = EpochMs(start_ms + round(record.at_s * SECOND_MS))
            sending.append(asyncio.create_task(_send(delivery, record, scheduled)))
        return await asyncio.gather(*sending)
    finally:
        await asyncio.to_thread(delivery.close, _ANSWER_S)


async def _send(delivery: Delivery, record: ScheduledRecord, scheduled: EpochMs) -> Sent:
    """Send a record that happened when the scenario says, and is received now, however late the machine is."""
    now = now_ms()
    value = record.make(min(scheduled, now), now)
    key = record.key if isinstance(record.key, bytes) else record.key()
    (place,) = await delivery.deliver([ProducerRecord(record.topic, key, value)])
    return Sent(record.step, now, place)
