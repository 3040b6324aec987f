"""Following a compacted topic: the newest record of each key, and how fresh the list is."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
import structlog

from schemas.codec import encode
from schemas.errors import BrokerUnavailable, Cause, InputMissing, LogBroken
from schemas.hotlist import HotlistEntry
from schemas.registry import RegistryDevice
from schemas.topics import HOTLIST, REGISTRY
from schemas.units import EpochMs
from streams.kafka.compacted_table import CompactedTable
from streams.kafka.record import LogRecord
from streams.worker.settings import RuntimeSettings
from tests.support.fakes import FakeFollower, World, entry_of, kept, listed, registered, run
from tests.support.log_records import device, ms

AT_ONCE = RuntimeSettings(registry_poll_s=0)


def followed(
    first: Iterable[LogRecord] = (), *, runtime: RuntimeSettings = AT_ONCE
) -> tuple[CompactedTable[RegistryDevice], FakeFollower, World]:
    world = World("plates", runtime=runtime)
    follower = world.reader.holds(REGISTRY, list(first))
    table = world.context.table(REGISTRY, RegistryDevice)
    run(table.start())
    return table, follower, world


def test_the_newest_record_of_a_key_is_in_force() -> None:
    old, new = device("P1", zone="east"), device("P1", zone="west")
    found, _, _ = followed(registered(old, device("P2"), new))
    assert found.get("P1") == new
    assert [each.device_id for each in found.values()] == ["P1", "P2"]
    assert found.get("P3") is None


def test_a_tombstone_takes_a_record_away() -> None:
    found, _, _ = followed([*registered(device("P1")), kept(REGISTRY, "P1", None)])
    assert found.get("P1") is None


def test_what_arrives_later_is_taken_in() -> None:
    found, follower, _ = followed()
    assert not run(found.refresh())
    follower.arrive(*registered(device("P1")))
    assert run(found.refresh())
    assert found.get("P1") == device("P1")


def test_it_is_looked_at_no_more_often_than_configured() -> None:
    found, follower, world = followed(runtime=RuntimeSettings(registry_poll_s=5))
    run(found.refresh())
    follower.arrive(*registered(device("P1")))
    world.clock.seconds += 4.9
    assert not run(found.refresh())
    world.clock.seconds += 0.1
    assert run(found.refresh())


def test_whoever_misses_a_key_may_look_sooner() -> None:
    found, follower, world = followed(runtime=RuntimeSettings(registry_poll_s=5))
    run(found.refresh())
    follower.arrive(*registered(device("P1")))
    world.clock.seconds += 0.1
    assert not run(found.refresh(interval_s=0.2))
    world.clock.seconds += 0.2
    assert run(found.refresh(interval_s=0.2))
    assert found.get("P1") == device("P1")


def test_a_record_that_cannot_be_read_is_dead_lettered_and_the_one_before_stays() -> None:
    poison = encode(device("P1"))[:-3]
    found, _, world = followed([*registered(device("P1")), kept(REGISTRY, "P1", poison, offset=4)])
    assert found.get("P1") == device("P1")
    (letter,) = world.delivery.dead_letters(REGISTRY)
    assert (letter.offset, letter.cause, letter.payload) == (4, Cause.UNDECODABLE, poison)


def test_a_broker_that_is_away_leaves_what_is_known_in_force() -> None:
    found, follower, _ = followed(registered(device("P1")))
    follower.failure = BrokerUnavailable("nobody answers")
    assert not run(found.refresh())
    assert found.get("P1") == device("P1")


def test_a_broker_that_stays_away_is_told_once_a_minute_with_how_often_it_was_asked() -> None:
    found, follower, world = followed(registered(device("P1")))
    follower.failure = BrokerUnavailable("nobody answers")
    with structlog.testing.capture_logs() as lines:
        for _ in range(61):
            run(found.refresh(interval_s=0.0))
            world.clock.seconds += 1
    assert [(line["event"], line["left_out"]) for line in lines] == [
        ("following.interrupted", 0),
        ("following.interrupted", 59),
    ]


def hotlist(*records: LogRecord) -> tuple[CompactedTable[HotlistEntry], World]:
    world = World("plates", {HOTLIST: records})
    table = world.context.table(HOTLIST, HotlistEntry)
    run(table.start())
    return table, world


def test_a_list_is_as_fresh_as_its_newest_record() -> None:
    found, _ = hotlist(*listed(entry_of(entry_id="a"), at_s=5), *listed(entry_of(entry_id="b"), at_s=3))
    assert found.newest_at == ms(5)


def test_taking_an_entry_back_renews_the_list() -> None:
    found, _ = hotlist(kept(HOTLIST, "a", None, at_s=7))
    assert found.newest_at == ms(7)


def test_a_record_that_cannot_be_read_does_not_make_a_list_fresh() -> None:
    found, _ = hotlist(*listed(entry_of(), at_s=5), kept(HOTLIST, "entry-1", b"poison", at_s=9_000))
    assert found.newest_at == ms(5)


def test_an_empty_list_has_no_age() -> None:
    assert hotlist()[0].newest_at == EpochMs(0)


def test_a_hotlist_record_that_cannot_be_read_leaves_no_text() -> None:
    _, world = hotlist(kept(HOTLIST, "B12345", b"B12345", offset=4))
    (letter,) = world.delivery.dead_letters(HOTLIST)
    assert (letter.key, letter.payload, letter.detail) == (None, None, None)
    assert "B12345" not in repr(world.delivery.sent)
    assert "B12345" not in world.metrics_text()


# --- read anew ----------------------------------------------------------------------------------------------------


async def until_read(table: CompactedTable[Any]) -> None:
    """Look at the table until it has been read anew."""
    for _ in range(200):
        await table.refresh()
        if table._reading is None:
            return
        await asyncio.sleep(0.005)
    pytest.fail("it was not read anew")


@pytest.mark.parametrize("error", [LogBroken("retention overtook us"), InputMissing("no such topic")])
def test_a_topic_whose_next_record_is_not_there_is_read_anew_and_told(error: Exception) -> None:
    world = World("plates", runtime=AT_ONCE)

    async def scene() -> None:
        former = world.reader.holds(REGISTRY, registered(device("P1", zone="east"), device("P2")))
        table = world.context.table(REGISTRY, RegistryDevice)
        await table.start()
        former.failure = error
        world.reader.holds(REGISTRY, registered(device("P1", zone="west")))
        await until_read(table)
        assert table.get("P1") == device("P1", zone="west")
        assert table.get("P2") == device("P2"), "a device still has its zone"
        assert former.closed

    run(scene())
    assert world.read_anew == [(REGISTRY, Cause.RECORDS_MISSING)]


def test_nothing_is_matched_against_a_list_that_is_gone() -> None:
    async def scene() -> None:
        world = World("plates", {HOTLIST: listed(entry_of(entry_id="a"), at_s=5)}, runtime=AT_ONCE)
        table = world.context.table(HOTLIST, HotlistEntry)
        await table.start()
        world.reader.holds(HOTLIST, listed(entry_of(entry_id="b"), at_s=9))
        world.context.note_made_anew(HOTLIST)
        await until_read(table)
        assert [entry.entry_id for entry in table.values()] == ["b"]
        assert table.newest_at == ms(9)

    run(scene())


def test_what_is_known_stays_in_force_until_the_topic_can_be_read_again() -> None:
    async def scene() -> None:
        world = World("plates", runtime=AT_ONCE)
        world.reader.holds(REGISTRY, registered(device("P1")))
        table = world.context.table(REGISTRY, RegistryDevice)
        await table.start()
        del world.reader.followers[REGISTRY]
        table.begin_anew(Cause.ANOTHER_LOG)
        for _ in range(5):
            await table.refresh()
            await asyncio.sleep(0.005)
        assert table.get("P1") == device("P1")
        world.reader.holds(REGISTRY, registered(device("P2")))
        await until_read(table)
        assert table.get("P2") == device("P2")

    run(scene())
