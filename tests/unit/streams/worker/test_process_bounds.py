"""A worker as a process: it always ends, and it leaves no crash dump."""

import asyncio
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Awaitable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import structlog

from schemas.errors import (
    DeliveryFailed,
    InputMissing,
)
from streams.faust.app import create_app
from streams.faust.transport import Transport
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from streams.worker import process
from streams.worker.agent import hooks_of
from streams.worker.agent_loop import AgentLoop
from streams.worker.ending import stop_now
from streams.worker.metrics import Metrics
from streams.worker.process_tuning import disable_core_dumps
from tests.support.fakes import batch, run
from tests.support.paths import ROOT
from tests.support.worker_parts import Ended, FakeAgent, FakeApp, drained, make_worker

if TYPE_CHECKING:
    from streams.kafka.group_consumer import GroupConsumer
    from streams.worker.lag import LagMonitor
    from streams.worker.process import _Worker

pytestmark = pytest.mark.usefixtures("ends")


# --- stopping -----------------------------------------------------------------------------------------------------


def test_a_worker_in_good_order_stops_faust_then_finishes_then_ends_with_0() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        assert await drained(make_worker(), app, agent) == 0
        assert app.stopped
        assert agent.done == ["finish"]

    run(scene())


def test_a_faust_that_hangs_and_ignores_cancellation_does_not_keep_the_worker() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        app.stop_hangs = True
        with structlog.testing.capture_logs() as lines:
            assert await drained(make_worker(drain_s=0.05), app, agent) == 0
        assert "worker.drain_timed_out" in [line["event"] for line in lines]
        assert agent.done == []
        app.stop_hangs = False

    run(scene())


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DeliveryFailed("a snapshot"), 0, "worker.finish_failed"),
        (ValueError("a bug"), 70, "worker.drain_failed"),
        (TimeoutError(), 70, "worker.drain_failed"),
    ],
)
def test_a_last_step_that_fails_is_reported(error: BaseException, code: int, told: str) -> None:
    async def scene() -> None:
        agent = FakeAgent()
        agent.at_end = error
        with structlog.testing.capture_logs() as lines:
            assert await drained(make_worker(), FakeApp(), agent) == code
        assert told in [line["event"] for line in lines]

    run(scene())


def test_a_worker_that_never_began_has_nothing_to_drain() -> None:
    async def scene() -> None:
        app, agent = FakeApp(), FakeAgent()
        app.started = False
        assert await drained(make_worker(), app, agent) == 0
        assert not app.stopped
        assert agent.done == []

    run(scene())


class HostedAgent:
    """A real Faust app with one agent, fed by one member of the group."""

    def __init__(self, agent: FakeAgent) -> None:
        self.state, self.app = GroupState(["topic"]), create_app("group")
        self.epoch = self.state.begin(PartitionPlace("topic", 0), 0, None, is_held=False)
        self.left = threading.Event()
        loop = AgentLoop(
            agent,
            self.state,
            cast("LagMonitor", SimpleNamespace(note_done=lambda _: None)),
            Metrics(),
            merge_records=1,
            fail=stop_now,
            is_stopping=lambda: self.app.should_stop,
        )
        self.inbox = self.app.inbox(self.state.take)
        self.app.add_agent("agent", self.inbox, loop.run)
        member = SimpleNamespace(start=lambda: None, stop=self.leave)
        self.app.transports = (
            Transport(cast("list[GroupConsumer]", [member]), self.inbox.close, self.state),
        )

    def leave(self, _timeout_s: float) -> bool:
        self.left.set()
        return True

    def brings(self, *values: bytes) -> None:
        records = batch(*values, topic="topic")
        made = Batch(list(records), 0, self.epoch)
        self.state.fetched(made)
        self.inbox.put_batches([made])

    async def drained(self, drain_s: float, agent: FakeAgent) -> int:
        return await make_worker(drain_s)._drain(self.app, hooks_of(agent))


def test_what_is_in_hand_is_done_before_the_group_is_left_and_then_the_agent_finishes(
    ends: list[int],
) -> None:
    class Noted(FakeAgent):
        """Delivers when it is told to."""

        def __init__(self) -> None:
            super().__init__()
            self.confirmed = asyncio.Event()

        async def _delivered(self) -> None:
            await self.confirmed.wait()
            await super()._delivered()

    async def scene() -> None:
        agent = Noted()
        hosted = HostedAgent(agent)
        await hosted.app.start()
        hosted.brings(b"1")
        draining = asyncio.ensure_future(hosted.drained(30, agent))
        await asyncio.sleep(0.05)
        assert not hosted.left.is_set()
        agent.confirmed.set()
        assert await draining == 0
        assert hosted.left.is_set()
        assert agent.done == ["process", "delivered", "finish"]

    run(scene())
    assert ends == []


def test_an_agent_that_restores_when_the_stop_comes_is_waited_for_no_longer_than_the_bound(
    ends: list[int],
) -> None:
    """Restoring reads in a thread that nothing interrupts; what is in hand is not committed and read again."""

    async def scene() -> None:
        restoring, over = threading.Event(), threading.Event()

        class Restoring(FakeAgent):
            """Reads for minutes."""

            async def process(self, batches: Sequence[Batch]) -> Awaitable[None]:
                restoring.set()
                await asyncio.to_thread(over.wait, 30)
                return await super().process(batches)

        agent = Restoring()
        hosted = HostedAgent(agent)
        await hosted.app.start()
        hosted.brings(b"1")
        await asyncio.to_thread(restoring.wait, 10)
        with structlog.testing.capture_logs() as lines:
            assert await hosted.drained(0.05, agent) == 0
        assert "worker.drain_timed_out" in [line["event"] for line in lines]
        assert not hosted.left.is_set()
        assert agent.done == []
        assert hosted.state.has_begun_any()
        over.set()
        while "finish" not in agent.done:  # noqa: ASYNC110 - what is left of the worker ends with the test
            await asyncio.sleep(0.005)

    run(scene())
    assert ends == []


def test_a_signal_while_the_worker_starts_is_not_kept_waiting() -> None:
    async def scene() -> None:
        worker = make_worker()
        asyncio.get_running_loop().call_later(0.01, worker._stopping.set)
        assert not await worker._unless_stopped(asyncio.sleep(60))

    run(scene())


def test_what_was_starting_begins_nothing_more_after_a_signal() -> None:
    """The group would be joined while everything else is closed already."""
    begun: list[str] = []

    async def start() -> None:
        await asyncio.sleep(0.02)
        begun.append("consumers")

    async def scene() -> None:
        worker = make_worker()
        worker._stopping.set()
        assert not await worker._unless_stopped(start())
        await asyncio.sleep(0.1)

    run(scene())
    assert begun == []


def test_what_keeps_a_worker_from_starting_reaches_the_command_line() -> None:
    async def start() -> None:
        raise InputMissing("no models")

    with pytest.raises(InputMissing, match="no models"):
        run(make_worker()._unless_stopped(start()))


def test_the_process_ends_although_tasks_are_left_that_do_not(ends: list[int]) -> None:
    """Leaving the loop would wait for them: the process ends from inside it."""

    class Left:
        async def run(self) -> int:
            return 7

    async def scene() -> None:
        with pytest.raises(Ended):
            await process._run_and_exit(cast("_Worker", Left()))

    run(scene())
    assert ends == [7]


def test_no_core_is_dumped() -> None:
    limits: list[tuple[int, int]] = []
    for most in (resource.RLIM_INFINITY, 0):
        disable_core_dumps(lambda _what, most=most: (0, most), lambda _what, limit: limits.append(limit))
    assert limits == [(1, 1), (0, 0)]


def test_a_fault_leaves_no_core(tmp_path: Path) -> None:
    code = (
        "import os, signal; from streams.worker.process_tuning import disable_core_dumps; "
        "disable_core_dumps(); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    command = ["bash", "-c", 'ulimit -c unlimited; exec "$0" "$@"', sys.executable, "-c", code]
    house = {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=house, capture_output=True, check=False)
    assert ended.returncode < 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="the system has no SCHED_IDLE")
@pytest.mark.parametrize(
    ("name", "policy"), [("frames", "SCHED_IDLE"), ("plates", "SCHED_IDLE"), ("fusion", "SCHED_OTHER")]
)
def test_only_picture_workers_run_at_a_lower_priority_as_shipped(name: str, policy: str) -> None:
    script = (
        "import os; from streams.worker.process_tuning import lower_priority;"
        "from streams.worker.spec import WorkersSettings;"
        f"lower_priority(WorkersSettings().{name});"
        "print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    scheduler, niceness = map(int, ran.stdout.split())
    assert scheduler == getattr(os, policy)
    assert (niceness > os.getpriority(os.PRIO_PROCESS, 0)) == (policy == "SCHED_IDLE")


def test_a_worker_that_cannot_print_ends_with_its_code_all_the_same() -> None:
    code = (
        "import asyncio, logging; from streams.worker.process import _run_and_exit\n"
        "class Worker:\n"
        "    async def run(self):\n"
        "        logging.warning('a line that stays in the buffer')\n"
        "        return 7\n"
        "asyncio.run(_run_and_exit(Worker()))"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=full, env=buffered, check=False, timeout=60
        )
    assert done.returncode == 7
