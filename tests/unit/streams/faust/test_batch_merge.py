"""Merging: everything that waits is taken at once, and nothing is waited for."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from streams.faust.batch_merge import drain_pending
from tests.support.fakes import run


class Event:
    """A Faust event of a batch."""

    def __init__(self, size: int) -> None:
        self.value = tuple(range(size))


class FakeStream:
    """A Faust stream: gives what it has, then waits for what is put in."""

    def __init__(self, sizes: Iterable[int] = (), failure: Exception | None = None) -> None:
        self.incoming: asyncio.Queue[Event] = asyncio.Queue()
        for size in sizes:
            self.put(size)
        self._failure = failure
        self.given = 0
        self.closed = False

    def put(self, size: int = 1) -> None:
        self.incoming.put_nowait(Event(size))

    def noack(self) -> "FakeStream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        try:
            while self._failure is None or not self.incoming.empty():
                event = await self.incoming.get()
                self.given += 1
                yield event
            raise self._failure
        finally:
            self.closed = True


def sizes(events: list[Any]) -> list[int]:
    return [len(event.value) for event in events]


def test_what_waits_is_taken_together_in_order() -> None:
    async def scene() -> list[int]:
        lists = drain_pending(FakeStream([1, 2, 3]), limit=1000, waiting=64)
        return sizes(await anext(lists))

    assert run(scene()) == [1, 2, 3]


def test_a_single_event_is_not_kept_waiting_for_a_second() -> None:
    async def scene() -> None:
        stream = FakeStream([1])
        lists = drain_pending(stream, limit=1000, waiting=64)
        assert sizes(await anext(lists)) == [1]
        stream.put(2)
        assert sizes(await anext(lists)) == [2]

    run(scene())


def test_what_comes_while_the_agent_works_is_taken_together_afterwards() -> None:
    async def scene() -> None:
        stream = FakeStream([1])
        lists = drain_pending(stream, limit=1000, waiting=64)
        await anext(lists)
        for size in (4, 5):
            stream.put(size)
            await asyncio.sleep(0.01)
        assert sizes(await anext(lists)) == [4, 5]

    run(scene())


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, [3]), (3, [3]), (4, [3, 3]), (6, [3, 3]), (7, [3, 3, 3])]
)
def test_a_list_ends_with_the_batch_that_reaches_the_limit(limit: int, expected: list[int]) -> None:
    async def scene() -> list[int]:
        return sizes(await anext(drain_pending(FakeStream([3, 3, 3]), limit=limit, waiting=64)))

    assert run(scene()) == expected


def test_no_more_than_the_bound_is_taken_from_faust() -> None:
    async def scene() -> int:
        stream = FakeStream([1] * 20)
        lists = drain_pending(stream, limit=1, waiting=2)
        await anext(lists)
        await asyncio.sleep(0.01)
        return stream.given

    assert run(scene()) == 4  # one with the agent, two in the queue, one in the pump's hand


def test_leaving_ends_the_pump() -> None:
    async def scene() -> bool:
        stream = FakeStream([1])
        lists = drain_pending(stream, limit=1, waiting=2)
        await anext(lists)
        await lists.aclose()  # type: ignore[attr-defined]  # it is an async generator
        await asyncio.sleep(0)
        return stream.closed

    assert run(scene())


def test_a_stream_that_fails_stops_the_process(ends: list[int]) -> None:
    async def scene() -> None:
        lists = drain_pending(FakeStream([1], RuntimeError("broken")), limit=1, waiting=2)
        await anext(lists)
        await asyncio.sleep(0.01)

    run(scene())
    assert ends == [70]


def test_a_pump_that_is_cancelled_stops_nothing(ends: list[int]) -> None:
    test_leaving_ends_the_pump()
    assert ends == []
