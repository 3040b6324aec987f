"""Write the log of one partition for the fold bench, and fold it at the same time."""

import random
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import Decision, fold_decoded
from processors.state.partition_state import State, new_state
from schemas.codec import encode
from schemas.enums import Feed, InputKind, PillarKind
from schemas.fusion_log import FeedWatermark, FusionInput, PillarFact, Tick
from schemas.registry import RegistryDevice
from schemas.topics import BY_NAME, FRAMES, LOG_PARTITIONS, PILLAR_EVENTS
from schemas.units import EpochMs

SEED = 7


class Part(StrEnum):
    """The kind of an input in the mix."""

    HEARTBEAT = "heartbeat"
    DUPLICATE = "duplicate"
    PRESS = "press"
    ACKNOWLEDGEMENT = "acknowledgement"
    OBSERVATION = "observation"
    TIME = "time"
    """Ticks, the feed's word and the releases of buttons: beside the mix, and in no rate."""


class Input(NamedTuple):
    """One input as the fold takes it."""

    part: Part
    entry: LogEntry
    envelope: FusionInput
    record: msgspec.Struct


class LogWriter:
    """One partition: its state, its clock, its next record.

    Args:
        partition: Which.
        start: When its first record is appended.
        on_wire: Entries and envelopes hold bytes, for a broker; the fold itself never looks at them.
    """

    def __init__(self, partition: int, start: EpochMs, *, on_wire: bool) -> None:
        self.state: State = new_state(partition, LOG_PARTITIONS)
        self.random = random.Random(SEED + partition)
        self.at_ms = float(start)
        self.last: tuple[Decision, ...] = ()
        self._on_wire = on_wire

    @property
    def now(self) -> EpochMs:
        """When the next record is appended."""
        return EpochMs(int(self.at_ms))

    def event_id(self) -> str:
        """An id that is new; it has 16 characters and does not compress, like real ones."""
        return f"{self.random.getrandbits(64):016x}"

    def push(self, part: Part, kind: InputKind, event_id: str, zone: str, record: msgspec.Struct) -> Input:
        """Append a record, and fold it."""
        payload = encode(record) if self._on_wire else b""
        return self.fold(part, FusionInput(kind=kind, event_id=event_id, zone=zone, payload=payload), record)

    def fold(self, part: Part, envelope: FusionInput, record: msgspec.Struct) -> Input:
        """Append a record that is in its envelope already, and fold it."""
        value = encode(envelope) if self._on_wire else b""
        entry = LogEntry(self.state.offset, self.now, envelope.zone.encode(), value)
        _, self.last = fold_decoded(self.state, entry, envelope, record)
        return Input(part, entry, envelope, record)

    def pillar(self, part: Part, device: RegistryDevice, kind: PillarKind, at: EpochMs) -> Input:
        """A device reports something."""
        fact = PillarFact(
            event_id=self.event_id(), device_id=device.device_id, kind=kind, occurred_at=at, received_at=at
        )
        return self.push(part, InputKind.PILLAR_EVENT, fact.event_id, device.zone, fact)

    def tick(self) -> Input:
        """A tick."""
        number = self.state.tick + 1
        return self.push(Part.TIME, InputKind.TICK, f"tick:{number}", "", Tick(number=number, at=self.now))

    def feed_words(self) -> Iterator[Input]:
        """The watermarks of the feeds of pillars and cameras: everything until now has been processed."""
        for feed, topic in ((Feed.PILLARS, PILLAR_EVENTS), (Feed.CAMERAS, FRAMES)):
            partitions = tuple(range(BY_NAME[topic].partitions))
            mark = FeedWatermark(feed=feed, topic=topic, partitions=partitions, at=self.now)
            yield self.push(Part.TIME, InputKind.FEED_WATERMARK, f"alive:{topic}:{self.now}", "", mark)
