"""The batch consumer: whether anything of a partition waits, and how much is fetched at most."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.batching import BatchConsumer, BatchRecord
from streams.settings import WorkerSettings
from tests.batching import app_consumer, make_consumer
from tests.fakes import batch, run

A, B = TP("topic", 0), TP("topic", 1)


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
    [(None, None, False), (5, None, False), (5, 5, False), (5, 6, True)],
)
def test_records_wait_when_the_broker_has_more_than_was_fetched(
    position: int | None, highwater: int | None, expected: bool
) -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        at_place(consumer, position=position, highwater=highwater)
        assert consumer.has_waiting(A) is expected

    run(scene())


def test_records_wait_until_they_are_acked_and_committed() -> None:
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
        monkeypatch.setattr("streams.batching.IN_HAND_PAUSE_S", 0)

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


def test_a_consumer_whose_hands_are_full_fetches_no_more_until_a_batch_is_acked(
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


def test_a_topic_whose_hands_are_full_keeps_no_other_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[TP] | None] = []

    async def getmany(_self: Consumer, active: set[TP] | None, _timeout: float) -> dict[TP, Any]:
        asked.append(active)
        return {}

    async def scene() -> None:
        monkeypatch.setattr(BatchConsumer.__mro__[1], "_getmany", getmany)
        monkeypatch.setattr("streams.batching.IN_HAND_PAUSE_S", 0)
        consumer, held = full_consumer()
        other = TP("other", 0)
        consumer._thread.assigned.add(other)  # type: ignore[attr-defined]
        assert not consumer._is_full()
        await consumer._getmany({A, other}, 1.0)
        await consumer._getmany({A}, 1.0)
        assert asked == [{other}], "no partition at all would mean all of them"
        consumer.ack(held[0])
        await consumer._getmany({A, other}, 1.0)
        assert asked == [{other}, {A, other}]

    run(scene())


def test_the_broker_s_last_answer_is_known() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        state = at_place(consumer, position=5, highwater=5)
        assert consumer.answered_at(A) == 0
        state.timestamp = 1_760_000_000_000
        assert consumer.answered_at(A) == 1_760_000_000_000

    run(scene())


def test_what_is_acked_and_not_committed_waits_and_is_processed() -> None:
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
