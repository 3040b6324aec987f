"""Watermarks: which partitions are read until now, out of how many, and by a clock that is watched."""

import pytest

from schemas.codec import decode
from schemas.enums import Feed, InputKind
from schemas.fusion_log import ClockNotice, FeedWatermark, FusionInput
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS
from streams.workers.watermarks import Watermarks
from tests.support.fakes import World, run
from tests.support.log_records import ms


@pytest.fixture
def world() -> World:
    return World("alarms")


def marks(world: World) -> list[FeedWatermark]:
    facts = world.delivery.decoded(FUSION_INPUT, FusionInput)
    return [decode(fact.payload, FeedWatermark) for fact in facts if fact.kind is InputKind.FEED_WATERMARK]


def test_a_watermark_says_out_of_how_many_partitions(world: World) -> None:
    world.caught_up = frozenset({2, 0})
    world.clock.seconds = 9
    run(Watermarks(world.context, Feed.PILLARS, PILLAR_EVENTS).report())
    expected = FeedWatermark(
        feed=Feed.PILLARS, topic=PILLAR_EVENTS, partitions=(0, 2), at=ms(9), partition_count=4
    )
    assert marks(world) == [expected] * 4


def test_a_partition_that_was_added_since_the_start_counts(world: World) -> None:
    world.caught_up = frozenset({7})
    run(Watermarks(world.context, Feed.PILLARS, PILLAR_EVENTS).report())
    assert {mark.partition_count for mark in marks(world)} == {8}


def test_a_worker_whose_clock_is_off_says_so_and_reports_on(world: World) -> None:
    watermarks = Watermarks(world.context, Feed.PILLARS, PILLAR_EVENTS)
    world.caught_up = frozenset({0})
    world.delivery.stamp = lambda: ms(world.clock.seconds - 25)
    for _ in range(10):
        run(watermarks.report())
        world.clock.seconds += 1
    assert not watermarks.clocks_agree()
    assert len(marks(world)) == 10 * 4
    assert world.count("callbox_clock_difference_seconds") == -25
    facts = world.delivery.decoded(FUSION_INPUT, FusionInput)
    (notice,) = [decode(fact.payload, ClockNotice) for fact in facts if fact.kind is InputKind.CLOCK]
    assert (notice.worker, notice.apart_ms, notice.differs) == ("alarms@host-1", -25_000, True)
