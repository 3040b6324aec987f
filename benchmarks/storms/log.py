"""The log of the storms: records in their real encoding, folded as they are appended, each fold timed.

    record ─► envelope ─► bytes ─► fold (timed: decode, decide, encode what goes out) ─► alerts

One process folds all four partitions, one record after another. How long a press waits follows from when records
arrive and how long those before it take: a queue of one server.
"""

import time
from typing import NamedTuple

import msgspec

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.intake.envelope import envelope
from processors.state.partition_state import new_state
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import Feed, Grade, InputKind
from schemas.fusion_log import FeedWatermark, FusionInput, Tick
from schemas.partitioning import partition_of
from schemas.topics import LOG_PARTITIONS, PILLAR_EVENTS
from schemas.units import SECOND_MS, EpochMs

START = EpochMs(1_760_000_000_000)


class Folded(NamedTuple):
    """One record that has been folded.

    Attributes:
        at_s: When it was appended, seconds since the start.
        taken_s: How long the fold took, seconds.
        is_tick: It is a tick.
        press: The press's device, or empty.
    """

    at_s: float
    taken_s: float
    is_tick: bool
    press: str


class Told(NamedTuple):
    """One alert, and when it went out, seconds since the start."""

    at_s: float
    alert: Alert


def ms(at_s: float) -> EpochMs:
    """A time of the storm, epoch milliseconds."""
    return EpochMs(START + round(at_s * SECOND_MS))


class StormLog:
    """Four partitions of the log, their states, and what has come out."""

    def __init__(self) -> None:
        self.states = [new_state(number, LOG_PARTITIONS) for number in range(LOG_PARTITIONS)]
        self.folded = list[Folded]()
        self.told = list[Told]()
        self.heard = 0
        self._ticks = 0

    def append(self, at_s: float, given: FusionInput, *, press: str = "") -> list[Alert]:
        """Append a record of one zone and fold it; returns its alerts. `press` is the device that was pressed."""
        alerts = self._fold(at_s, partition_of(given.zone, LOG_PARTITIONS), given, press=press)
        if press and any(_is_red_of(alert, press) for alert in alerts):
            self.heard += 1
        return alerts

    def tick(self, at_s: float) -> None:
        """Write a tick into each partition."""
        self._ticks += 1
        given = _broadcast(InputKind.TICK, f"tick:{self._ticks}", Tick(number=self._ticks, at=ms(at_s)))
        for partition in range(LOG_PARTITIONS):
            self._fold(at_s, partition, given, is_tick=True)

    def watermark(self, at_s: float) -> None:
        """Write into each partition that the pillars' feed has been read until now."""
        mark = FeedWatermark(
            feed=Feed.PILLARS,
            topic=PILLAR_EVENTS,
            partitions=tuple(range(LOG_PARTITIONS)),
            at=ms(at_s),
            partition_count=LOG_PARTITIONS,
        )
        given = _broadcast(InputKind.FEED_WATERMARK, f"alive:{at_s}", mark)
        for partition in range(LOG_PARTITIONS):
            self._fold(at_s, partition, given)

    def _fold(
        self, at_s: float, partition: int, given: FusionInput, *, is_tick: bool = False, press: str = ""
    ) -> list[Alert]:
        state = self.states[partition]
        entry = LogEntry(state.offset, ms(at_s), given.zone.encode(), encode(given))
        began = time.perf_counter()
        _, decisions = fold(state, entry)
        alerts = [alert for decision in decisions for alert in decision.alerts]
        for alert in alerts:
            encode(alert)
        self.folded.append(Folded(at_s, time.perf_counter() - began, is_tick, press))
        self.told += [Told(at_s, alert) for alert in alerts]
        return alerts


def _broadcast(kind: InputKind, event_id: str, record: msgspec.Struct) -> FusionInput:
    return envelope(kind, event_id, "", record)


def _is_red_of(alert: Alert, device_id: str) -> bool:
    return alert.grade is Grade.RED and any(source.device_id == device_id for source in alert.sources)


def waits_s(folded: list[Folded]) -> list[float]:
    """How long each press waits until it is folded, seconds: one server, records in the order of the log."""
    waits: list[float] = []
    free_at = 0.0
    for record in folded:
        free_at = max(free_at, record.at_s) + record.taken_s
        if record.press:
            waits.append(free_at - record.at_s)
    return waits
