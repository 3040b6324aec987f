"""What the process asks of an agent: to process batches; everything else is an optional hook."""

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.kafka.batch import Batch
from streams.worker.context import Context


class Agent(Protocol):
    """One worker's job. It may also have any of the methods that `Hooks` names."""

    async def process(self, batches: Sequence[Batch]) -> Awaitable[object]:
        """Decide about batches of one topic in order, and hand over what follows from them.

        A record about which nothing is decided yet is held by the context's `commit_limits`; its batch is done then.

        Called for the next batches of a topic when this has returned, while what followed from the last ones may still
        be on its way; for other topics meanwhile. Nothing is decided after a delivery that failed: the process ends.

        Returns:
            What is done when everything that follows is delivered and counted: only then may the batches be committed.
            Those of one topic are awaited in order.

        Raises:
            CallboxError: Here or when what is returned is awaited: the process stops, and the batches are read again.
        """


class Delivered:
    """What follows from batches where some of it is not urgent: it is done when all of it is delivered.

    Args:
        work: Done when everything is delivered and counted.
        urgent: What is waited for before more than one further list of batches is decided about.
    """

    def __init__(self, work: Awaitable[object], urgent: Iterable[Awaitable[object]]) -> None:
        self._work, self._urgent = work, tuple(urgent)

    def __await__(self) -> Generator[Any, None, object]:
        return self._work.__await__()

    async def urgent(self) -> None:
        """Wait for what is urgent.

        Raises:
            DeliveryFailed: It was not delivered.
        """
        for each in self._urgent:
            await each


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
