"""Reports to the fold that the hotlist is too old to match against, and that it is fresh again (requirement 19).

Only the worker that owns the first partition of the plate feed reports. A new owner does not know what was reported
before: it reports the list's state in any case, and the fold knows a copy by the age of the list.
"""

from processors.plates.hotlist import is_stale
from schemas.enums import Feed, InputKind
from schemas.fusion_log import ListAge
from schemas.ids import fingerprint
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import HOTLIST
from schemas.units import EpochMs
from streams.worker.context import Context
from streams.worker.log_writer import fact

AGAIN_S = 60.0
"""A stale list is reported again after so long: what is missed while the partition has no owner comes soon."""


class ListFreshness:
    """Reports whether the hotlist is fresh or stale.

    Args:
        context: The worker.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reported: bool | None = None
        self._reported_at = 0.0

    async def report(self, newest_at: EpochMs) -> None:
        """Report the list's state, where it is new or the last report of a stale list is a minute old.

        Args:
            newest_at: Append time of the list's newest entry; 0 without any.
        """
        if 0 not in self._context.assignment():
            self._reported = None
            return
        stale = is_stale(newest_at, self._context.clock.now_ms())
        is_again = stale and self._context.clock.monotonic() - self._reported_at >= AGAIN_S
        if stale is self._reported and not is_again:
            return
        self._reported, self._reported_at = stale, self._context.clock.monotonic()
        age = ListAge(feed=Feed.HOTLIST, topic=HOTLIST, newest_at=newest_at, stale=stale)
        name = fingerprint("list", HOTLIST, int(stale), newest_at)
        await self._context.delivery.deliver([fact(InputKind.LIST_AGE, name, UNASSIGNED_ZONE, age)])
