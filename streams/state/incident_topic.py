"""Keeps dispatch.incident.v1 in order, beside the hot path: tombstones, and repairs after a worker that came back.

    ours, and ready ─► follow the topic from its beginning ─► every minute: take in, repeat, bury
    not ours any more ─► leave

One worker does it, in the executor and in small steps: a press waits for none of them. Two that believe it is theirs
write the same, and a consumer sees no difference.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import islice

import structlog

from processors.incident.incident_compaction import (
    LatestRecord,
    apply_record,
    expired_keys,
    overtaken_records,
)
from schemas.alert import Alert
from schemas.codec import decode
from schemas.errors import CallboxError, DecodeError
from schemas.topics import INCIDENTS
from streams.clock import now_ms
from streams.kafka.producer import Outgoing
from streams.kafka.reader import Follower, read
from streams.kafka.record import LogRecord
from streams.worker.context import Context

log = structlog.get_logger(__name__)

EVERY_S = 60.0
STEP_RECORDS = 100
"""About 6 ms of decoding; the fold has the interpreter in between."""

PAUSE_S = 0.02
MOST_TOMBSTONES = 1_000
MOST_REPEATS = 50
"""A round: each is read with a consumer of its own, and after a replay most are right by the next round."""


class IncidentTopic:
    """Follows the topic while it is ours.

    Args:
        context: The worker.
        topic: The topic.
    """

    def __init__(self, context: Context, topic: str = INCIDENTS) -> None:
        self._context, self._topic = context, topic
        self._left: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Follow the topic, unless that is being done."""
        if self._task is None or self._task.done():
            self._left = asyncio.Event()
            self._task = asyncio.create_task(self._follow(self._left))

    def leave(self) -> None:
        """Stop following, after the step that is being done."""
        if self._left is not None:
            self._left.set()

    async def _follow(self, left: asyncio.Event) -> None:
        """Tend the topic every minute; what goes wrong is told and tried again, from the beginning."""
        while not left.is_set():
            try:
                follower = await self._context.blocking(Follower, self._context.kafka, self._topic)
                try:
                    keeper = IncidentKeeper(self._context, follower, self._topic)
                    while not left.is_set():
                        await keeper.tend(left)
                        await _wait(left, EVERY_S)
                finally:
                    await self._context.blocking(follower.close)
            except CallboxError as error:
                log.warning("incidents.interrupted", error=str(error))
                await _wait(left, EVERY_S)
            except Exception:
                log.exception("incidents.failed")
                await _wait(left, EVERY_S)


class IncidentKeeper:
    """Knows of each incident which record counts.

    Args:
        context: The worker.
        follower: Of the topic, at its beginning.
        topic: The topic.
    """

    def __init__(self, context: Context, follower: Follower, topic: str) -> None:
        self._context, self._follower, self._topic = context, follower, topic
        self._standings: dict[bytes, LatestRecord] = {}

    async def tend(self, left: asyncio.Event) -> None:
        """Take in what is new, then repeat what was overtaken and bury what is over.

        Raises:
            CallboxError: The topic cannot be read, or does not take a record.
        """
        await self._take_in(left)
        if left.is_set():
            return
        repeated = await self._repeat()
        over = list(islice(expired_keys(self._standings, now_ms()), MOST_TOMBSTONES))
        await self._context.delivery.deliver([Outgoing(self._topic, key, None) for key in over])
        if over or repeated:
            log.info("incidents.tended", tombstones=len(over), repeated=repeated)

    async def _take_in(self, left: asyncio.Event) -> None:
        """Everything up to the end, in steps."""
        while not left.is_set():
            was_at_end = self._follower.caught_up
            records = await self._context.blocking(self._follower.poll)
            for start in range(0, len(records), STEP_RECORDS):
                await self._context.blocking(self._observe, records[start : start + STEP_RECORDS])
                await asyncio.sleep(PAUSE_S)
            if not records and was_at_end:
                return
            if not records:
                await asyncio.sleep(PAUSE_S)

    def _observe(self, records: Sequence[LogRecord]) -> None:
        """Runs in the executor."""
        for record in records:
            if record.key is None:
                continue
            if record.value is None:
                self._standings.pop(record.key, None)
                continue
            try:
                alert = decode(record.value, Alert)
            except DecodeError:
                log.warning("incidents.unreadable", partition=record.partition, offset=record.offset)
                continue
            known = self._standings.get(record.key)
            self._standings[record.key] = apply_record(known, alert, record.partition, record.offset)

    async def _repeat(self) -> int:
        """Write the records again that count and were overtaken; how many."""
        overtaken = list(islice(overtaken_records(self._standings), MOST_REPEATS))
        outgoing = []
        for key, standing in overtaken:
            record = await self._context.blocking(self._read_again, standing)
            if record is not None:
                outgoing.append(Outgoing(self._topic, key, record.value))
                continue
            log.error("incidents.record_gone", partition=standing.partition, offset=standing.offset)
            self._standings[key] = standing._replace(is_overtaken=False)
        await self._context.delivery.deliver(outgoing)
        return len(outgoing)

    def _read_again(self, standing: LatestRecord) -> LogRecord | None:
        """The record, unless compaction took it. Runs in the executor."""
        place = standing.offset
        return next(read(self._context.kafka, self._topic, standing.partition, place, place + 1), None)


async def _wait(left: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(left.wait(), seconds)
