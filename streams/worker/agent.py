"""What the process asks of an agent: to process batches; everything else is an optional hook."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.kafka.batch import Batch
from streams.worker.context import Context
from streams.worker.work import Work


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

    async def quarantine(self, batch: Batch) -> Awaitable[object]:
        """Pass a batch of one record of which workers have died, without decoding it: told, and a dead letter.

        Returns and raises as `process`.
        """


class HotAgent(Protocol):
    """The job of a worker that decides in its consuming thread. It may also have what `HotHooks` and `Hooks` name."""

    def process(self, batch: Batch, work: Work, /) -> None:
        """Decide about a batch, in order, and hand over what follows from it.

        A record about which nothing is decided yet is held by the context's `commit_limits`; its batch is done then.
        Nothing is waited for here. The batch is committed when all that was handed over is delivered, and all that
        `Work.wait_for` names has ended.

        Raises:
            CallboxError: The process stops, and the batch is read again.
        """

    def quarantine(self, batch: Batch, work: Work, /) -> None:
        """Pass a batch of one record of which workers have died: told, and a dead letter.

        Nothing of it is decoded once a worker has died here too (`streams.worker.quarantine.may_be_looked_at`).
        """


MakeAgent = Callable[[Context], Any]
"""Makes an `Agent` or a `HotAgent`, as the spec of the worker says; nothing is loaded yet."""


async def _nothing() -> None:
    """For an agent that has nothing to do at this point."""


def _nothing_follows(_work: Work) -> None:
    """For an agent that has nothing to do each second."""


def _do_nothing() -> None:
    """For an agent that has nothing to do after a batch."""


def _needs_nothing(_batch: Batch, _work: Work) -> bool:
    return True


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an agent may do besides processing; each has a default, so that an agent names those it needs.

    Attributes:
        start: Loads what the job needs; the worker reads nothing before this is done.
        every_second: What is due once a second.
        is_ready: Whether it has everything it needs to process what comes; asked after `start`.
        clocks_agree: Whether this machine's clock is the broker's, as far as is known.
        keeps_snapshots: Whether its state can be saved, as far as is known.
        is_restoring: Whether it reads what it needs before it can go on: that may take longer than a watchdog allows.
        finish: The last thing before the process ends in good order.
    """

    start: Callable[[], Awaitable[Any]] = _nothing
    every_second: Callable[[], Awaitable[Any]] = _nothing
    is_ready: Callable[[], bool] = _yes
    clocks_agree: Callable[[], bool] = _yes
    keeps_snapshots: Callable[[], bool] = _yes
    is_restoring: Callable[[], bool] = _no
    finish: Callable[[], Awaitable[Any]] = _nothing


@dataclass(frozen=True, slots=True)
class HotHooks:
    """What an agent may do in its consuming thread besides processing; nothing of it may wait.

    Attributes:
        prepare: Whether a batch can be decided about now; else what it needs is begun, and this is asked again.
        after_batch: Called once batches are done, before the next ones.
        punctuate: What is due once a second, and what follows from it.
    """

    prepare: Callable[[Batch, Work], bool] = _needs_nothing
    after_batch: Callable[[], None] = _do_nothing
    punctuate: Callable[[Work], None] = _nothing_follows


def hooks_of(agent: object) -> Hooks:
    """The hooks that an agent has."""
    return Hooks(**{name: getattr(agent, name) for name in Hooks.__slots__ if hasattr(agent, name)})


def hot_hooks_of(agent: object) -> HotHooks:
    """The hooks that an agent has in its consuming thread."""
    return HotHooks(**{name: getattr(agent, name) for name in HotHooks.__slots__ if hasattr(agent, name)})
