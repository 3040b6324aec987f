"""A worker that is killed at a chosen moment, so that what a crash costs can be seen and not argued.

`fusion.delivered:40` ends a fusion worker with SIGKILL the 40th time that batches are delivered and not committed: the
window in which a crash must repeat and must not lose.
`alarms.record:press-7` ends an alarms worker whenever it is to process a record that contains these bytes, and
`fusion.rule:press-7` a fusion worker whenever it folds a fact of such an id, live or while it restores a state.
"""

import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self

from processors.fold.reducer import RULES, Rule
from processors.state.effect import Effect
from processors.state.partition_state import State
from schemas.fusion_log import FusionInput
from streams.kafka.batch import Batch
from streams.worker.agent import HotAgent, MakeAgent
from streams.worker.work import Work

VARIABLE: Final = "CALLBOX_FAIL_POINT"
"""Read by `callbox_testkit.worker` only; `callbox worker` takes no notice of it."""

_DELIVERED: Final = ".delivered"
_RECORD: Final = ".record"
_RULE: Final = ".rule"


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


class DeadlyRecord:
    """Bytes of a record that are the end of each worker which processes it, like those at which a parser dies.

    Args:
        worker: Which worker.
        content: The bytes.
        is_folded: Whether it is the rule that ends the worker, and the record is one of the log.
        kill: Ends the process.
    """

    def __init__(
        self,
        worker: str,
        content: bytes,
        *,
        is_folded: bool = False,
        kill: Callable[[], None] = _kill_this_process,
    ) -> None:
        self.worker, self.is_folded = worker, is_folded
        self._content, self._kill = content, kill

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `WORKER.record:TEXT` or `WORKER.rule:TEXT`.

        Raises:
            ValueError: It is written otherwise.
        """
        name, _, content = text.partition(":")
        worker, _, what = name.rpartition(".")
        if not (worker and content) or f".{what}" not in {_RECORD, _RULE}:
            raise ValueError(f"{text!r} is no deadly record: WORKER.record:TEXT or WORKER.rule:TEXT")
        return cls(worker, content.encode(), is_folded=f".{what}" == _RULE)

    def meet(self, content: bytes) -> None:
        """The worker looks at this; end here if it is what kills."""
        if self._content in content:
            self._kill()


def requested_deadly_record(environment: Mapping[str, str]) -> DeadlyRecord | None:
    """What the environment asks for; None where it asks for a fail point or for nothing.

    Raises:
        ValueError: It is none.
    """
    text = environment.get(VARIABLE, "")
    is_other = not text.partition(":")[0].endswith((_RECORD, _RULE))
    return None if is_other else DeadlyRecord.parse(text)


def ended_by(make_agent: MakeAgent, deadly: DeadlyRecord) -> MakeAgent:
    """Make the same agent, in a process that a record ends."""
    if deadly.is_folded:
        for kind, rule in RULES.items():
            RULES[kind] = partial(_meet_and_decide, rule, deadly)
        return make_agent
    return lambda context: _MeetingAgent(make_agent(context), deadly)


def _meet_and_decide(
    rule: Rule, deadly: DeadlyRecord, state: State, envelope: FusionInput, record: Any
) -> Effect:
    deadly.meet(envelope.event_id.encode())
    return rule(state, envelope, record)


class _MeetingAgent:
    """An agent that a record ends, be it hot or not; everything else is the shipped one's."""

    def __init__(self, agent: Any, deadly: DeadlyRecord) -> None:
        self._agent, self._deadly = agent, deadly

    def process(self, batches: Any, *work: Work) -> Any:
        """Process a batch, or batches; the end is before the first of them is decided about."""
        for batch in batches if not work else [batches]:
            for record in batch:
                self._deadly.meet(record.value or b"")
        return self._agent.process(batches, *work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)


def requested_fail_point(environment: Mapping[str, str]) -> FailPoint | None:
    """What the environment asks for.

    Raises:
        ValueError: It is no fail point.
    """
    text = environment.get(VARIABLE)
    is_record = text and text.partition(":")[0].endswith((_RECORD, _RULE))
    return FailPoint.parse(text) if text and not is_record else None


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
