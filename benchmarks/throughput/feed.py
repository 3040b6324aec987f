"""The preloaded topics of the throughput bench, and the lists that the job needs. No plate is a real one."""

from collections.abc import Iterator
from typing import Final

import msgspec

from benchmarks.support.fixtures import listed_vehicle, standing_device
from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS
from schemas.codec import encode
from schemas.enums import DeviceKind, PillarKind, PlateClass, PlateColour
from schemas.feeds import PillarEvent, PlateRead
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, CATALOGUE, HOTLIST, PILLAR_EVENTS, PLATE_READS, REGISTRY, Topic
from schemas.units import DAY_MS, EpochMs
from streams.kafka.producer import ProducerRecord

ONE_IN: Final = 100
"""Reads for each hit."""

DEVICES: Final = {"plates": 24, "pillars": 628}
"""A multiple of the partitions, so that the records of a device are always in the same one."""

_KINDS: Final = {"plates": DeviceKind.CHECKPOINT, "pillars": DeviceKind.PILLAR}
_LISTED: Final = 5
_ZONES: Final = 12


def bench_topics() -> tuple[Topic, ...]:
    """The shipped topics, but the feeds and answers outlive the bench: sealed ones keep ten minutes only."""
    kept = {*INPUTS.values(), *OUTPUTS.values()}
    return tuple(
        msgspec.structs.replace(topic, sealed=False, retention_ms=DAY_MS) if topic.name in kept else topic
        for topic in CATALOGUE
    )


def steps(feed: str) -> int:
    """Records come in multiples of this, so that each partition ends with a record that has an answer."""
    return BY_NAME[INPUTS[feed]].partitions * (ONE_IN if feed == "plates" else 1)


def answers(feed: str, records: int) -> int:
    """How many answers a whole feed has."""
    return records // ONE_IN if feed == "plates" else records


def lists(at: EpochMs) -> list[ProducerRecord]:
    """Registry and hotlist."""
    devices = [_device(feed, number) for feed, count in DEVICES.items() for number in range(count)]
    entries = [listed_vehicle(f"bench-{number}", _listed_text(number), at) for number in range(_LISTED)]
    return [
        *(ProducerRecord(REGISTRY, device.device_id.encode(), encode(device)) for device in devices),
        *(ProducerRecord(HOTLIST, entry.entry_id.encode(), encode(entry)) for entry in entries),
    ]


def feed_records(feed: str, count: int, at: EpochMs) -> Iterator[ProducerRecord]:
    """The preloaded topic, spread evenly over its partitions."""
    make = _read if feed == "plates" else _event
    return (make(number, EpochMs(at + number // 100)) for number in range(count))


def _read(number: int, at: EpochMs) -> ProducerRecord:
    partitions = BY_NAME[PLATE_READS].partitions
    is_listed = number // partitions % ONE_IN == ONE_IN - 1
    checkpoint = _name("plates", number)
    read = PlateRead(
        checkpoint_id=checkpoint,
        occurred_at=at,
        received_at=at,
        event_id=f"read-{number}",
        plate_text=_listed_text(number % _LISTED) if is_listed else f"京A·{number % 100_000:05d}",
        confidence=0.97,
        plate_class=PlateClass.STANDARD,
        plate_colour=PlateColour.BLUE,
        jurisdiction="CN",
    )
    return ProducerRecord(PLATE_READS, checkpoint.encode(), encode(read), number % partitions)


def _event(number: int, at: EpochMs) -> ProducerRecord:
    pillar = _name("pillars", number)
    event = PillarEvent(
        device_id=pillar,
        kind=PillarKind.PRESS if number % ONE_IN == 0 else PillarKind.HEARTBEAT,
        occurred_at=at,
        received_at=at,
        event_id=f"event-{number}",
    )
    return ProducerRecord(
        PILLAR_EVENTS, pillar.encode(), encode(event), number % BY_NAME[PILLAR_EVENTS].partitions
    )


def _name(feed: str, number: int) -> str:
    return f"{_KINDS[feed]}-{number % DEVICES[feed]}"


def _listed_text(number: int) -> str:
    return f"京Z9999{number}"


def _device(feed: str, number: int) -> RegistryDevice:
    return standing_device(_name(feed, number), _KINDS[feed], f"zone-{number % _ZONES}")
