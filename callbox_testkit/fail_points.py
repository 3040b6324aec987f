"""A worker that is killed at a chosen moment, so that what a crash costs can be seen and not argued.

`fusion.delivered:40` ends a fusion worker with SIGKILL the 40th time that batches are delivered and not committed: the
window in which a crash must repeat and must not lose.
"""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from streams.kafka.batch import Batch
from streams.worker.agent import HotAgent, MakeAgent
from streams.worker.work import Work

VARIABLE: Final = "CALLBOX_FAIL_POINT"
"""Read by `callbox_testkit.worker` only; `callbox worker` takes no notice of it."""

_DELIVERED: Final = ".delivered"


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class FailPoint:
    """Counts the times that a worker has delivered; the last of them is its end.

    Args:
        worker: Which worker.
        times: How often it delivers, the last time included.
        kill: Ends the process.
    """

    def __init__(self, worker: str, times: int, kill: Callable[[], None] = _kill_this_process) -> None:
        self.worker = worker
        self._left, self._kill = times, kill

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `WORKER.delivered[:TIMES]`; without a number it is the first time.

        Raises:
            ValueError: It is written otherwise.
        """
        name, _, times = text.partition(":")
        if not name.removesuffix(_DELIVERED) or not name.endswith(_DELIVERED):
            raise ValueError(f"{text!r} is no fail point: WORKER.delivered:TIMES")
        return cls(name.removesuffix(_DELIVERED), int(times or 1))

    def delivered(self) -> None:
        """The worker has delivered; end here if it was the last time."""
        self._left -= 1
        if self._left == 0:
            self._kill()


def requested_fail_point(environment: Mapping[str, str]) -> FailPoint | None:
    """What the environment asks for.

    Raises:
        ValueError: It is no fail point.
    """
    text = environment.get(VARIABLE)
    return FailPoint.parse(text) if text else None


def killed_at(make_agent: MakeAgent, fail_point: FailPoint) -> MakeAgent:
    """Make the same agent, in a process that ends at the fail point."""
    return lambda context: _KilledAgent(make_agent(context), fail_point)


class _KilledAgent:
    """A hot agent that may not come back from its last delivery; everything else is the shipped one's."""

    def __init__(self, agent: HotAgent, fail_point: FailPoint) -> None:
        self._agent, self._fail_point = agent, fail_point

    def process(self, batch: Batch, work: Work) -> None:
        """Process the batch; the worker commits it when all that follows is delivered."""
        self._agent.process(batch, work)
        work.when_delivered(self._fail_point.delivered)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)
