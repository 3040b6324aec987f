"""Plates: is this vehicle on the hotlist? A hit becomes a question to a person, and nothing else is published.

    checkpoint.plate-read.v1 ─┬─ text alone ──► exact match ────────────────┬─► vehicle.verification-request.v1
                              └─ a picture ───► looked at on the event loop ┘   (streams/workers/pictured_reads.py)
    the list is too old, or fresh again ─► fusion.input.v1, reported by the owner of the first partition

A vehicle that is not on the list leaves no trace: what is known of it stays in local variables here, and is in no
log line, metric label, dead letter or exception text.
"""

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import structlog

from processors.plates.vehicle import vehicle_by_text
from schemas.codec import decode
from schemas.errors import CallboxError, Cause, DecodeError
from schemas.feeds import PlateRead
from schemas.registry import RegistryDevice
from schemas.topics import REGISTRY
from streams.kafka.batch import Batch
from streams.kafka.record import LogRecord
from streams.worker.context import Context
from streams.worker.quarantine import quarantine
from streams.worker.work import Work
from streams.workers.hotlist_freshness import ListFreshness
from streams.workers.hotlist_matches import HotlistMatches
from streams.workers.pictured_reads import MakeReader, PicturedReads, start_reader

if TYPE_CHECKING:
    from streams.kafka.compacted_table import Spawned

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 0.2
"""How often the registry is looked at for a checkpoint that it does not name: a new one is known at once."""


class PlatesAgent:
    """Matches plate reads against the hotlist, and asks a person about each hit.

    Args:
        context: The worker.
        make_reader: Starts what reads the plates of pictures; blocks.
    """

    def __init__(self, context: Context, make_reader: MakeReader = start_reader) -> None:
        self._context = context
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._matches = HotlistMatches(context)
        self._freshness = ListFreshness(context)
        self._pictured = PicturedReads(context, self._matches, make_reader)
        self._looking: list[Spawned] = []
        """Reads whose picture is being looked at, or waits for that."""

    async def start(self) -> None:
        """Start what reads plates, and read the registry and the list."""
        await self._pictured.start()
        await self._registry.start()
        await self._matches.start()

    async def finish(self) -> None:
        """End what reads plates."""
        await self._pictured.finish()

    def prepare(self, _batch: Batch, _work: Work) -> bool:
        """Whether there is room for more pictures: a drain or a revocation waits for what is begun."""
        self._looking = [each for each in self._looking if not each.done()]
        return len(self._looking) < self._context.settings.merge_records

    def process(self, batch: Batch, work: Work) -> None:
        """Read, match, ask; a read with a picture is given to the event loop, and its batch is done when it is."""
        outcomes: Counter[str] = Counter()
        for record in batch:
            zone = None
            try:
                zone = self._decide(record, work, outcomes)
            except DecodeError as error:
                self._reject(record, error.cause, work, outcomes)
            except CallboxError:  # the registry that cannot be read: the process stops
                raise
            except Exception as error:  # noqa: BLE001 - one read must not hold up a checkpoint's feed
                log.error("plate.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
                self._reject(record, Cause.PROCESSING_FAILED, work, outcomes)
            if zone is not None:
                self._look_at(zone, record, work)
        work.when_delivered(partial(self._count, outcomes))

    def quarantine(self, batch: Batch, work: Work) -> None:
        """Pass a record of which workers have died."""
        for record in batch:
            work.hand_over(quarantine(self._context, record, batch.deaths))

    def punctuate(self, work: Work) -> None:
        """Follow the registry and the list."""
        _, dead_letters = self._registry.look()
        work.hand_over(dead_letters)
        work.hand_over(self._matches.look())

    async def every_second(self) -> None:
        """Report how old the list is."""
        await self._freshness.report(self._matches.newest_at)

    def _look_at(self, zone: str, record: LogRecord, work: Work) -> None:
        looking = self._context.spawn(self._pictured.decide(zone, record))
        self._looking.append(looking)
        work.wait_for(looking)

    def _decide(self, record: LogRecord, work: Work, outcomes: Counter[str]) -> str | None:
        """Decide about a read, unless its picture has to be looked at: then return the zone of its checkpoint.

        Raises:
            DecodeError: It cannot be read, it has neither text nor picture, or no registry names the checkpoint.
        """
        read = decode(record.value, PlateRead)
        self._context.unreadable.note_read(record.topic)
        zone, at = self._zone_of(read, work), record.timestamp_ms
        if read.picture is not None:
            return zone
        if self._matches.is_stale(at):
            outcomes["list_stale"] += 1
        elif read.plate_text is None:
            raise DecodeError("neither text nor picture", Cause.INVALID_FIELD)
        elif hits := self._matches.of(vehicle_by_text(read, read.plate_text), at):
            outcomes["hit"] += 1
            work.hand_over(self._matches.requests(read, zone, record, hits))
        else:
            outcomes["not_listed"] += 1
        return None

    def _zone_of(self, read: PlateRead, work: Work) -> str:
        device = self._registry.get(read.checkpoint_id)
        if device is None:
            _, dead_letters = self._registry.look(interval_s=LOOK_AGAIN_S)
            work.hand_over(dead_letters)
            device = self._registry.get(read.checkpoint_id)
        if device is None:
            raise DecodeError("no registry names the checkpoint", Cause.UNKNOWN_DEVICE)
        return device.zone

    def _reject(self, record: LogRecord, cause: Cause, work: Work, outcomes: Counter[str]) -> None:
        outcomes["dead_lettered"] += 1
        work.hand_over([self._context.reject(record, cause)])

    def _count(self, outcomes: Counter[str]) -> None:
        """Add to the counters once a batch: one of them costs as much as matching a plate."""
        for outcome, reads in outcomes.items():
            self._context.metrics.plate_reads.labels(outcome).inc(reads)
