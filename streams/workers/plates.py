"""Plates: is this vehicle on the hotlist? A hit becomes a question to a person, and nothing else is published.

    checkpoint.plate-read.v1 ─► text, or crop and models ─► exact match ─► vehicle.verification-request.v1
    the list is too old, or fresh again ─► fusion.input.v1, reported by the owner of the first partition

A vehicle that is not on the list leaves no trace: what is known of it stays in local variables here, and is in no
log line, metric label, dead letter or exception text.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from processors.intake.pillar_event import record_place, replaced_receipt
from processors.plates.consensus import normalise_plate_text
from processors.plates.hotlist import Match, VehicleRead, index, is_stale, match, problems
from processors.plates.verification import CONFIDENT, SeenPlate, verification_request
from processors.vision.jpeg import check_jpeg
from schemas.codec import decode, encode
from schemas.errors import CallboxError, Cause, DecodeError, PictureError
from schemas.feeds import PlateRead
from schemas.hotlist import HotlistEntry
from schemas.registry import RegistryDevice
from schemas.topics import HOTLIST, REGISTRY, VERIFICATION_REQUESTS
from schemas.units import EpochMs
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.worker.context import Context
from streams.workers.hotlist_freshness import ListFreshness
from streams.workers.plate_pictures import PlatePictures

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 0.2
"""How often the registry is looked at for a checkpoint that it does not name: a new one is known at once."""


class PlatesAgent:
    """Matches plate reads against the hotlist, and asks a person about each hit.

    Args:
        context: The worker.
        make_pictures: Loads the plate models; blocks.
    """

    def __init__(
        self, context: Context, make_pictures: Callable[[Path], PlatePictures] = PlatePictures
    ) -> None:
        self._context, self._make_pictures = context, make_pictures
        self._registry = context.table(REGISTRY, RegistryDevice)
        self._hotlist = context.table(HOTLIST, HotlistEntry)
        self._index = index(())
        self._outcomes: Counter[str] = Counter()
        self._freshness = ListFreshness(context)
        self._pictures: PlatePictures | None = None

    async def start(self) -> None:
        """Load the models, the registry and the list."""
        self._pictures = await self._context.blocking(self._make_pictures, self._context.cache)
        await self._registry.start()
        await self._hotlist.start()
        self._index_hotlist()

    async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
        """Read, match, ask."""
        outgoing: list[ProducerRecord] = []
        for batch in batches:
            for record in batch:
                try:
                    read = decode(record.value, PlateRead)
                    if read.picture is None:  # nothing to wait for
                        outgoing += await self._ask_by_text(read, record)
                    else:
                        outgoing += await self._ask(read, record)
                except (DecodeError, PictureError) as error:
                    outgoing.append(self._reject(record, error.cause))
                except CallboxError:  # the registry that cannot be read: the process stops
                    raise
                except Exception as error:  # noqa: BLE001 - one picture must not hold up a checkpoint's feed
                    log.error("plate.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
                    outgoing.append(self._reject(record, Cause.PROCESSING_FAILED))
        outcomes, self._outcomes = self._outcomes, Counter()
        return self._delivered(await self._context.delivery.begin(outgoing), outcomes)

    async def _delivered(self, delivered: Awaitable[object], outcomes: Counter[str]) -> None:
        """Add to the counters once for all batches: one of them costs as much as matching a plate."""
        await delivered
        for outcome, reads in outcomes.items():
            self._context.metrics.plate_reads.labels(outcome).inc(reads)

    async def every_second(self) -> None:
        """Follow the registry and the list, and report how old the list is."""
        await self._registry.refresh()
        if await self._hotlist.refresh():
            self._index_hotlist()
        await self._freshness.report(self._hotlist.newest_at)

    async def _ask_by_text(self, read: PlateRead, record: LogRecord) -> list[ProducerRecord]:
        """A read that brought no picture.

        Raises:
            DecodeError: It has no text either, or no registry names the checkpoint.
        """
        zone, at = await self._zone_of(read), record.timestamp_ms
        if self._is_stale(at):
            return []
        if read.plate_text is None:
            raise DecodeError("neither text nor picture", Cause.INVALID_FIELD)
        hits = match(_by_text(read, read.plate_text), self._index, at)
        if not hits:
            self._outcomes["not_listed"] += 1
            return []
        return self._requests(read, zone, record, hits, ())

    async def _ask(self, read: PlateRead, record: LogRecord) -> list[ProducerRecord]:
        """A read with a picture: it is looked at where there is no text, or where the text is a hit."""
        zone, at = await self._zone_of(read), record.timestamp_ms
        if self._is_stale(at):
            return []
        picture = read.picture or b""
        damage = _damage(picture)
        if read.plate_text is None:
            if damage is not None:
                raise damage
            seen = await self._look(picture)
            vehicles = [
                _vehicle(read, plate.text, is_certain=plate.is_certain) for plate in seen if plate.text
            ]
        else:
            seen, vehicles = None, [_by_text(read, read.plate_text)]
        hits = self._hits(vehicles, at)
        if hits and seen is None:  # only now is a picture beside a text worth a look
            seen, damage = await self._crops(picture, damage)
        dead_letters = [self._reject(record, damage.cause)] if damage is not None else []
        if not hits:
            self._outcomes["not_listed" if vehicles else "not_read"] += 1
            return dead_letters
        return dead_letters + self._requests(read, zone, record, hits, seen or ())

    async def _zone_of(self, read: PlateRead) -> str:
        device = self._registry.get(read.checkpoint_id)
        if device is None:
            await self._registry.refresh(interval_s=LOOK_AGAIN_S)
            device = self._registry.get(read.checkpoint_id)
        if device is None:
            raise DecodeError("no registry names the checkpoint", Cause.UNKNOWN_DEVICE)
        return device.zone

    def _is_stale(self, at: EpochMs) -> bool:
        """Whether the list is too old: no read is a hit then."""
        stale = is_stale(self._hotlist.newest_at, at)
        if stale:
            self._outcomes["list_stale"] += 1
        return stale

    async def _crops(
        self, picture: bytes, damage: PictureError | None
    ) -> tuple[Sequence[SeenPlate], PictureError | None]:
        """The plates in the picture of a hit; a person is asked all the same where it cannot be used."""
        if damage is not None:
            return (), damage
        try:
            return await self._look(picture), None
        except PictureError as error:
            return (), error
        except Exception as error:  # noqa: BLE001 - the text is a hit, whatever the models make of the picture
            log.error("plate.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            return (), PictureError("the models failed", Cause.PROCESSING_FAILED)

    async def _look(self, picture: bytes) -> Sequence[SeenPlate]:
        if self._pictures is None:  # process() runs after start(); said for the type checker
            raise DecodeError("models are not loaded", Cause.PROCESSING_FAILED)
        return await self._context.blocking(self._pictures.read, picture)

    def _hits(self, vehicles: Sequence[VehicleRead], at: EpochMs) -> list[Match]:
        """One match for each entry that any vehicle of the picture fits."""
        found: dict[str, Match] = {}
        for vehicle in vehicles:
            for hit in match(vehicle, self._index, at):
                found.setdefault(hit.entry.entry_id, hit)
        return list(found.values())

    def _requests(
        self,
        read: PlateRead,
        zone: str,
        record: LogRecord,
        hits: Sequence[Match],
        seen: Sequence[SeenPlate],
    ) -> list[ProducerRecord]:
        at = record.timestamp_ms
        receipt = replaced_receipt(
            read.received_at, at, record_place(record.topic, record.partition, record.offset)
        )
        age_ms = max(0, at - self._hotlist.newest_at)
        requests = [
            verification_request(
                read,
                hit,
                zone=zone,
                at=at,
                list_age_ms=age_ms,
                crop=_crop_of(hit, seen),
                receipt=receipt,
            )
            for hit in hits
        ]
        self._outcomes["hit"] += 1
        return [
            ProducerRecord(VERIFICATION_REQUESTS, request.request_id.encode(), encode(request))
            for request in requests
        ]

    def _reject(self, record: LogRecord, cause: Cause) -> ProducerRecord:
        self._outcomes["dead_lettered"] += 1
        return self._context.reject(record, cause)

    def _index_hotlist(self) -> None:
        entries = list(self._hotlist.values())
        usable = [entry for entry in entries if not problems(entry, self._hotlist.newest_at)]
        if len(usable) < len(entries):
            log.warning("hotlist.entries_ignored", ignored=len(entries) - len(usable))
        self._index = index(usable)


def _damage(picture: bytes) -> PictureError | None:
    """Why a picture cannot be used. It is rejected then, and a text beside it still counts."""
    try:
        check_jpeg(picture)
    except PictureError as error:
        return error
    return None


def _by_text(read: PlateRead, text: str) -> VehicleRead:
    """What passed, by the reader's own text.

    Raises:
        DecodeError: The text is none.
    """
    is_certain = read.confidence is not None and read.confidence >= CONFIDENT
    return _vehicle(read, normalise_plate_text(text), is_certain=is_certain)


def _crop_of(hit: Match, seen: Sequence[SeenPlate]) -> SeenPlate | None:
    """The plate that reads as the listed one, or else the first."""
    return next((plate for plate in seen if plate.text == hit.entry.plate_text), seen[0] if seen else None)


def _vehicle(read: PlateRead, text: str, *, is_certain: bool) -> VehicleRead:
    return VehicleRead(text, read.jurisdiction, read.plate_class, read.plate_colour, is_certain)
