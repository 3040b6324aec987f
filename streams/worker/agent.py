"""What the process asks of an agent: to process batches; everything else is an optional hook."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.kafka.batch import Batch
from streams.worker.context import Context


class Agent(Protocol):
    """One worker's job. It may also have any of the methods that `Hooks` names."""

    async def process(self, batches: Sequence[Batch]) -> None:
        """Process batches of one topic in order, and return when everything that follows from them is delivered.

        A record about which nothing is decided yet is held by the context's `commit_limits`; its batch is done then.

        Called for the next batches of a topic when this has returned; for other topics meanwhile.

        Raises:
            CallboxError: The process stops and the batches are read again.
        """


MakeAgent = Callable[[Context], Agent]
"""Makes an agent; nothing is loaded yet."""


async def _nothing() -> None:
    """For an agent that has nothing to do at this point."""


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an agent may do besides processing; each has a default, so that an agent names those it needs.

    Attributes:
        start: Loads what the job needs; the worker reads nothing before this is done.
        after_batch: Called once batches are done, before the next ones.
        every_second: What is due once a second.
        is_ready: Whether it has everything it needs to process what comes; asked after `start`.
        clocks_agree: Whether this machine's clock is the broker's, as far as is known.
        is_restoring: Whether it reads what it needs before it can go on: that may take longer than a watchdog allows.
        finish: The last thing before the process ends in good order.
    """

    start: Callable[[], Awaitable[Any]] = _nothing
    after_batch: Callable[[], Awaitable[Any]] = _nothing
    every_second: Callable[[], Awaitable[Any]] = _nothing
    is_ready: Callable[[], bool] = _yes
    clocks_agree: Callable[[], bool] = _yes
    is_restoring: Callable[[], bool] = _no
    finish: Callable[[], Awaitable[Any]] = _nothing


HOOKS = tuple(Hooks.__slots__)


def hooks_of(agent: Agent) -> Hooks:
    """The hooks that an agent has."""
    return Hooks(**{name: getattr(agent, name) for name in HOOKS if hasattr(agent, name)})
