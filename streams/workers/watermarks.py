"""Watermarks: up to when a feed is processed. By them the fold knows a silent device from a worker that is down.

Each worker reports its own partitions of the feed to every partition of the log: a zone may lie in any of them. A
watermark holds the worker's own time, so its clock is compared with the broker's whenever one is delivered.
"""

from functools import partial

from schemas.enums import Feed, InputKind
from schemas.fusion_log import FeedWatermark
from schemas.topics import FUSION_INPUT, base_of
from streams.worker.clock_watch import ClockWatch
from streams.worker.context import Context
from streams.worker.log_writer import broadcast


class Watermarks:
    """Reports to the fold how far a feed is.

    Args:
        context: The worker.
        feed: Which feed it reads.
        topic: The feed's topic, or that of one sender of it.
        every_s: The shortest time between two reports.
    """

    def __init__(self, context: Context, feed: Feed, topic: str, every_s: float = 0.0) -> None:
        is_first = topic == context.spec.reads[0]
        self._caught_up = context.caught_up if is_first else partial(context.caught_up_of, topic)
        self._context, self._feed, self._topic, self._every_s = context, feed, topic, every_s
        self._reported_at: float | None = None
        self._clock_watch = ClockWatch(context)

    def clocks_agree(self) -> bool:
        """Our clock is the broker's, by the watermarks that were delivered last."""
        return self._clock_watch.agrees()

    async def report(self) -> None:
        """Report the partitions that are caught up, if there are any and the time has come."""
        now = self._context.clock.monotonic()
        if self._reported_at is not None and now - self._reported_at < self._every_s:
            return
        partitions = sorted(self._caught_up())
        if not partitions:
            return
        self._reported_at = now
        at = self._context.clock.now_ms()
        mark = FeedWatermark(
            feed=self._feed,
            topic=self._topic,
            partitions=tuple(partitions),
            at=at,
            # A partition that was added since we started may be ours already.
            partition_count=max(self._context.partitions[self._topic], partitions[-1] + 1),
        )
        sender = self._topic.removeprefix(base_of(self._topic))
        name = f"alive-{self._feed}{sender}-{at}-{'.'.join(map(str, partitions))}"
        everywhere = range(self._context.partitions[FUSION_INPUT])
        await self._clock_watch.deliver(broadcast(InputKind.FEED_WATERMARK, name, mark, everywhere))
