"""Slices: what one slice has decided is on its way before the next one, and everything else has its turn between."""

import asyncio

import pytest

from schemas.errors import DeliveryFailed
from schemas.topics import ALERTS, INCIDENTS
from streams.kafka.producer import ProducerRecord
from streams.worker.slices import SLICE_S, Slices
from tests.support.fakes import World, run

ALERT = ProducerRecord(ALERTS, b"k", b"v")
COPY = ProducerRecord(INCIDENTS, b"k", b"v")


@pytest.fixture
def world() -> World:
    return World("fusion")


def test_a_slice_is_over_when_its_time_is(world: World) -> None:
    async def scene() -> list[bool]:
        work = Slices(world.context)
        seen = [work.is_over]
        world.clock.seconds += SLICE_S
        seen.append(work.is_over)
        await work.rest()
        return [*seen, work.is_over]

    assert run(scene()) == [False, True, False]


def test_what_waits_in_the_loop_has_its_turn_between_two_slices(world: World) -> None:
    async def scene() -> None:
        work, turns = Slices(world.context), list[int]()
        asyncio.get_running_loop().call_soon(turns.append, 1)
        await work.hand_over([ALERT])
        assert turns == []
        await work.rest()
        assert turns == [1]

    run(scene())


def test_it_is_delivered_when_the_last_of_it_is(world: World) -> None:
    world.delivery.held = frozenset({INCIDENTS})

    async def scene() -> None:
        work = Slices(world.context)
        for record in (ALERT, COPY, ALERT):
            await work.hand_over([record])
        delivered = asyncio.create_task(work.delivered())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not delivered.done()
        world.delivery.confirm()
        await delivered

    run(scene())


def test_nothing_more_is_decided_after_a_delivery_that_failed(world: World) -> None:
    world.delivery.refused = frozenset({ALERTS})

    async def scene() -> None:
        work = Slices(world.context)
        await work.hand_over([ALERT])
        with pytest.raises(DeliveryFailed):
            await work.rest()
        with pytest.raises(DeliveryFailed):
            await work.delivered()

    run(scene())
