"""Ticks: one a second for each partition that is ours, and the clocks that they show."""

from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import ClockNotice, FusionInput, Tick
from schemas.topics import FUSION_INPUT
from streams.state.ticks import WAKE
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, done
from tests.support.fusion_agent import PARTITION, log, second, ticks
from tests.support.log_records import device, ms


def test_ticks_are_empty_of_a_zone_numbered_and_one_for_each_of_our_partitions(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device()))
    second(world, agent)
    second(world, agent)
    assert ticks(world) == [(PARTITION, 1), (PARTITION, 2)]
    tick = decode(world.delivery.to(FUSION_INPUT)[0].value, FusionInput)
    assert (tick.kind, tick.zone) == (InputKind.TICK, "")


def test_a_clock_that_differs_is_told_and_neither_stops_ticks_nor_ends_the_worker(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device()))
    world.delivery.stamp = lambda: ms(world.clock.seconds - 81)
    for _ in range(200):
        second(world, agent)
        world.clock.seconds += 1
    written = [decode(sent.value, FusionInput) for sent in world.delivery.to(FUSION_INPUT)]
    ticked = [decode(each.payload, Tick).number for each in written if each.kind is InputKind.TICK]
    assert ticked == list(range(1, 201))
    assert not agent.clocks_agree()
    assert agent.is_ready(), "readiness has a line of its own for it"
    assert world.count("callbox_clock_difference_seconds") == -81
    told = [decode(each.payload, ClockNotice) for each in written if each.kind is InputKind.CLOCK]
    assert [notice.differs for notice in told] == [True] * 4  # after three readings, then once a minute
    assert {notice.worker for notice in told} == {"fusion@host-1"}


def test_a_tick_carries_its_writer_s_time(agent: FusionAgent, world: World) -> None:
    world.clock.seconds = 7
    second(world, agent)
    (sent,) = world.delivery.to(FUSION_INPUT)
    assert decode(decode(sent.value, FusionInput).payload, Tick) == Tick(number=WAKE, at=ms(7))


def test_a_tick_that_the_log_already_has_is_not_numbered_again(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), Tick(number=40)))
    second(world, agent)
    assert ticks(world) == [(PARTITION, 41)]


def test_a_partition_without_a_state_is_woken(agent: FusionAgent, world: World) -> None:
    second(world, agent)
    assert ticks(world) == [(PARTITION, WAKE)]
    done(world, agent, log(Tick(number=WAKE)))
    assert agent.is_ready()
