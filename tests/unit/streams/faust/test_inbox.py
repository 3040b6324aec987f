"""An inbox: everything that waits is taken at once, nothing is waited for, and no wake-up is lost."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from streams.faust.app import create_app
from streams.faust.inbox import Inbox
from streams.kafka.batch import Batch
from tests.support.fakes import batch, run


def anything(_batch: Batch) -> bool:
    return True


def make_inbox(may_begin: Callable[[Batch], bool] = anything) -> Inbox:
    """The inbox of an agent that runs."""
    inbox = create_app("group").inbox(may_begin)
    inbox.open()
    return inbox


def of(start: int, *, size: int = 1) -> Batch:
    return batch(*[b""] * size, topic="topic", start=start)


def starts(batches: list[Batch]) -> list[int]:
    return [each.start for each in batches]


async def in_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.to_thread(thread.join)


def test_what_waits_is_taken_together_in_order() -> None:
    async def scene() -> list[Batch]:
        inbox = make_inbox()
        inbox.put_batches([of(0), of(1)])
        inbox.put_batches([of(2)])
        return await inbox.take(1_000)

    assert starts(run(scene())) == [0, 1, 2]


def test_a_single_batch_is_not_kept_waiting_for_a_second() -> None:
    async def scene() -> list[Batch]:
        inbox = make_inbox()
        taking = asyncio.ensure_future(inbox.take(1_000))
        await asyncio.sleep(0)
        await in_thread(lambda: inbox.put_batches([of(0)]))
        return await taking

    assert starts(run(scene())) == [0]


def test_what_was_put_before_the_agent_runs_is_taken_when_it_does() -> None:
    async def scene() -> list[Batch]:
        inbox = create_app("group").inbox(anything)
        inbox.put_batches([of(0)])
        inbox.open()
        return await inbox.take(1_000)

    assert starts(run(scene())) == [0]


def test_no_more_is_taken_than_about_the_limit_and_a_batch_is_never_cut() -> None:
    async def scene() -> list[list[int]]:
        inbox = make_inbox()
        inbox.put_batches([of(start, size=4) for start in (0, 4, 8)])
        return [starts(await inbox.take(5)) for _ in range(2)]

    assert run(scene()) == [[0, 4], [8]]


def test_what_may_not_be_begun_is_dropped_and_the_agent_waits_for_what_may() -> None:
    async def scene() -> list[Batch]:
        inbox = make_inbox(lambda each: each.start >= 2)
        inbox.put_batches([of(0), of(1)])
        taking = asyncio.ensure_future(inbox.take(1_000))
        await asyncio.sleep(0.01)
        assert not taking.done()
        inbox.put_batches([of(1), of(2)])
        return await taking

    assert starts(run(scene())) == [2]


def test_it_is_asked_when_a_batch_is_taken_and_not_earlier() -> None:
    """A partition may go while its batches wait."""
    asked: list[int] = []

    async def scene() -> None:
        inbox = make_inbox(lambda each: not asked.append(each.start))
        inbox.put_batches([of(0), of(1)])
        assert asked == []
        await inbox.take(1)
        assert asked == [0]

    run(scene())


def test_a_closed_inbox_begins_nothing_neither_what_waits_nor_what_comes() -> None:
    async def scene() -> None:
        asked: list[int] = []
        inbox = make_inbox(lambda each: not asked.append(each.start))
        taking = asyncio.ensure_future(inbox.take(1_000))
        await asyncio.sleep(0)
        inbox.put_batches([of(0)])
        inbox.close()
        await in_thread(lambda: inbox.put_batches([of(1)]))
        await asyncio.sleep(0.01)
        assert not taking.done()
        assert asked == []
        taking.cancel()

    run(scene())


def test_an_agent_that_is_cancelled_while_nothing_waits_loses_nothing() -> None:
    async def scene() -> list[Batch]:
        inbox = make_inbox()
        taking = asyncio.ensure_future(inbox.take(1_000))
        await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        inbox.put_batches([of(0)])
        return await inbox.take(1_000)

    assert starts(run(scene())) == [0]


def test_a_batch_that_comes_while_the_last_is_taken_wakes_the_agent() -> None:
    """The consuming thread is stopped in the middle of a put, and the agent takes what was there and sleeps again."""

    class Slow(list[Batch]):
        """Batches that are put while the agent takes the one before them, and sleeps."""

        def __iter__(self) -> Iterator[Batch]:
            go_on.wait(10)
            return super().__iter__()

    go_on = threading.Event()

    async def scene() -> list[Batch]:
        inbox = make_inbox()
        inbox.put_batches([of(0)])
        putting = threading.Thread(target=inbox.put_batches, args=(Slow([of(1)]),))
        putting.start()
        assert starts(await inbox.take(1_000)) == [0]
        taking = asyncio.ensure_future(inbox.take(1_000))
        await asyncio.sleep(0.01)
        go_on.set()
        return await taking

    assert starts(run(scene())) == [1]


@pytest.mark.usefixtures("short_switches")
def test_no_wake_up_is_lost_however_often_a_thread_puts() -> None:
    count = 20_000

    async def scene() -> list[int]:
        inbox = make_inbox()
        putting = threading.Thread(
            target=lambda: [inbox.put_batches([each]) for each in map(of, range(count))], daemon=True
        )
        putting.start()
        found: list[int] = []
        while len(found) < count:
            found += starts(await inbox.take(3))
        return found

    assert asyncio.run(asyncio.wait_for(scene(), 60)) == list(range(count))
