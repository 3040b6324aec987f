"""The app of a worker: a Faust process without Faust's own way to the broker."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mode.services import Service

from streams.faust.app import WorkerApp, create_app
from streams.faust.inbox import Inbox
from tests.support.fakes import batch, run


class Order(Service):
    """Notes when it is started and stopped."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    async def on_start(self) -> None:
        self._seen.append("transport started")

    async def on_stop(self) -> None:
        self._seen.append("transport stops")


def test_an_agent_takes_what_a_transport_brings_from_the_apps_start_to_its_end() -> None:
    async def scene() -> list[str]:
        seen: list[str] = []
        app = create_app("group")
        inbox = app.inbox(lambda _: True)
        taken = asyncio.Event()

        async def consume(given: Inbox) -> None:
            assert given is inbox
            try:
                while True:
                    seen.append(f"takes {len(await given.take(10))}")
                    taken.set()
            except asyncio.CancelledError:
                seen.append(f"agent ends, stopping: {app.should_stop}")
                raise

        app.add_agent("agent", inbox, consume)
        app.transports = (Order(seen),)
        await app.start()
        inbox.put_batches([batch(b"1", topic="topic"), batch(b"2", topic="topic", start=1)])
        await taken.wait()
        await app.stop()
        assert app.crash_reason is None
        return seen

    assert run(scene()) == ["transport started", "takes 2", "transport stops", "agent ends, stopping: True"]


def test_an_app_asks_no_broker_declares_no_topic_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def scene() -> set[str]:
        app = create_app("callbox.alarms")
        app.transports = ()
        await app.start()
        try:
            return {type(each).__name__ for each in app._children if each is not None}
        finally:
            await app.stop()

    children = run(scene())
    assert not {name for name in children if "Consumer" in name or "Producer" in name or "Web" in name}
    assert list(tmp_path.iterdir()) == []


def ticking(app: WorkerApp, work: Any) -> None:
    app.timer(0.01, name="tick")(work)


def test_a_timer_ticks_while_the_app_runs_never_twice_at_once_and_not_after_its_stop() -> None:
    async def scene() -> tuple[int, int, int]:
        app, running, most, ticks = create_app("group"), 0, 0, 0
        enough = asyncio.Event()

        async def tick() -> None:
            nonlocal running, most, ticks
            running, ticks = running + 1, ticks + 1
            most = max(most, running)
            await asyncio.sleep(0.03)  # longer than its interval
            running -= 1
            if ticks == 4:
                enough.set()

        ticking(app, tick)
        await app.start()
        await enough.wait()
        await app.stop()
        at_the_stop = ticks
        await asyncio.sleep(0.1)
        return most, at_the_stop, ticks

    most, at_the_stop, ticks = run(scene())
    assert most == 1
    assert ticks == at_the_stop


def test_an_app_that_stops_ends_a_tick_that_hangs() -> None:
    async def scene() -> bool:
        app, hangs, cancelled = create_app("group"), asyncio.Event(), False

        async def tick() -> None:
            nonlocal cancelled
            hangs.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled = app.should_stop
                raise

        ticking(app, tick)
        await app.start()
        await hangs.wait()
        await app.stop()
        return cancelled

    assert run(scene())


def test_an_agent_that_ends_by_itself_would_be_started_again_by_faust() -> None:
    """So AgentLoop lets no exception out: the second one would not have what the first one holds."""

    async def scene() -> int:
        app, begun = create_app("group"), 0
        inbox = app.inbox(lambda _: True)
        twice = asyncio.Event()

        async def consume(_inbox: Inbox) -> None:
            nonlocal begun
            begun += 1
            if begun == 2:
                twice.set()
                await asyncio.sleep(60)
            raise ValueError("a bug")

        app.add_agent("agent", inbox, consume)
        await app.start()
        await twice.wait()
        await app.stop()
        return begun

    assert run(scene()) == 2
