"""Any jump of offsets restores a partition's state; who has all its states is ready and writes snapshots."""

import threading

import pytest

from schemas.codec import decode
from schemas.errors import BrokerUnavailable, Cause
from schemas.fusion_log import FusionInput, FusionSnapshot, LogBrokenNotice
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import FUSION_INPUT, FUSION_SNAPSHOT
from streams.clock import pause
from streams.kafka.batch import Batch
from streams.state import restore as restoring
from streams.state.ticks import TickWriter
from streams.worker.work import Work
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, done, run
from tests.support.fusion_agent import PARTITION, Restored, log, second
from tests.support.log_records import PARTITIONS, device, fact, ms


def test_the_first_batch_of_a_partition_restores_its_state(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    done(world, agent, log(fact(), start=17))
    assert restored.asked == [(PARTITION, PARTITIONS, 17)]
    assert world.count("callbox_restores_total") == 1


def test_a_batch_that_follows_restores_nothing(agent: FusionAgent, world: World, restored: Restored) -> None:
    done(world, agent, log(device(), start=0), log(fact(), start=1))
    done(world, agent, log(fact(event_id="e2"), start=2))
    assert len(restored.asked) == 1


@pytest.mark.parametrize("start", [0, 1, 3, 40])
def test_any_jump_of_offsets_restores_the_state(
    agent: FusionAgent, world: World, restored: Restored, start: int
) -> None:
    done(world, agent, log(device(), fact()))
    done(world, agent, log(fact(event_id="e2"), start=start))
    assert [offset for _, _, offset in restored.asked] == [0, start]


def test_a_broken_log_is_reported_in_the_log_and_counted(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    restored.broken = restoring.Broken(Cause.RECORDS_MISSING, 3, 9)
    done(world, agent, log(device(), start=9))
    (told,) = world.delivery.to(FUSION_INPUT)
    notice = decode(decode(told.value, FusionInput).payload, LogBrokenNotice)
    assert (notice.partition, notice.expected, notice.found) == (PARTITION, 3, 9)
    assert told.key == UNASSIGNED_ZONE.encode()
    assert world.count("callbox_log_broken_total", cause="records_missing") == 1


def test_partitions_have_states_of_their_own(agent: FusionAgent, world: World, restored: Restored) -> None:
    other = (PARTITION + 1) % PARTITIONS
    world.ours = frozenset({PARTITION, other})
    done(world, agent, log(device(), start=5), log(b"", start=9, partition=other))
    assert restored.asked == [(PARTITION, PARTITIONS, 5), (other, PARTITIONS, 9)]


def test_the_state_of_a_lost_partition_is_forgotten(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    done(world, agent, log(device()))
    world.ours = frozenset()
    second(world, agent)
    world.ours = frozenset({PARTITION})
    done(world, agent, log(fact(), start=1))
    assert len(restored.asked) == 2


def test_it_says_when_it_restores(agent: FusionAgent, world: World, restored: Restored) -> None:
    seen: list[tuple[bool, bool]] = []

    def watch() -> None:
        pause(0.02)  # it has begun in another thread
        seen.append((agent.is_restoring(), agent.is_ready()))

    restored.watch = watch
    assert not agent.is_restoring()
    done(world, agent, log(device()))
    assert (seen, agent.is_restoring(), agent.is_ready()) == ([(True, False)], False, True)


def waits_for_state(world: World, agent: FusionAgent, batch: Batch) -> None:
    """The state of a batch begins to be restored, and is."""
    work = Work(world.delivery, world.clock.clock)
    assert not agent.prepare(batch, work)
    while agent.is_restoring():
        pause(0.001)


def test_a_state_that_is_restored_for_a_partition_that_has_gone_is_dropped(
    agent: FusionAgent, world: World
) -> None:
    other = (PARTITION + 1) % PARTITIONS
    world.ours = frozenset({PARTITION, other})
    done(world, agent, log(device()))
    waits_for_state(world, agent, log(b"", partition=other))
    world.ours = frozenset({PARTITION})
    done(world, agent, log(fact(), start=1))
    assert agent.is_ready()
    second(world, agent)
    assert agent._states.keys() == {PARTITION}


def test_a_restore_that_fails_for_a_partition_that_has_gone_is_no_failure(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    def fail() -> None:
        raise BrokerUnavailable("away")

    restored.watch = fail
    waits_for_state(world, agent, log(device()))
    world.ours = frozenset()
    second(world, agent)
    restored.watch = lambda: None
    world.ours = frozenset({PARTITION})
    done(world, agent, log(device()))
    assert agent.is_ready()


def test_a_snapshot_takes_no_breaks_while_a_state_is_restored_or_the_worker_ends(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    seen: list[bool] = []

    def watch() -> None:
        pause(0.02)
        seen.append(agent._snapshots.is_awaited)

    restored.watch = watch
    done(world, agent, log(device()))
    assert (seen, agent._snapshots.is_awaited) == ([True], False)
    waits_for_state(world, agent, log(fact(), start=7))
    world.ours = frozenset()
    second(world, agent)
    assert not agent._snapshots.is_awaited
    run(agent.finish())
    assert agent._snapshots.is_awaited


def test_a_restore_that_fails_ends_the_worker(agent: FusionAgent, world: World, restored: Restored) -> None:
    def fail() -> None:
        raise BrokerUnavailable("away")

    restored.watch = fail
    with pytest.raises(BrokerUnavailable):
        done(world, agent, log(device()))


def test_open_incidents_do_not_seem_to_end_while_a_state_is_restored(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    done(world, agent, log(device(), fact()))
    second(world, agent)
    over = threading.Event()
    restored.watch = lambda: over.wait(10)  # type: ignore[assignment, return-value]
    assert not agent.prepare(log(fact(event_id="e2"), start=40), Work(world.delivery, world.clock.clock))
    second(world, agent)
    assert world.count("callbox_open_incidents", grade="red") == 1
    over.set()


def test_a_worker_without_partitions_writes_no_tick_and_is_ready(agent: FusionAgent, world: World) -> None:
    world.ours = frozenset()
    second(world, agent)
    assert world.delivery.sent == []
    assert agent.is_ready()


def test_it_is_ready_when_every_partition_of_its_own_has_its_state(agent: FusionAgent, world: World) -> None:
    other = (PARTITION + 1) % PARTITIONS
    world.ours = frozenset({PARTITION, other})
    assert not agent.is_ready()
    done(world, agent, log(device()))
    assert not agent.is_ready()
    done(world, agent, log(b"", partition=other))
    assert agent.is_ready()


def test_a_snapshot_says_the_offset_after_the_last_folded_record(agent: FusionAgent, world: World) -> None:
    async def scene() -> None:
        done(world, agent, log(device(), fact(), start=3))
        agent.after_batch()
        await agent.finish()

    run(scene())
    snapshots = world.delivery.decoded(FUSION_SNAPSHOT, FusionSnapshot)
    assert {snapshot.next_offset for snapshot in snapshots} == {5}
    assert {sent.partition for sent in world.delivery.to(FUSION_SNAPSHOT)} == {PARTITION}


def test_no_snapshot_is_begun_of_a_partition_that_may_be_lost(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device()))
    world.ours = frozenset()
    agent.after_batch()
    assert world.delivery.to(FUSION_SNAPSHOT) == []


class FakeIncidentTopic:
    """Says what it was told to do."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self) -> None:
        self.told.append("begin")

    def leave(self) -> None:
        self.told.append("leave")


def test_the_owner_of_the_first_partition_tends_the_topic_of_incidents_once_it_is_ready(
    world: World, restored: Restored
) -> None:
    topic = FakeIncidentTopic()
    agent = FusionAgent(world.context, restored, topic, TickWriter(world.context, 0))  # type: ignore[arg-type]
    world.ours = frozenset({0, 1})
    done(world, agent, log(b"", partition=0))
    second(world, agent)
    assert topic.told == [], "a partition is not restored yet, and that goes first"
    done(world, agent, log(b"", partition=1))
    second(world, agent)
    world.ours = frozenset({1})
    second(world, agent)
    run(agent.finish())
    assert topic.told == ["begin", "leave", "leave"]


def test_nobody_tends_the_topic_of_incidents_by_a_wrong_clock(world: World, restored: Restored) -> None:
    topic = FakeIncidentTopic()
    agent = FusionAgent(world.context, restored, topic, TickWriter(world.context, 0))  # type: ignore[arg-type]
    world.ours = frozenset({0})
    world.delivery.stamp = lambda: ms(world.clock.seconds + 5)
    done(world, agent, log(b"", partition=0))
    second(world, agent)
    assert topic.told == ["begin"], "nothing is known of the clocks before the first tick"
    second(world, agent)
    assert topic.told == ["begin"]
