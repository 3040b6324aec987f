"""What brings records to the agents of a Faust app: members of a consumer group, each in a thread of its own.

start: each member joins
stop:  nothing more is begun ─► what is begun is done and delivered ─► committed ─► the group is left
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from mode.services import Service

from streams.kafka.group_consumer import GroupConsumer
from streams.kafka.group_state import GroupState

_PAUSE_S: Final = 0.005
_LEAVE_S: Final = 10.0
"""Commit and leave: two answers of a broker. The caller's own bound is shorter or longer as configured."""


class Transport(Service):
    """The members of one worker.

    Args:
        consumers: The members.
        close: Lets nothing more be begun of what they have fetched.
        state: What is known of the partitions.
    """

    def __init__(
        self,
        consumers: Sequence[GroupConsumer],
        close: Callable[[], None],
        state: GroupState,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._consumers, self._close, self._state = tuple(consumers), close, state
        self._joining: list[GroupConsumer] = []

    async def on_start(self) -> None:
        """Join the group."""
        for consumer in self._consumers:
            consumer.start()
            self._joining.append(consumer)

    async def on_stop(self) -> None:
        """Finish what is begun, commit it and leave; a member that was never started has nothing to leave."""
        self._close()
        while self._state.has_begun_any():  # noqa: ASYNC110 - threads change it; the caller bounds it
            await asyncio.sleep(_PAUSE_S)
        await asyncio.gather(*(asyncio.to_thread(consumer.stop, _LEAVE_S) for consumer in self._joining))
