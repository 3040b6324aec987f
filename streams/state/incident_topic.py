"""Maintains dispatch.incident.v1 beside the hot path: tombstones, and repairs after a worker that came back.

    partition 0 is ours, and we are ready ─► follow the topic from its beginning
      ─► every minute: read what is new, write overtaken records again, write tombstones
    not ours any more ─► stop

One worker does it, in the executor and in small steps, so that no press waits for it. Should two workers do it at
once, they write the same, and a consumer sees no difference.
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
from streams.kafka.producer import ProducerRecord
from streams.kafka.rare_log import RareLog
from streams.kafka.reader import Follower
from streams.kafka.record import LogRecord
from streams.worker.context import Context

log = structlog.get_logger(__name__)

EVERY_S = 60.0
STEP_RECORDS = 100
"""About 6 ms of decoding; the fold has the interpreter in between."""

PAUSE_S = 0.02
MOST_TOMBSTONES = 1_000
MOST_REPEATS = 50
"""In one round: each is read with a consumer of its own, and after a replay most are right by the next round."""


class IncidentTopic:
    """Follows the topic while it is ours.

    Args:
        context: The worker.
        topic: The topic.
        every_s: Time between two rounds.
        pause_s: Between two steps.
    """

    def __init__(
        self,
        context: Context,
        topic: str = INCIDENTS,
        *,
        every_s: float = EVERY_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._context, self._topic = context, topic
        self._every_s, self._pause_s = every_s, pause_s
        self._left: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._rare = RareLog()

    def begin(self) -> None:
        """Follow the topic, unless it is followed already."""
        if self._task is None or self._task.done():
            self._left = asyncio.Event()
            self._task = asyncio.create_task(self._follow(self._left))

    def leave(self) -> None:
        """Stop following, after the step that is being done."""
        if self._left is not None:
            self._left.set()

    async def _follow(self, left: asyncio.Event) -> None:
        """One round every minute; a failure is logged, and the topic is followed again from its beginning."""
        while not left.is_set():
            try:
                follower = await self._context.blocking(self._context.reader.follow, self._topic)
                try:
                    keeper = IncidentKeeper(self._context, follower, self._topic, self._pause_s)
                    while not left.is_set():
                        await keeper.tend(left)
                        await self._context.blocking(follower.pause)  # else it would fetch ten times a second
                        await _wait(left, self._every_s)
                        await self._context.blocking(follower.resume)
                finally:
                    await self._context.blocking(follower.close)
            except CallboxError as error:
                if (
                    left_out := self._rare.due("incidents.interrupted", self._context.clock.monotonic())
                ) is not None:
                    log.warning("incidents.interrupted", error=str(error), left_out=left_out)
                await _wait(left, self._every_s)
            except Exception:
                log.exception("incidents.failed")
                await _wait(left, self._every_s)


class IncidentKeeper:
    """Knows which record of each incident counts.

    Args:
        context: The worker.
        follower: Of the topic, at its beginning.
        topic: The topic.
        pause_s: Between two steps.
    """

    def __init__(self, context: Context, follower: Follower, topic: str, pause_s: float = PAUSE_S) -> None:
        self._context, self._follower, self._topic, self._pause_s = context, follower, topic, pause_s
        self._standings: dict[bytes, LatestRecord] = {}

    async def tend(self, left: asyncio.Event) -> None:
        """One round: read what is new, then write overtaken records again and tombstones of what is over.

        Raises:
            CallboxError: The topic cannot be read, or does not take a record.
        """
        await self._read_new(left)
        if left.is_set():
            return
        repeated = await self._repeat()
        over = list(islice(expired_keys(self._standings, self._context.clock.now_ms()), MOST_TOMBSTONES))
        await self._context.delivery.deliver([ProducerRecord(self._topic, key, None) for key in over])
        if over or repeated:
            log.info("incidents.tended", tombstones=len(over), repeated=repeated)

    async def _read_new(self, left: asyncio.Event) -> None:
        """Everything up to the end, in steps."""
        while not left.is_set():
            was_at_end = self._follower.caught_up
            records = await self._context.blocking(self._follower.poll)
            for start in range(0, len(records), STEP_RECORDS):
                await self._context.blocking(self._observe, records[start : start + STEP_RECORDS])
                await asyncio.sleep(self._pause_s)
            if not records and was_at_end:
                return
            if not records:
                await asyncio.sleep(self._pause_s)

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
                outgoing.append(ProducerRecord(self._topic, key, record.value))
                continue
            log.error("incidents.record_gone", partition=standing.partition, offset=standing.offset)
            self._standings[key] = standing._replace(is_overtaken=False)
        await self._context.delivery.deliver(outgoing)
        return len(outgoing)

    def _read_again(self, standing: LatestRecord) -> LogRecord | None:
        """The record, unless compaction took it. Runs in the executor."""
        found = self._context.reader.read(
            self._topic, standing.partition, standing.offset, standing.offset + 1
        )
        return next(found, None)


async def _wait(left: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(left.wait(), seconds)
