"""The batch consumer: whether anything of a partition waits, and how much is fetched at most."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.faust.batching import PAUSED_WAIT_S, BatchConsumer, BatchRecord
from streams.worker.settings import WorkerSettings
from tests.support.batch_consumer import app_consumer, make_consumer
from tests.support.fakes import batch, run

A, B, OTHER = TP("topic", 0), TP("topic", 1), TP("other", 0)


# --- whether anything waits ---------------------------------------------------------------------------------------


def at_place(consumer: BatchConsumer, *, position: int | None, highwater: int | None) -> TopicPartitionState:
    """Give the fetching thread's view of partition A, in the classes that aiokafka has for it."""
    state = TopicPartitionState(None)
    state.highwater = highwater
    if position is not None:
        state.seek(position)

    class Found:
        def state_value(self, place: object) -> TopicPartitionState:
            assert place == A
            return state

    class Subscription:
        assignment = Found()

    class Subscriptions:
        subscription = Subscription()

    class Fetching:
        _subscription = Subscriptions()

    consumer._thread._ensure_consumer = Fetching  # type: ignore[method-assign]
    return state


@pytest.mark.parametrize(
    ("position", "highwater", "expected"),
    [(None, None, True), (5, None, True), (5, 5, False), (5, 6, True)],
)
def test_records_wait_when_the_broker_has_more_than_was_fetched_or_has_not_answered(
    position: int | None, highwater: int | None, expected: bool
) -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=position, highwater=highwater)
        assert consumer.has_waiting(A) is expected

    run(scene())


def test_records_wait_until_they_are_done_and_committed() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=10, highwater=10)
        fetched = consumer._to_message(A, BatchRecord(batch(*[b""] * 10, topic="topic")))
        assert consumer.has_waiting(A)
        consumer.ack(fetched)
        assert consumer.has_waiting(A)
        await consumer.commit()
        assert not consumer.has_waiting(A)

    run(scene())


def test_nothing_waits_on_a_partition_whose_records_retention_took_before_anybody_read_them() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=5_000, highwater=5_000)
        assert consumer.committed(A) is None
        assert not consumer.has_waiting(A)

    run(scene())


# --- what is in hand ----------------------------------------------------------------------------------------------


class Fetches:
    """Stands for Faust's own `_wait_next_records`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(Consumer, "_wait_next_records", self._fetch)

    async def _fetch(self, _timeout: float) -> tuple[dict[TP, Any], None]:
        self.count += 1
        return {}, None


async def is_fetching(consumer: BatchConsumer, fetches: Fetches) -> bool:
    """Whether the consumer asks for more within a few turns of the loop."""
    before, task = fetches.count, asyncio.create_task(consumer._wait_next_records(1.0))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    return fetches.count > before


def full_consumer() -> tuple[BatchConsumer, list[ConsumerMessage]]:
    """A consumer that has fetched as much as it may."""
    consumer, _ = make_consumer(A)
    consumer.most_in_hand = 20
    taken = [BatchRecord(batch(*[b""] * 10, topic="topic", start=start)) for start in (0, 10)]
    return consumer, [consumer._to_message(A, each) for each in taken]


def test_a_consumer_that_holds_enough_fetches_no_more_until_a_batch_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        fetches = Fetches(monkeypatch)
        consumer, held = full_consumer()
        assert not await is_fetching(consumer, fetches)
        consumer.ack(held[0])
        assert await is_fetching(consumer, fetches)

    run(scene())


def test_what_a_rebalance_throws_away_is_not_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        fetches = Fetches(monkeypatch)
        consumer, held = full_consumer()
        held.clear()
        assert await is_fetching(consumer, fetches)

    run(scene())


def test_a_rebalance_ends_the_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        fetches = Fetches(monkeypatch)
        consumer, held = full_consumer()
        consumer.stop_flow()
        assert await is_fetching(consumer, fetches), "Faust waits there for the flow to resume"
        assert held

    run(scene())


def test_a_full_topic_is_paused_until_half_of_it_is_done_and_keeps_no_other_one_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def getmany(_self: Consumer, active: set[TP], wait_s: float) -> dict[TP, Any]:
        assert active == {A, OTHER}, "what is paused must not be held back here: it would keep others waiting"
        waits.append(wait_s)
        return {}

    async def scene() -> None:
        monkeypatch.setattr(ThreadDelegateConsumer, "_getmany", getmany)
        consumer, _ = make_consumer(A, OTHER)
        consumer.most_in_hand = 20
        batches = [BatchRecord(batch(*[b""] * 5, topic="topic", start=start)) for start in range(0, 20, 5)]
        held = [consumer._to_message(A, each) for each in batches]
        paused = []
        for each in held:
            assert not consumer._is_full()
            await consumer._getmany({A, OTHER}, 1.0)
            paused.append(consumer._thread.paused_topics)
            consumer.ack(each)
        await consumer._getmany({A, OTHER}, 1.0)
        assert paused == [{"topic"}, {"topic"}, {"topic"}, frozenset()]
        assert waits == [PAUSED_WAIT_S, PAUSED_WAIT_S, PAUSED_WAIT_S, 1.0, 1.0]

    run(scene())


class FakeAioConsumer:
    """aiokafka's consumer: what is paused."""

    def __init__(self) -> None:
        self.held: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(*A), TopicPartition(*B), TopicPartition(*OTHER)}

    def paused(self) -> set[TopicPartition]:
        return set(self.held)

    def pause(self, *places: TopicPartition) -> None:
        assert not self.held & set(places), "aiokafka pauses a partition once"
        self.held |= set(places)

    def resume(self, *places: TopicPartition) -> None:
        self.held -= set(places)


def test_the_fetching_thread_pauses_and_resumes_what_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[set[TopicPartition]] = []

    async def fetch(_self: object, consumer: FakeAioConsumer, *_rest: object) -> dict[TP, Any]:
        fetched.append(consumer.paused())
        return {}

    async def scene() -> None:
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetch)
        thread, consumer = app_consumer(WorkerSettings(http_port=0))._thread, FakeAioConsumer()
        for paused in (frozenset({"topic"}), frozenset({"topic"}), frozenset[str]()):
            thread.paused_topics = paused
            await thread._fetch_records(consumer, {A, B, OTHER})  # type: ignore[arg-type]
        both = {TopicPartition(*A), TopicPartition(*B)}
        assert fetched == [both, both, set()]

    run(scene())


def test_the_broker_s_last_answer_is_known() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        state = at_place(consumer, position=5, highwater=5)
        assert consumer.answered_at(A) == 0
        state.timestamp = 1_760_000_000_000
        assert consumer.answered_at(A) == 1_760_000_000_000

    run(scene())


def test_what_is_done_and_not_committed_waits_and_is_processed() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=10, highwater=10)
        fetched = consumer._to_message(A, BatchRecord(batch(*[b""] * 10, topic="topic")))
        assert consumer.has_unprocessed(A)
        consumer.ack(fetched)
        assert not consumer.has_unprocessed(A)
        assert consumer.has_waiting(A)

    run(scene())


def test_how_much_is_held_follows_from_the_settings() -> None:
    async def scene() -> int:
        settings = WorkerSettings(http_port=0, batch_records=8, waiting_batches=2)
        return app_consumer(settings).most_in_hand

    assert run(scene()) == 16
