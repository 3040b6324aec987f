"""Ticks are numbered, and carry the time of whoever writes them."""

import asyncio
from collections.abc import Callable

import pytest

from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.state.partition_state import State, new_state
from schemas.codec import decode
from schemas.enums import InputKind, Reason
from schemas.errors import DeliveryFailed
from schemas.fusion_log import FusionInput, Tick
from schemas.topics import FUSION_INPUT
from streams.kafka.producer import ProducerRecord
from streams.state.ticks import WAKE, Ticker, TickWriter
from streams.worker.clock_watch import READINGS
from tests.support.fakes import HandClock, World, run
from tests.support.log_records import ms


@pytest.fixture
def clock() -> HandClock:
    return HandClock(0)


@pytest.fixture
def ticker(clock: HandClock) -> Ticker:
    return Ticker(clock=clock.clock)


def at_tick(number: int) -> State:
    state = new_state(0, 4)
    state.tick = number
    return state


def content(tick: ProducerRecord) -> Tick:
    return decode(decode(tick.value, FusionInput).payload, Tick)


def test_ticks_go_on_from_what_the_log_has_and_from_what_was_written(ticker: Ticker) -> None:
    numbers = [content(ticker.tick(0, at_tick(known))).number for known in (7, 7, 30)]
    assert numbers == [8, 9, 31]


def test_a_partition_without_a_state_is_woken(ticker: Ticker) -> None:
    assert content(ticker.tick(1, None)).number == WAKE


def test_a_tick_has_its_partition_no_zone_and_its_writer_s_time(ticker: Ticker, clock: HandClock) -> None:
    clock.seconds = 12
    written = ticker.tick(3, at_tick(1))
    made = decode(written.value, FusionInput)
    assert (written.topic, written.partition, written.key) == (FUSION_INPUT, 3, b"")
    assert (made.kind, made.zone, made.event_id) == (InputKind.TICK, "", "tick-3-2")
    assert content(written) == Tick(number=2, at=ms(12))


def test_two_replicas_name_a_tick_of_one_number_differently(clock: HandClock) -> None:
    names = {
        decode(Ticker(replica, clock.clock).tick(0, at_tick(1)).value, FusionInput).event_id
        for replica in ("", "b")
    }
    assert names == {"tick-0-2", "tick-0-2-b"}


def test_two_wakes_differ_in_their_bytes_also_within_a_millisecond(ticker: Ticker) -> None:
    wakes = [ticker.tick(0, None) for _ in range(3)]
    assert len({wake.value for wake in wakes}) == 3
    names = {decode(wake.value, FusionInput).event_id for wake in wakes}
    assert len(names) == 3


def test_the_fold_takes_a_wake_for_a_repeated_tick_whatever_its_name(ticker: Ticker) -> None:
    """It advances nothing, and its writer's clock is not compared with the broker's."""
    wake = ticker.tick(0, None)
    state = new_state(0, 4)
    state, (decision,) = fold(state, LogEntry(0, ms(500), wake.key, wake.value))
    assert (decision.reason, decision.alerts, state.tick) == (Reason.DUPLICATE, (), 0)


# --- written, spread over the second ------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    made = World("fusion")
    made.ours = frozenset(range(4))
    return made


def written(world: World) -> list[int | None]:
    return [record.partition for record in world.delivery.to(FUSION_INPUT)]


def known(*partitions: int) -> Callable[[int], State | None]:
    states = {partition: at_tick(7) for partition in partitions}
    return states.get


def test_ticks_of_one_second_are_spread_over_it_and_those_that_wake_go_first(world: World) -> None:
    writer = TickWriter(world.context, spread_s=0.08)
    seen: list[list[int | None]] = []

    async def scene() -> None:
        writer.begin({0, 1, 2, 3}, known(0, 1, 3))
        while len(written(world)) < 4:
            if written(world) not in seen:
                seen.append(written(world))
            await asyncio.sleep(0.001)

    run(scene())
    assert [0, 2] in seen, "0 has its turn at once, and 2 is woken"
    assert seen[-1] == [0, 2, 1]
    assert written(world) == [0, 2, 1, 3]


def test_a_partition_that_is_lost_before_its_turn_gets_no_tick(world: World) -> None:
    writer = TickWriter(world.context, spread_s=0.02)

    async def scene() -> None:
        writer.begin({0, 1}, known(0, 1))
        await asyncio.sleep(0)
        world.ours = frozenset({0})
        await writer.written()

    run(scene())
    assert written(world) == [0]


def test_beginning_a_second_waits_for_nothing_and_skips_it_while_the_last_is_on_its_way(world: World) -> None:
    world.delivery.held = frozenset({FUSION_INPUT})
    writer = TickWriter(world.context, spread_s=0)

    async def scene() -> None:
        for _ in range(3):
            writer.begin({0}, known(0))
            await asyncio.sleep(0.001)
        assert written(world) == [0]
        world.delivery.confirm()
        await writer.written()
        world.delivery.held = frozenset()
        writer.begin({0}, known(0))
        await writer.written()

    run(scene())
    assert written(world) == [0, 0]


def test_a_tick_that_was_not_delivered_ends_the_next_second(world: World) -> None:
    world.delivery.refused = frozenset({FUSION_INPUT})
    writer = TickWriter(world.context, spread_s=0)

    async def scene() -> None:
        writer.begin({0}, known(0))
        await asyncio.sleep(0.01)
        with pytest.raises(DeliveryFailed):
            writer.begin({0}, known(0))

    run(scene())


def test_what_was_stopped_is_not_written(world: World) -> None:
    writer = TickWriter(world.context, spread_s=0.02)

    async def scene() -> None:
        writer.stop()
        writer.begin({0, 1}, known(0, 1))
        await asyncio.sleep(0.001)
        writer.stop()
        await asyncio.sleep(0.03)

    run(scene())
    assert written(world) == [0]


def test_the_ticks_of_one_second_are_one_reading_of_the_clocks(world: World) -> None:
    world.delivery.stamp = lambda: ms(world.clock.seconds - 81)
    writer = TickWriter(world.context, spread_s=0)
    notices: list[int] = []

    async def scene() -> None:
        for _ in range(READINGS):
            notices.append(len(written(world)) % 4)
            writer.begin(range(4), known(0, 1, 2, 3))
            await writer.written()
            world.clock.seconds += 1

    run(scene())
    assert notices == [0] * READINGS, "nothing but ticks before the third second is over"
    assert len(written(world)) == 4 * READINGS + 1
    assert not writer.clocks_agree()
