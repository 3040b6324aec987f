"""The job of a shipped worker as one pure function, for runners that are not callbox.

    plates:  a read as text ─► registry ─► hotlist ─► a verification request for each hit
    pillars: an event ─► registry ─► intake ─► one record of the log

It calls what the worker's agent calls (streams/workers/plates.py, streams/workers/alarms.py) and imports nothing but
schemas, processors and a Kafka client, so that it runs where callbox is not installed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from processors.intake.pillar_event import intake, to_input
from processors.plates.hotlist import index, is_stale, match, problems
from processors.plates.vehicle import vehicle_by_text
from processors.plates.verification import verification_request
from schemas.codec import decode, encode
from schemas.feeds import PillarEvent, PlateRead
from schemas.hotlist import HotlistEntry
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.topics import FUSION_INPUT, HOTLIST, PILLAR_EVENTS, PLATE_READS, REGISTRY, VERIFICATION_REQUESTS
from schemas.units import EpochMs

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

INPUTS: Final = {"plates": PLATE_READS, "pillars": PILLAR_EVENTS}
OUTPUTS: Final = {"plates": VERIFICATION_REQUESTS, "pillars": FUSION_INPUT}
READ_S: Final = 5.0


class Answer(NamedTuple):
    """One record to send."""

    key: bytes
    value: bytes


Job = Callable[[bytes, int], list[Answer]]
"""From the value of a record and its append time in milliseconds to the answers."""


def load_job(bootstrap: str, feed: str) -> Job:
    """Read the lists that the job needs from the broker.

    Args:
        bootstrap: The broker.
        feed: "plates" or "pillars".
    """
    devices, _ = _newest(bootstrap, REGISTRY, RegistryDevice)
    if feed == "pillars":
        return pillar_job(devices)
    entries, newest_at = _newest(bootstrap, HOTLIST, HotlistEntry)
    return plate_job(devices, entries, newest_at)


def plate_job(
    devices: Mapping[str, RegistryDevice], entries: Mapping[str, HotlistEntry], newest_at: EpochMs
) -> Job:
    """What the plates worker does with a read that has a text."""
    listed = index(entry for entry in entries.values() if not problems(entry, newest_at))

    def ask(value: bytes, appended_ms: int) -> list[Answer]:
        read, at = decode(value, PlateRead), EpochMs(appended_ms)
        device = devices[read.checkpoint_id]
        if is_stale(newest_at, at):
            return []
        requests = (
            verification_request(
                read, hit, zone=device.zone, at=at, list_age_ms=max(0, at - newest_at), crop=None
            )
            for hit in match(vehicle_by_text(read, read.plate_text or ""), listed, at)
        )
        return [Answer(request.request_id.encode(), encode(request)) for request in requests]

    return ask


def pillar_job(devices: Mapping[str, RegistryDevice]) -> Job:
    """What the alarms worker does with an event."""

    def forward(value: bytes, appended_ms: int) -> list[Answer]:
        event = decode(value, PillarEvent)
        device = devices.get(event.device_id)
        zone = UNASSIGNED_ZONE if device is None else device.zone
        fact = to_input(intake(event, EpochMs(appended_ms)), zone)
        return [Answer(fact.zone.encode(), encode(fact))]

    return forward


def _newest(bootstrap: str, topic: str, record: type[RecordT]) -> tuple[dict[str, RecordT], EpochMs]:
    """The newest record of each key of a compacted topic with one partition, and the newest append time."""
    found: dict[str, RecordT] = {}
    newest_at = EpochMs(0)
    for message in _messages(bootstrap, topic):
        found[message.key().decode()] = decode(message.value(), record)
        newest_at = max(newest_at, EpochMs(message.timestamp()[1]))
    return found, newest_at


def _messages(bootstrap: str, topic: str) -> Iterator[Any]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "lists", "enable.auto.commit": False})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=READ_S)
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        offset = 0
        while offset < end:
            for message in consumer.consume(1000, READ_S):
                if message.error() is not None:
                    raise RuntimeError(f"{topic}: {message.error()}")
                offset = (message.offset() or 0) + 1
                yield message
    finally:
        consumer.close()
