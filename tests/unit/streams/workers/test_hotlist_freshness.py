"""The hotlist's age, told to the control room: too old, and fresh again."""

import pytest

from schemas.codec import decode
from schemas.enums import Feed, InputKind
from schemas.fusion_log import FusionInput, ListAge
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, HOTLIST
from schemas.units import HOUR_MS, EpochMs
from streams.workers.hotlist_freshness import AGAIN_S, ListFreshness
from tests.support.fakes import World, entry_of, listed, run
from tests.support.log_records import ms
from tests.support.plates_harness import Checkpoint

STALE_S = 4 * HOUR_MS / 1000 + 1


class Desk:
    """Someone who looks at the list's age, on a clock of their own."""

    def __init__(self) -> None:
        self.world = World("plates")
        self.freshness = ListFreshness(self.world.context)

    def look(self, at_s: float, newest_at: EpochMs) -> None:
        self.world.clock.seconds = at_s
        run(self.freshness.report(newest_at))

    @property
    def told(self) -> list[tuple[bool, EpochMs]]:
        facts = self.world.delivery.decoded(FUSION_INPUT, FusionInput)
        ages = (decode(fact.payload, ListAge) for fact in facts)
        return [(age.stale, age.newest_at) for age in ages]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_stale_list_is_reported_to_the_control_room(desk: Desk) -> None:
    desk.look(STALE_S, ms(0))
    (sent,) = desk.world.delivery.sent
    fact = decode(sent.value, FusionInput)
    assert (sent.key, sent.partition) == (UNASSIGNED_ZONE.encode(), None)
    assert (fact.kind, fact.zone) == (InputKind.LIST_AGE, UNASSIGNED_ZONE)
    age = ListAge(feed=Feed.HOTLIST, topic=HOTLIST, newest_at=ms(0), stale=True)
    assert decode(fact.payload, ListAge) == age


def test_it_is_reported_once_a_minute_while_it_stays_so_and_always_the_same(desk: Desk) -> None:
    for second in range(int(2 * AGAIN_S) + 1):
        desk.look(STALE_S + second, ms(0))
    assert len(desk.world.delivery.sent) == 3
    assert len(set(desk.world.delivery.sent)) == 1


def test_a_list_that_is_fresh_again_is_reported_once(desk: Desk) -> None:
    desk.look(STALE_S, ms(0))
    for second in range(5):
        desk.look(STALE_S + 1 + second, ms(STALE_S))
    desk.look(STALE_S + 10, ms(STALE_S + 9))
    assert desk.told == [(True, ms(0)), (False, ms(STALE_S))]


def test_a_worker_that_has_just_come_says_how_the_list_is(desk: Desk) -> None:
    desk.look(1, ms(0))
    assert desk.told == [(False, ms(0))]


def test_a_list_without_any_entry_is_stale(desk: Desk) -> None:
    desk.look(1, EpochMs(0))
    assert desk.told == [(True, EpochMs(0))]


def test_only_the_owner_of_the_first_partition_tells_it(desk: Desk) -> None:
    desk.world.ours = frozenset({1, 2})
    desk.look(STALE_S, ms(0))
    assert desk.told == []
    desk.world.ours = frozenset({0})
    desk.look(STALE_S + 1, ms(0))
    desk.world.ours = frozenset()
    desk.look(STALE_S + 2, ms(0))
    desk.world.ours = frozenset({0})
    desk.look(STALE_S + 3, ms(0))
    assert desk.told == [(True, ms(0))] * 2


def test_the_plates_worker_looks_every_second() -> None:
    station = Checkpoint(entry_of("ABC1234"))
    station.world.clock.seconds = STALE_S
    run(station.agent.every_second())
    station.list.arrive(*listed(entry_of("ABC1234"), at_s=STALE_S))
    station.second()
    facts = station.world.delivery.decoded(FUSION_INPUT, FusionInput)
    assert [decode(fact.payload, ListAge).stale for fact in facts] == [True, False]
