"""How far a feed has told everything: what the fold needs to tell a silent device from a worker that is down.

Each worker tells it of its own partitions of the feed, to every partition of the log: a zone may lie in any of them.
"""

from schemas.codec import encode
from schemas.enums import Feed, FeedState, InputKind
from schemas.errors import Cause
from schemas.fusion_log import FeedStatus, FusionInput
from schemas.topics import FUSION_INPUT
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context


class Watermarks:
    """Tells the fold how far a feed is.

    Args:
        context: The worker.
        feed: Which feed it reads.
        topic: The feed's topic, the first of the agent's.
        every_s: How often; asked more often, it says nothing.
    """

    def __init__(self, context: Context, feed: Feed, topic: str, every_s: float = 0.0) -> None:
        self._context, self._feed, self._topic, self._every_s = context, feed, topic, every_s
        self._told_at: float | None = None

    async def tell(self) -> None:
        """Say it; nothing where no partition is caught up."""
        now = self._context.clock.monotonic()
        if self._told_at is not None and now - self._told_at < self._every_s:
            return
        partitions = sorted(self._context.caught_up())
        if not partitions:
            return
        self._told_at = now
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
