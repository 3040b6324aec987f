"""Sending from a command: all of it is delivered, or the command fails."""

import asyncio
from collections.abc import Sequence
from typing import Final

from schemas.errors import TopicRefused
from schemas.topics import BY_NAME
from streams.delivery import Delivery, Outgoing, Place
from streams.kafka import librdkafka_settings
from streams.kafka_config import KafkaConfig, addresses, is_loopback

_GIVE_UP_MS: Final = 15_000  # a person waits; a worker waits for minutes
_FLUSH_S: Final = 2.0


def send_all(kafka: KafkaConfig, records: Sequence[Outgoing]) -> list[Place]:
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


async def _send(kafka: KafkaConfig, records: Sequence[Outgoing]) -> list[Place]:
    delivery = Delivery(librdkafka_settings(kafka) | {"delivery.timeout.ms": _GIVE_UP_MS})
    try:
        return await delivery.deliver(records)
    finally:
        await asyncio.to_thread(delivery.close, _FLUSH_S)
