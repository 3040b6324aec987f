"""Reports to the fold that the hotlist is too old to match against, and that it is fresh again (requirement 19).

Only the worker that owns the first partition of the plate feed reports. A new owner does not know what was reported
before: it reports the list's state in any case, and the fold knows a copy by the age of the list.
"""

from processors.plates.hotlist import is_stale
from schemas.codec import encode
from schemas.enums import Feed, FeedState, InputKind
from schemas.errors import Cause
from schemas.fusion_log import FeedStatus, FusionInput
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, HOTLIST
from schemas.units import EpochMs
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context

AGAIN_S = 60.0
"""A stale list is reported again after so long: what is missed while the partition has no owner comes soon."""


class ListFreshness:
    """What was reported of the list last.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reported: FeedState | None = None
        self._reported_at = 0.0

    async def report(self, newest_at: EpochMs) -> None:
        """Report the list's state, where it is new or the last report of a stale list is a minute old.

        Args:
            newest_at: Append time of the list's newest entry; 0 without any.
        """
        if 0 not in self._context.assignment():
            self._reported = None
            return
        state = FeedState.STALE if is_stale(newest_at, self._context.clock.now_ms()) else FeedState.OK
        is_again = state is FeedState.STALE and self._context.clock.monotonic() - self._reported_at >= AGAIN_S
        if state is self._reported and not is_again:
            return
        self._reported, self._reported_at = state, self._context.clock.monotonic()
        status = FusionInput(
            kind=InputKind.FEED_STATUS,
            event_id=fingerprint("list", HOTLIST, state, newest_at),
            zone=UNASSIGNED_ZONE,
            payload=encode(_status(state, newest_at)),
        )
        await self._context.delivery.deliver(
            [ProducerRecord(FUSION_INPUT, UNASSIGNED_ZONE.encode(), encode(status))]
        )


def _status(state: FeedState, newest_at: EpochMs) -> FeedStatus:
    return FeedStatus(
        feed=Feed.HOTLIST,
        state=state,
        topic=HOTLIST,
        partition=0,
        offset=-1,
        cause=Cause.UNKNOWN,
        at=newest_at,
    )
