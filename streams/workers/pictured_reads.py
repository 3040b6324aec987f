"""Reads with a picture: looked at beside the consuming thread, which goes on with others meanwhile.

    read with a picture ─► damaged? ─► text, or crop and models in another process ─► match ─► question, or nothing

As many are looked at at once as there are threads for it. What is wrong with a picture is a dead letter, and a text
beside it counts all the same.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from processors.plates.vehicle import vehicle_as_read, vehicle_by_text
from processors.plates.verification import SeenPlate
from processors.vision.jpeg import check_jpeg
from schemas.codec import decode
from schemas.errors import CallboxError, Cause, DecodeError, PictureError
from schemas.feeds import PlateRead
from streams.kafka.producer import ProducerRecord
from streams.kafka.record import LogRecord
from streams.pictures.plate_pictures import PlatePictures
from streams.worker.context import Context
from streams.workers.hotlist_matches import HotlistMatches

log = structlog.get_logger(__name__)


class Reader(Protocol):
    """What is asked of `streams.pictures.plate_pictures.PlatePictures`."""

    def read(self, jpeg: bytes, /) -> tuple[SeenPlate, ...]:
        """Read every plate of a picture."""

    def close(self) -> None:
        """End what it runs."""


MakeReader = Callable[[Context], Reader]


def start_reader(context: Context) -> Reader:
    """Start the picture processes of a worker; blocks."""
    return PlatePictures(context.cache, context.settings.threads, context.metrics)


class PicturedReads:
    """Decides about reads that bring a picture, on the event loop.

    Args:
        context: The worker.
        matches: The hotlist.
        make_reader: Starts what reads plates; blocks.
    """

    def __init__(self, context: Context, matches: HotlistMatches, make_reader: MakeReader) -> None:
        self._context, self._matches, self._make_reader = context, matches, make_reader
        self._reader: Reader | None = None
        # What waits behind it waits undecoded, and leaves room in the executor for a list that is read anew.
        self._threads = asyncio.Semaphore(context.settings.threads)

    async def start(self) -> None:
        """Start what reads plates."""
        self._reader = await self._context.blocking(self._make_reader, self._context)

    async def finish(self) -> None:
        """End it."""
        if self._reader is not None:
            await self._context.blocking(self._reader.close)

    async def decide(self, zone: str, record: LogRecord) -> None:
        """Decide about a read; returns when all that follows is delivered and counted.

        Args:
            zone: Its checkpoint's.
            record: The read. It decodes.

        Raises:
            CallboxError: The process stops, and the read is read again.
        """
        async with self._threads:
            await self._decide(zone, record)

    async def _decide(self, zone: str, record: LogRecord) -> None:
        outcomes: Counter[str] = Counter()
        try:
            outgoing = await self._asked(decode(record.value, PlateRead), zone, record, outcomes)
        except (DecodeError, PictureError) as error:
            outgoing = [self._reject(record, error.cause, outcomes)]
        except CallboxError:
            raise
        except Exception as error:  # noqa: BLE001 - one picture must not hold up a checkpoint's feed
            log.error("plate.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            outgoing = [self._reject(record, Cause.PROCESSING_FAILED, outcomes)]
        await self._context.delivery.deliver(outgoing)
        for outcome, reads in outcomes.items():
            self._context.metrics.plate_reads.labels(outcome).inc(reads)

    async def _asked(
        self, read: PlateRead, zone: str, record: LogRecord, outcomes: Counter[str]
    ) -> list[ProducerRecord]:
        """The picture is looked at where there is no text, or where the text is a hit."""
        at = record.timestamp_ms
        if self._matches.is_stale(at):
            outcomes["list_stale"] += 1
            return []
        picture = read.picture or b""
        damage = await self._context.blocking(_damage, picture)
        if read.plate_text is None:
            if damage is not None:
                return [self._reject(record, damage, outcomes)]
            seen = await self._look(picture)
            vehicles = [
                vehicle_as_read(read, plate.text, is_certain=plate.is_certain) for plate in seen if plate.text
            ]
        else:
            seen, vehicles = None, [vehicle_by_text(read, read.plate_text)]
        hits = self._matches.of_any(vehicles, at)
        if hits and seen is None:  # only now is a picture beside a text worth a look
            seen, damage = await self._crops(picture, damage)
        dead_letters = [self._reject(record, damage, outcomes)] if damage is not None else []
        if not hits:
            outcomes["not_listed" if vehicles else "not_read"] += 1
            return dead_letters
        outcomes["hit"] += 1
        return dead_letters + self._matches.requests(read, zone, record, hits, seen or ())

    async def _crops(self, picture: bytes, damage: Cause | None) -> tuple[Sequence[SeenPlate], Cause | None]:
        """The plates in the picture of a hit; a person is asked all the same where it cannot be used."""
        if damage is not None:
            return (), damage
        try:
            return await self._look(picture), None
        except PictureError as error:
            return (), error.cause
        except CallboxError:
            raise
        except Exception as error:  # noqa: BLE001 - the text is a hit, whatever the models make of the picture
            log.error("plate.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            return (), Cause.PROCESSING_FAILED

    async def _look(self, picture: bytes) -> Sequence[SeenPlate]:
        if self._reader is None:  # nothing is decided before start(); said for the type checker
            raise DecodeError("nothing reads plates yet", Cause.PROCESSING_FAILED)
        return await self._context.blocking(self._reader.read, picture)

    def _reject(self, record: LogRecord, cause: Cause, outcomes: Counter[str]) -> ProducerRecord:
        outcomes["dead_lettered"] += 1
        return self._context.reject(record, cause)


def _damage(picture: bytes) -> Cause | None:
    """Why a picture cannot be used. It is rejected then, and a text beside it still counts.

    The cause alone: an error that is kept would keep the picture, and a broken camera sends many.
    """
    try:
        check_jpeg(picture)
    except PictureError as error:
        return error.cause
    return None
