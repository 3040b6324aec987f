"""Deliver an event to the pillar feed, and wait for the alert that names it.

end of the topic of alerts ─► alarm.pillar-event.v1 ─► (alarms, fusion) ─► the first alert that names the event
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Final, Protocol

from callbox.send.event import names_event
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.errors import DecodeError
from schemas.feeds import PillarEvent
from schemas.registry import RegistryDevice
from schemas.topics import PILLAR_EVENTS, REGISTRY, pillar_topic
from streams.clock import monotonic, pause
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import ProducerRecord, RecordMetadata, publish
from streams.kafka.reader import latest_by_key
from streams.kafka.record import LogRecord

_POLL_S: Final = 0.1  # how soon Ctrl-C is noticed


class AlertFollower(Protocol):
    """What is needed of a follower of the topic of alerts."""

    def poll(self, timeout_s: float) -> list[LogRecord]:
        """What has arrived; waits for the first record only, and for that `timeout_s` at most."""


def feed_topic_of(kafka: KafkaConfig, device_id: str) -> str | None:
    """The topic in which the events of a device belong, or None where the registry does not name the device.

    Raises:
        BrokerUnavailable, AccessDenied, InputMissing: As `streams.kafka.reader.read`.
        DecodeError: This release cannot read the registry's record of it.
    """
    found = latest_by_key(kafka, REGISTRY).get(device_id.encode())
    return None if found is None else pillar_topic(decode(found.value, RegistryDevice).source or "")


def feed_record(event: PillarEvent, topic: str = PILLAR_EVENTS) -> ProducerRecord:
    """The record of an event: its key is the device id, so that the events of a device keep their order."""
    return ProducerRecord(topic, event.device_id.encode(), encode(event))


def deliver_event(kafka: KafkaConfig, event: PillarEvent, topic: str) -> RecordMetadata:
    """Deliver an event.

    Args:
        kafka: The broker.
        event: The event.
        topic: Where it belongs, `feed_topic_of` its device.

    Returns:
        Where it lies.

    Raises:
        DeliveryFailed: The broker did not take it.
    """
    (place,) = publish(kafka, [feed_record(event, topic)])
    return place


def wait_for_alert(
    followers: Mapping[str, AlertFollower],
    event: PillarEvent,
    wait_s: float,
    clock: Callable[[], float] = monotonic,
) -> tuple[str, Alert] | None:
    """Wait for the first alert that names an event.

    Args:
        followers: By topic, a follower of each topic of alerts, which stood at the end before the event was sent.
        event: The event.
        wait_s: How long to wait, seconds.
        clock: Seconds of a clock that never goes back.

    Returns:
        The topic and the alert, or None where none came in time.
    """
    deadline = clock() + wait_s
    while (left := deadline - clock()) > 0:
        for topic, follower in followers.items():
            for record in follower.poll(min(left, _POLL_S)):
                if (alert := _alert_in(record)) is not None and names_event(alert, event):
                    return topic, alert
    return None


def at_intervals(
    every_s: float,
    times: int | None,
    clock: Callable[[], float] = monotonic,
    sleep: Callable[[float], None] = pause,
) -> Iterator[int]:
    """Yield 1 at once, and the next number at each interval, counted from the first: no delay adds up.

    Args:
        every_s: The interval, seconds.
        times: How many numbers there are; None for no end.
        clock: Seconds of a clock that never goes back.
        sleep: Blocks for some seconds.
    """
    begun = clock()
    for number in count(1) if times is None else range(1, times + 1):
        if (early_s := begun + (number - 1) * every_s - clock()) > 0:
            sleep(early_s)
        yield number


def _alert_in(record: LogRecord) -> Alert | None:
    """The alert of a record; None where this release cannot decode it."""
    try:
        return decode(record.value, Alert)
    except DecodeError:
        return None
