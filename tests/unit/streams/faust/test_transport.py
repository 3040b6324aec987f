"""The members of a group as a service of the app: they join at its start, and leave when everything begun is done."""

import asyncio
import threading
from typing import TYPE_CHECKING, cast

from streams.faust.app import create_app
from streams.faust.inbox import Inbox
from streams.faust.transport import Transport
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_state import GroupState
from tests.support.fakes import consumed, run

if TYPE_CHECKING:
    from streams.kafka.group_consumer import GroupConsumer

PLACE = PartitionPlace("topic", 0)


class FakeConsumer:
    """A member that notes what is asked of it, and in which thread."""

    def __init__(self, state: GroupState) -> None:
        self._state = state
        self.seen: list[str] = []
        self.blocks: threading.Event | None = None
        self.stopped_in: int | None = None
        self.is_stopping = threading.Event()

    def start(self) -> None:
        self.seen.append("start")

    def stop(self, timeout_s: float) -> bool:
        self.stopped_in = threading.get_ident()
        self.is_stopping.set()
        self.seen.append(f"stop, begun: {self._state.has_begun_any()}")
        return self.blocks is None or self.blocks.wait(timeout_s)


def begun_state() -> GroupState:
    """A state with a batch of records 0 and 1 handed over."""
    state = GroupState(["topic"])
    state.begin(PLACE, 0, None, is_held=False)
    return state


def fetched(state: GroupState, start: int = 0) -> Batch:
    position = state.position(PLACE)
    assert position is not None
    records = [consumed(b"", topic="topic", offset=start + each) for each in range(2)]
    made = Batch(records, start, position[0])
    state.fetched(made)
    return made


def make_transport(
    state: GroupState, consumers: list[FakeConsumer], inboxes: list[Inbox] | None = None
) -> Transport:
    def close() -> None:
        for inbox in inboxes or ():
            inbox.close()

    return Transport(cast("list[GroupConsumer]", consumers), close, state)


def test_every_member_joins_at_the_start_and_leaves_at_the_stop() -> None:
    async def scene() -> list[list[str]]:
        state = begun_state()
        consumers = [FakeConsumer(state), FakeConsumer(state)]
        transport = make_transport(state, consumers)
        await transport.start()
        assert [each.seen for each in consumers] == [["start"], ["start"]]
        await transport.stop()
        return [each.seen for each in consumers]

    assert run(scene()) == [["start", "stop, begun: False"]] * 2


def test_a_stop_waits_for_what_is_begun_and_only_then_leaves_the_group() -> None:
    async def scene() -> list[str]:
        state, app = begun_state(), create_app("group")
        consumer, inbox = FakeConsumer(state), app.inbox(state.take)
        inbox.open()
        transport = make_transport(state, [consumer], [inbox])
        await transport.start()
        inbox.put_batches([fetched(state)])
        (begun,) = await inbox.take(10)
        stopping = asyncio.ensure_future(transport.stop())
        await asyncio.sleep(0.05)
        assert consumer.seen == ["start"]
        assert state.done(begun)
        await stopping
        return consumer.seen

    assert run(scene()) == ["start", "stop, begun: False"]


def test_what_only_waits_is_not_begun_any_more_and_keeps_no_stop_waiting() -> None:
    async def scene() -> None:
        state, app = begun_state(), create_app("group")
        consumer, inbox = FakeConsumer(state), app.inbox(state.take)
        inbox.open()
        transport = make_transport(state, [consumer], [inbox])
        await transport.start()
        taking = asyncio.ensure_future(inbox.take(10))
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(transport.stop())
        await asyncio.sleep(0)
        inbox.put_batches([fetched(state)])
        await stopping
        assert not taking.done()
        assert not state.has_begun_any()
        assert consumer.seen == ["start", "stop, begun: False"]
        taking.cancel()

    run(scene())


def test_a_partition_that_goes_while_a_stop_waits_ends_the_wait() -> None:
    async def scene() -> list[str]:
        state, app = begun_state(), create_app("group")
        consumer, inbox = FakeConsumer(state), app.inbox(state.take)
        inbox.open()
        transport = make_transport(state, [consumer], [inbox])
        await transport.start()
        inbox.put_batches([fetched(state)])
        (begun,) = await inbox.take(10)
        stopping = asyncio.ensure_future(transport.stop())
        await asyncio.sleep(0.02)
        state.end([PLACE])
        await stopping
        assert not state.done(begun)
        return consumer.seen

    assert run(scene()) == ["start", "stop, begun: False"]


def test_leaving_waits_in_threads_so_that_what_else_stops_goes_on_meanwhile() -> None:
    async def scene() -> None:
        state = begun_state()
        consumers = [FakeConsumer(state), FakeConsumer(state)]
        for each in consumers:
            each.blocks = threading.Event()
        transport = make_transport(state, consumers)
        await transport.start()
        stopping = asyncio.ensure_future(transport.stop())
        for each in consumers:
            await asyncio.to_thread(each.is_stopping.wait, 10)
        assert all(each.stopped_in != threading.get_ident() for each in consumers)
        assert not stopping.done()
        for each in consumers:
            assert each.blocks is not None
            each.blocks.set()
        await stopping

    run(scene())


def test_a_member_that_was_never_started_is_not_waited_for() -> None:
    """A stop may come before the app has started everything: nothing would ever answer."""

    async def scene() -> list[str]:
        state = begun_state()
        consumer = FakeConsumer(state)
        await make_transport(state, [consumer]).stop()
        return consumer.seen

    assert run(scene()) == []


def test_the_members_stop_before_the_agents_that_finish_what_they_have_brought() -> None:
    async def scene() -> list[str]:
        state, app = begun_state(), create_app("group")
        consumer, inbox = FakeConsumer(state), app.inbox(state.take)
        begun = asyncio.Event()

        async def consume(given: Inbox) -> None:
            while True:
                for each in await given.take(10):
                    begun.set()
                    await asyncio.sleep(0.05)
                    state.done(each)

        app.add_agent("agent", inbox, consume)
        app.transports = (make_transport(state, [consumer], [inbox]),)
        await app.start()
        inbox.put_batches([fetched(state)])
        await begun.wait()
        await app.stop()
        return consumer.seen

    assert run(scene()) == ["start", "stop, begun: False"]
