"""Presses and acknowledgements with distinct numbers, sent to partitions by name, and which of them came out.

A press is of a pillar of its own, more than a kilometre from the next, so that each becomes an incident and its alert.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from confluent_kafka import Producer

from benchmarks.support.registry_load import pillar, records
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckAction, InputKind, PillarKind
from schemas.feeds import PillarEvent
from schemas.fusion_log import FusionInput
from schemas.topics import ACKS, ALERTS, FUSION_INPUT, LOG_PARTITIONS, PILLAR_EVENTS
from streams.clock import monotonic, now_ms, pause
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import publish
from streams.kafka.reader import read_all

ARRIVES_S = 40.0
FLUSH_S = 60.0
LOOK_S = 0.4

EVERY_PARTITION = tuple(range(LOG_PARTITIONS))


class NumberedFeed:
    """A feed whose records are numbered from 0.

    Args:
        kafka: The broker.
        topic: Its topic.
        make: Key and value of the record with an id and a number.
        kind: What becomes of a record in the log.
    """

    def __init__(
        self,
        kafka: KafkaConfig,
        topic: str,
        make: Callable[[str, int], tuple[str, bytes]],
        kind: InputKind,
    ) -> None:
        self.kafka, self.topic, self._make, self._kind = kafka, topic, make, kind
        self._numbers = itertools.count()
        self._waiting: Producer | None = None
        self.sent: list[str] = []
        """The ids of all that were sent, in their order."""

    def send(self, count: int, partitions: Sequence[int] = EVERY_PARTITION) -> list[str]:
        """Send so many to the partitions in turn, and return their ids when the broker has them.

        Each call has a producer of its own: one that has seen a topic vanish refuses to write to its successor.
        """
        ids = self.send_later(count, partitions)
        self.flush()
        return ids

    def send_later(self, count: int, partitions: Sequence[int] = EVERY_PARTITION) -> list[str]:
        """As `send` without a wait, for a broker that is away: a gateway keeps its records until they are taken."""
        settings = librdkafka_settings(self.kafka) | {"enable.idempotence": True}
        producer = self._waiting = Producer(settings)
        ids = []
        for number, partition in zip(
            itertools.islice(self._numbers, count), itertools.cycle(partitions), strict=False
        ):
            name = f"{self._kind}-{number}"
            key, value = self._make(name, number)
            producer.produce(self.topic, value, key, partition)
            ids.append(name)
        self.sent += ids
        return ids

    def flush(self) -> None:
        """Wait until the broker has all that was sent."""
        assert self._waiting is not None
        left = self._waiting.flush(FLUSH_S)
        assert left == 0, f"{left} records of {self.topic} were not taken"

    def in_log(self) -> Counter[str]:
        """How often each id stands in the log."""
        entries = (decode(record.value, FusionInput) for record in read_all(self.kafka, FUSION_INPUT))
        return Counter(entry.event_id for entry in entries if entry.kind is self._kind)

    def in_alerts(self) -> Counter[str]:
        """How many alerts name each press."""
        alerts = (decode(record.value, Alert) for record in read_all(self.kafka, ALERTS))
        return Counter(name for alert in alerts for name in {source.event_id for source in alert.sources})

    def missing(
        self,
        found: Callable[[], Counter[str]] | None = None,
        within_s: float = ARRIVES_S,
        wanted: Sequence[str] | None = None,
    ) -> list[str]:
        """Those that did not come out within that time, in their order; empty as soon as there are none.

        Args:
            found: Where they should be: `in_log`, which is the default, or `in_alerts`.
            within_s: How long they are waited for.
            wanted: Their ids; None: all that were sent.
        """
        deadline = monotonic() + within_s
        while True:
            there = (found or self.in_log)()
            missing = [name for name in (wanted or self.sent) if name not in there]
            if not missing or monotonic() > deadline:
                return missing
            pause(LOOK_S)

    def assert_heard(self, found: Callable[[], Counter[str]] | None = None) -> None:
        """Fail with the list of those that are missing."""
        if missing := self.missing(found):
            pytest.fail(f"{len(missing)} of {len(self.sent)} were never read: {missing}")


def press_feed(kafka: KafkaConfig, pillars: int) -> NumberedFeed:
    """The pillar feed of a town with so many pillars, which is written to the registry and the log here."""
    publish(kafka, list(records(range(pillars))))
    return NumberedFeed(kafka, PILLAR_EVENTS, _press, InputKind.PILLAR_EVENT)


def ack_feed(kafka: KafkaConfig) -> NumberedFeed:
    """Acknowledgements of incidents that nobody knows: the log has each of them all the same."""
    return NumberedFeed(kafka, ACKS, _ack, InputKind.ACKNOWLEDGEMENT)


def _press(name: str, number: int) -> tuple[str, bytes]:
    at, device = now_ms(), pillar(number).device_id
    event = PillarEvent(
        device_id=device, kind=PillarKind.PRESS, occurred_at=at, received_at=at, event_id=name
    )
    return device, encode(event)


def _ack(name: str, number: int) -> tuple[str, bytes]:
    incident = f"{pillar(number).zone}-{number:026x}"
    said = Acknowledgement(
        ack_id=name,
        incident_id=incident,
        action=AckAction.ACCEPT,
        actor=Actor(name="Duty desk", organisation="County"),
        at=now_ms(),
        revision=1,
    )
    return incident, encode(said)
