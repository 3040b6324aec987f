"""The hotlist in memory: which entries the vehicles of a read match, and what a person is asked about each."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from processors.intake.pillar_event import record_place
from processors.intake.plate_read import bounded_read
from processors.plates.hotlist import Index, Match, VehicleRead, index, is_stale, match, problems
from processors.plates.verification import SeenPlate, verification_request
from schemas.codec import encode
from schemas.feeds import PlateRead
from schemas.hotlist import HotlistEntry
from schemas.topics import HOTLIST, VERIFICATION_REQUESTS
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.worker.context import Context

log = structlog.get_logger(__name__)


class _List(NamedTuple):
    """The list as it was when it was looked at last.

    Attributes:
        by_text: The entries that may match.
        newest_at: Append time of its newest entry.
    """

    by_text: Index
    newest_at: EpochMs


class HotlistMatches:
    """The list, followed as it changes.

    One thread looks at the topic, and any asks. The table itself may be read anew meanwhile, and is empty for a moment
    then: who asks is answered from one look, and the list of that stays in force until the next one.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._hotlist = context.table(HOTLIST, HotlistEntry)
        self._list = _List(index(()), EpochMs(0))

    async def start(self) -> None:
        """Read the list."""
        await self._hotlist.start()
        self._index_entries()

    def look(self) -> list[ProducerRecord]:
        """Follow the list; the dead letters of what cannot be read."""
        is_new, dead_letters = self._hotlist.look()
        if is_new:
            self._index_entries()
        return dead_letters

    @property
    def newest_at(self) -> EpochMs:
        """Append time of the newest entry."""
        return self._list.newest_at

    def is_stale(self, at: EpochMs) -> bool:
        """Whether the list is too old: no read is a hit then."""
        return is_stale(self._list.newest_at, at)

    def of(self, vehicle: VehicleRead, at: EpochMs) -> Sequence[Match]:
        """One match for each entry that a vehicle fits."""
        return match(vehicle, self._list.by_text, at)

    def of_any(self, vehicles: Sequence[VehicleRead], at: EpochMs) -> Sequence[Match]:
        """One match for each entry that any of the vehicles of a picture fits."""
        found: dict[str, Match] = {}
        for vehicle in vehicles:
            for hit in self.of(vehicle, at):
                found.setdefault(hit.entry.entry_id, hit)
        return list(found.values())

    def requests(
        self,
        read: PlateRead,
        zone: str,
        record: LogRecord,
        hits: Sequence[Match],
        seen: Sequence[SeenPlate] = (),
    ) -> list[ProducerRecord]:
        """One question to a person for each hit.

        Args:
            read: The read.
            zone: Its checkpoint's.
            record: Where the read lies.
            hits: What it matches.
            seen: The plates that our models have found in its picture.
        """
        at = record.timestamp_ms
        bounded = bounded_read(read, at, place=record_place(record.topic, record.partition, record.offset))
        age_ms = max(0, at - self._list.newest_at)
        requests = [
            verification_request(
                bounded,
                hit,
                zone=zone,
                at=at,
                list_age_ms=age_ms,
                crop=_crop_of(hit, seen),
            )
            for hit in hits
        ]
        return [
            ProducerRecord(VERIFICATION_REQUESTS, request.request_id.encode(), encode(request))
            for request in requests
        ]

    def _index_entries(self) -> None:
        entries, newest_at = list(self._hotlist.values()), self._hotlist.newest_at
        usable = [entry for entry in entries if not problems(entry, newest_at)]
        if len(usable) < len(entries):
            log.warning("hotlist.entries_ignored", ignored=len(entries) - len(usable))
        self._list = _List(index(usable), newest_at)


def _crop_of(hit: Match, seen: Sequence[SeenPlate]) -> SeenPlate | None:
    """The plate that reads as the listed one, or else the first."""
    return next((plate for plate in seen if plate.text == hit.entry.plate_text), seen[0] if seen else None)
