"""The batch consumer: what an ack means, and what a commit."""

import asyncio

import pytest
from faust.types import TP

from tests.support.batch_consumer import GENERATION, make_consumer, message
from tests.support.fakes import run

A, B = TP("topic", 0), TP("topic", 1)


def test_a_commit_is_the_end_of_the_last_batch_that_is_done() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        for each in (message(A, 0, 10), message(B, 3, 4), message(A, 10, 12)):
            consumer.track_message(each)
            assert consumer.ack(each)
        assert await consumer.commit()
        assert thread.committed == [{A: 12, B: 4}]
        assert (consumer.committed(A), consumer.committed(B)) == (12, 4)
        assert not consumer.unacked

    run(scene())


def test_what_is_committed_is_not_committed_again() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        assert not await consumer.commit()
        assert len(thread.committed) == 1

    run(scene())


def test_no_commit_passes_what_is_held() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        limits = {A: 7}
        consumer.commit_limit = lambda topic, partition: limits.get(TP(topic, partition))
        for each in (message(A, 0, 10), message(B, 0, 4)):
            consumer.ack(each)
        await consumer.commit()
        consumer.ack(message(A, 10, 12))
        await consumer.commit()
        assert thread.committed == [{A: 7, B: 4}], "what lies behind it waits too"
        assert not consumer.unacked, "and nothing waits for it"
        limits.clear()
        await consumer.commit()
        assert thread.committed[1:] == [{A: 12}]

    run(scene())


def test_a_limit_beyond_what_is_done_commits_nothing_that_is_not_done() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.commit_limit = lambda _topic, _partition: 40
        assert not await consumer.commit()
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        assert thread.committed == [{A: 10}]

    run(scene())


def test_the_highest_end_wins() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 10, 12))
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        assert thread.committed == [{A: 12}]

    run(scene())


def test_a_second_ack_of_a_batch_changes_nothing() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        acked = message(A, 0, 10)
        assert consumer.ack(acked)
        assert not consumer.ack(acked)

    run(scene())


@pytest.mark.parametrize("generation", [GENERATION - 1, GENERATION + 1])
def test_a_batch_of_another_generation_is_done_and_never_committed(generation: int) -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        old = message(A, 0, 10, generation)
        consumer.track_message(old)
        assert not consumer.ack(old)
        assert not await consumer.commit()
        assert thread.committed == []
        assert not consumer.unacked, "a rebalance would wait for it"

    run(scene())


def test_only_the_partitions_asked_for_are_committed() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B, TP("other", 0))
        for tp in (A, B, TP("other", 0)):
            consumer.ack(message(tp, 0, 1))
        await consumer.commit(topics={B})
        await consumer.commit(topics={"other"})
        assert thread.committed == [{B: 1}, {TP("other", 0): 1}]

    run(scene())


def test_a_partition_that_is_not_ours_any_more_is_not_committed() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        consumer.ack(message(A, 0, 10))
        thread.assigned = {B}
        assert not await consumer.commit()
        assert thread.committed == []

    run(scene())


def test_a_revoked_partition_is_forgotten() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A, B)
        consumer.ack(message(A, 0, 10))
        consumer.ack(message(B, 0, 5))
        await consumer.on_partitions_revoked({A})
        await consumer.commit()
        assert thread.committed == [{B: 5}]

    run(scene())


def test_what_is_done_when_partitions_are_revoked_is_committed_first() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))

        async def commit(_revoked: set[TP]) -> None:
            await consumer.commit()  # as App._on_partitions_revoked does through wait_empty

        consumer._on_partitions_revoked = commit
        await consumer.on_partitions_revoked({A})
        assert thread.committed == [{A: 10}]

    run(scene())


def test_an_ack_between_revocation_and_assignment_is_never_committed() -> None:
    """Another owner may have gone on meanwhile: the commit would throw the group back."""

    async def scene() -> None:
        consumer, thread = make_consumer(A)
        await consumer.on_partitions_revoked({A})
        consumer.ack(message(A, 0, 10))
        consumer.app.consumer_generation_id = GENERATION + 1
        await consumer.on_partitions_assigned({A}, GENERATION + 1)
        assert not await consumer.commit()
        assert thread.committed == []

    run(scene())


def test_a_seek_back_forgets_what_was_done_since_the_commit() -> None:
    async def scene() -> None:
        consumer, thread = make_consumer(A)
        consumer.ack(message(A, 0, 10))
        await consumer.commit()
        consumer.ack(message(A, 10, 20))
        await consumer.perform_seek()
        assert not await consumer.commit()
        assert consumer.committed(A) == 10
        consumer.ack(message(A, 10, 15))
        await consumer.commit()
        assert thread.committed == [{A: 10}, {A: 15}]

    run(scene())


def test_an_ack_wakes_whoever_waits_for_the_last_one() -> None:
    async def scene() -> None:
        consumer, _ = make_consumer(A)
        last = message(A, 0, 10)
        consumer.track_message(last)
        emptied = asyncio.create_task(consumer.wait_empty())
        for _ in range(20):
            await asyncio.sleep(0)
        waited_for = consumer._waiting_for_ack
        assert waited_for is not None
        consumer.ack(last)
        assert waited_for.done(), "a rebalance would take a second longer"
        await emptied

    run(scene())
