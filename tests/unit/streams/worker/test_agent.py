"""Hooks: an agent names those it needs, and the others do nothing."""

import asyncio
from collections.abc import Awaitable, Sequence

from streams.kafka.batch import Batch
from streams.worker.agent import hooks_of, hot_hooks_of
from streams.worker.work import Work
from tests.support.fakes import World, batch, run


class Bare:
    """An agent that only processes."""

    async def process(self, batches: Sequence[Batch]) -> Awaitable[object]:
        return asyncio.sleep(0)


class Restoring(Bare):
    """An agent with two hooks."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def is_restoring(self) -> bool:
        return True

    async def finish(self) -> None:
        self.done.append("finish")


def test_an_agent_that_only_processes_is_ready_once_it_is_started() -> None:
    hooks = hooks_of(Bare())
    for hook in (hooks.start, hooks.every_second, hooks.finish):
        run(hook())
    assert hooks.is_ready()
    assert hooks.clocks_agree()
    assert not hooks.is_restoring()


def test_a_hook_that_an_agent_has_is_called() -> None:
    agent = Restoring()
    hooks = hooks_of(agent)
    assert hooks.is_restoring()
    run(hooks.finish())
    assert agent.done == ["finish"]


class Hot:
    """A hot agent that only processes."""

    def process(self, batch: Batch, work: Work) -> None:
        pass


def test_a_hot_agent_that_only_processes_needs_nothing_and_nothing_follows_from_a_second() -> None:
    world = World("fusion")
    hooks, work = hot_hooks_of(Hot()), Work(world.delivery, world.clock.clock)
    assert hooks.prepare(batch(b"", topic="topic"), work)
    hooks.after_batch()
    hooks.punctuate(work)
    assert work.is_empty
