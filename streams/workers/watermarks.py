"""Watermarks: up to when a feed is processed. By them the fold knows a silent device from a worker that is down.

Each worker reports its own partitions of the feed to every partition of the log: a zone may lie in any of them.
"""

from schemas.codec import encode
from schemas.enums import Feed, FeedState, InputKind
from schemas.errors import Cause
from schemas.fusion_log import FeedStatus, FusionInput
from schemas.topics import FUSION_INPUT
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context


class Watermarks:
    """Reports to the fold how far a feed is.

    Args:
        context: The worker.
        feed: Which feed it reads.
        topic: The feed's topic, the first of the agent's.
        every_s: The shortest time between two reports.
    """

    def __init__(self, context: Context, feed: Feed, topic: str, every_s: float = 0.0) -> None:
        self._context, self._feed, self._topic, self._every_s = context, feed, topic, every_s
        self._reported_at: float | None = None

    async def report(self) -> None:
        """Report the partitions that are caught up, if there are any and the time has come."""
        now = self._context.clock.monotonic()
        if self._reported_at is not None and now - self._reported_at < self._every_s:
            return
        partitions = sorted(self._context.caught_up())
        if not partitions:
            return
        self._reported_at = now
        value = encode(self._status(partitions))
        await self._context.delivery.deliver(
            [
                ProducerRecord(FUSION_INPUT, b"", value, partition)
                for partition in range(self._context.partitions[FUSION_INPUT])
            ]
        )

    def _status(self, partitions: list[int]) -> FusionInput:
        at = self._context.clock.now_ms()
        status = FeedStatus(
            feed=self._feed,
            state=FeedState.OK,
            topic=self._topic,
            partition=-1,
            offset=-1,
            cause=Cause.UNKNOWN,
            at=at,
            partitions=tuple(partitions),
        )
        return FusionInput(
            kind=InputKind.FEED_STATUS,
            event_id=f"alive-{self._feed}-{at}-{'.'.join(map(str, partitions))}",
            zone="",
            payload=encode(status),
        )
