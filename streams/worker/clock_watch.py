"""Compares this machine's clock with the broker's, by the append times that delivery reports bring back.

    records ─► delivered ─► the broker's append time lies outside of [sent, reported] by so much ─► metric, readiness
    more than a second, three readings in a row ─► `clock.differs` in the log, a notice for the fold; each minute again
    within a second, three readings in a row ────► `clock.agrees`, a notice that it is over

A difference is told and stops nothing. Stream time is the broker's append time, so a worker whose clock is wrong still
folds and ticks as it should; but what it measures is wrong, and so are its watermarks. A broker that keeps the
writer's time (CreateTime, the embedded broker) brings nothing back that could be compared.

Readings were measured on Apache Kafka 4.1.1: the report of a topic with `message.timestamp.type=LogAppendTime` carries
the broker's time also where the writer's was 81 s off.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import structlog

from schemas.enums import InputKind
from schemas.fusion_log import ClockNotice
from schemas.ids import bounded_id, fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.units import SECOND_MS, EpochMs
from streams.kafka.producer import ProducerRecord, RecordMetadata
from streams.worker.context import Context
from streams.worker.log_writer import fact

log = structlog.get_logger(__name__)

APART_MS: Final = SECOND_MS
"""Clocks that differ by more are wrong: NTP keeps them within milliseconds."""

READINGS: Final = 3
"""How many readings in a row, one a second, are believed: one may be of the moment in which a clock was set."""

AGAIN_S: Final = 60.0
"""A difference is told again after so long, and a reading says nothing of now when it is as old."""


class Reading(NamedTuple):
    """One comparison of the two clocks.

    Attributes:
        apart_ms: The broker's clock minus ours, milliseconds; 0 where no difference can be seen.
        at: When, by the broker's clock.
    """

    apart_ms: int
    at: EpochMs

    @property
    def differs(self) -> bool:
        """Whether the clocks are further apart than they may be."""
        return abs(self.apart_ms) > APART_MS


class ClockWatch:
    """Delivers what a worker writes regularly, and compares clocks by it.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._worker = worker_name(context)
        self._latest: Reading | None = None
        self._read_at = 0.0
        self._alike = 0
        """How many readings in a row, up to the latest, say the same."""
        self._told: bool | None = None
        """What the log was told last; None before the first time, when an earlier process may have told anything."""
        self._told_at = 0.0

    def agrees(self) -> bool:
        """Whether the clocks are within a second of each other, as far as is known."""
        if self._latest is None or self._context.clock.monotonic() - self._read_at >= AGAIN_S:
            return True
        return not self._latest.differs

    async def deliver(self, records: Sequence[ProducerRecord]) -> None:
        """Deliver the records of one second, and then what there is to tell about the clocks.

        Raises:
            DeliveryFailed: As `Deliverer.deliver`.
        """
        await self.note([await self.compare(records)])

    async def compare(self, records: Sequence[ProducerRecord]) -> Reading | None:
        """Deliver records, and compare the clocks by them; None where no broker has stamped any.

        Raises:
            DeliveryFailed: As `Deliverer.deliver`.
        """
        sent_at = self._context.clock.now_ms()
        places = await self._context.delivery.deliver(records)
        return read_clocks(places, sent_at, self._context.clock.now_ms())

    async def note(self, readings: Iterable[Reading | None]) -> None:
        """Take in what was read within one second: the largest difference is one reading. Tell what there is to tell.

        Raises:
            DeliveryFailed: As `Deliverer.deliver`.
        """
        reading = furthest(each for each in readings if each is not None)
        if reading is not None and self._is_to_tell(reading):
            await self._tell(reading)

    def _is_to_tell(self, reading: Reading) -> bool:
        now = self._context.clock.monotonic()
        is_same = self._latest is not None and self._latest.differs == reading.differs
        self._alike = self._alike + 1 if is_same else 1
        self._latest, self._read_at = reading, now
        self._context.metrics.clock_difference.set(reading.apart_ms / SECOND_MS)
        if self._alike < READINGS:
            return False
        return reading.differs is not self._told or (reading.differs and now - self._told_at >= AGAIN_S)

    async def _tell(self, reading: Reading) -> None:
        if reading.differs is not self._told:
            if reading.differs:
                log.error("clock.differs", broker_minus_ours_ms=reading.apart_ms)
            elif self._told is not None:
                log.info("clock.agrees", broker_minus_ours_ms=reading.apart_ms)
        self._told, self._told_at = reading.differs, self._context.clock.monotonic()
        notice = ClockNotice(
            worker=self._worker, apart_ms=reading.apart_ms, differs=reading.differs, at=reading.at
        )
        name = fingerprint("clock", notice.worker, notice.at, int(notice.differs))
        await self._context.delivery.deliver([fact(InputKind.CLOCK, name, UNASSIGNED_ZONE, notice)])


def worker_name(context: Context) -> str:
    """The worker and its machine: `fusion@host`, or `fusion.b@host` for a replica."""
    name = f"{context.spec.name}.{context.replica}" if context.replica else context.spec.name
    return bounded_id(f"{name}@{context.host}")


def read_clocks(places: Iterable[RecordMetadata], sent_at: EpochMs, reported_at: EpochMs) -> Reading | None:
    """The largest difference that the append times of delivered records show; None where no broker has stamped any.

    Each partition's leader stamps with a clock of its own. A slow broker has no wrong clock: what counts is by how
    much an append time lies outside of the time in which the record was on its way.

    Args:
        places: Where the records lie.
        sent_at: Our time before the first was sent.
        reported_at: Our time after the last was reported.
    """
    readings = [
        Reading(_outside(place.appended_at, sent_at, reported_at), place.appended_at)
        for place in places
        if place.appended_at is not None
    ]
    return furthest(readings)


def furthest(readings: Iterable[Reading]) -> Reading | None:
    """The reading with the largest difference."""
    return max(readings, key=lambda reading: abs(reading.apart_ms), default=None)


def _outside(at: EpochMs, begins: EpochMs, ends: EpochMs) -> int:
    """By how much a time lies before (negative) or after [begins, ends], milliseconds."""
    if at < begins:
        return at - begins
    return max(0, at - ends)
