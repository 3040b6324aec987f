"""The fusion agent: the fold's decisions go out, ticks are written, and any jump in offsets restores the state."""

import threading
from collections.abc import Callable, Iterable

import msgspec
import pytest

from processors.state.partition_state import State, new_state
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckOutcome, Grade, InputKind, PillarKind, Reason
from schemas.errors import BrokerUnavailable, Cause, DeliveryFailed
from schemas.fusion_log import ClockNotice, FusionInput, FusionSnapshot, LogBrokenNotice, Tick
from schemas.partitioning import partition_of
from schemas.registry import UNASSIGNED_ZONE
from schemas.topics import (
    ACK_RESULTS,
    ALERTS,
    FUSION_INPUT,
    FUSION_SNAPSHOT,
    INCIDENTS,
    MAINTENANCE,
    TEST_ALERTS,
)
from streams.clock import pause
from streams.kafka.batch import Batch
from streams.kafka.reader import BrokerReader
from streams.state import restore as restoring
from streams.state.ticks import WAKE, TickWriter
from streams.worker.settings import RuntimeSettings
from streams.worker.work import SLICE_S, Work
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, consumed, decided, done, hot_second, run, settled
from tests.support.log_records import (
    PARTITIONS,
    ZONE,
    ack,
    camera,
    dead_letter,
    device,
    envelope,
    fact,
    flame,
    ms,
)

PARTITION = partition_of(ZONE, PARTITIONS)


class Restored:
    """What stands in for `restore`: an empty state at the offset asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.broken: restoring.Broken | None = None
        self.watch: Callable[[], None] = lambda: None

    def __call__(
        self, _reader: BrokerReader, partition: int, partitions: int, committed: int, _in_hand: State | None
    ) -> restoring.Restored:
        self.asked.append((partition, partitions, committed))
        self.watch()
        state = new_state(partition, partitions)
        state.offset = committed
        return restoring.Restored(state, "the topic", self.broken)


@pytest.fixture
def restored() -> Restored:
    return Restored()


@pytest.fixture
def world() -> World:
    """A worker that owns the zone's partition; snapshots are due at once."""
    made = World("fusion", partitions=PARTITIONS, runtime=RuntimeSettings(snapshot_interval_s=0))
    made.ours = frozenset({PARTITION})
    return made


@pytest.fixture
def agent(world: World, restored: Restored) -> FusionAgent:
    return FusionAgent(world.context, restored, ticks=TickWriter(world.context, spread_s=0))


def log(
    *records: msgspec.Struct | bytes, start: int = 0, at_s: float = 0, partition: int = PARTITION
) -> Batch:
    """A batch of the log; bytes are taken as they are."""

    def value(record: msgspec.Struct | bytes) -> tuple[bytes, bytes]:
        if isinstance(record, bytes):
            return b"", record
        given = envelope(record)
        return given.zone.encode(), encode(given)

    pairs = [value(record) for record in records]
    return Batch(
        consumed(
            encoded, topic=FUSION_INPUT, key=key, partition=partition, offset=start + number, at=ms(at_s)
        )
        for number, (key, encoded) in enumerate(pairs)
    )


def second(world: World, agent: FusionAgent) -> None:
    """One second of the agent, until its ticks are delivered."""

    async def on_the_loop() -> None:
        await agent.every_second()
        await agent._ticks.written()

    hot_second(world, agent)
    run(on_the_loop())


def alerts(world: World, topic: str = ALERTS) -> Iterable[Alert]:
    return world.delivery.decoded(topic, Alert)


def ticks(world: World) -> list[tuple[int | None, int]]:
    """(partition, number) of every tick that was written."""
    return [
        (sent.partition, decode(decode(sent.value, FusionInput).payload, Tick).number)
        for sent in world.delivery.to(FUSION_INPUT)
    ]


def test_a_press_becomes_a_red_keyed_by_its_incident(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), fact()))
    (alert,) = alerts(world)
    (sent,) = world.delivery.to(ALERTS)
    assert alert.reason is Reason.FIRST_FACT
    assert (sent.key, sent.partition) == (alert.incident_id.encode(), None)


def test_every_alert_goes_to_its_topic(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), fact(), fact(PillarKind.TEST, event_id="e2"), dead_letter()))
    assert [len(world.delivery.to(topic)) for topic in (ALERTS, MAINTENANCE, TEST_ALERTS)] == [1, 1, 1]


def test_what_follows_from_merged_batches_goes_out_in_order_and_alerts_go_first(
    agent: FusionAgent, world: World
) -> None:
    first, second = device("P1"), device("P2", lat=31.0)
    batches = [
        log(first, second, fact(device_id="P1", event_id="a")),
        log(fact(device_id="P2", event_id="b"), start=3),
    ]
    done(world, agent, *batches)
    assert [[sent.topic for sent in each] for each in world.delivery.lists] == 2 * [[ALERTS], [INCIDENTS]]
    assert [alert.sources[0].event_id for alert in alerts(world)] == ["a", "b"]


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


def test_a_record_that_cannot_be_read_is_dead_lettered_and_the_fold_goes_on(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device(), b"poison", fact(), start=3))
    (letter,) = world.delivery.dead_letters(FUSION_INPUT)
    assert (letter.partition, letter.offset, letter.cause) == (PARTITION, 4, Cause.UNDECODABLE)
    assert letter.payload == b"poison"
    assert len(list(alerts(world))) == 1


def test_a_delivery_that_fails_leaves_the_agent(agent: FusionAgent, world: World) -> None:
    world.delivery.refused = frozenset({ALERTS})
    with pytest.raises(DeliveryFailed):
        done(world, agent, log(device(), fact()))


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


def test_the_time_from_press_to_alert_is_counted_when_it_is_delivered(
    agent: FusionAgent, world: World
) -> None:
    world.clock.seconds = 2
    done(world, agent, log(device(), fact()))
    hot_second(world, agent)
    assert world.count("callbox_press_to_alert_seconds_count") == 1
    assert world.count("callbox_press_to_alert_seconds_sum") == 2
    assert world.count("callbox_alerts_total", action="raise", grade="red") == 1
    assert world.count("callbox_decisions_total", reason="first_fact") == 1


def test_a_press_that_turns_a_held_fire_red_is_counted(agent: FusionAgent, world: World) -> None:
    world.clock.seconds = 5
    done(world, agent, log(device(), camera(), flame(at_s=1), fact(at_s=2)))
    hot_second(world, agent)
    assert world.count("callbox_decisions_total", reason="corroborated") == 1
    assert world.count("callbox_press_to_alert_seconds_count") == 1
    assert world.count("callbox_press_to_alert_seconds_sum") == 3


def test_a_press_that_joins_is_counted_and_an_answer_to_it_is_not(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), fact(event_id="a"), fact(at_s=20, event_id="b")))
    (raised, _updated) = alerts(world)
    done(world, agent, log(ack(raised.incident_id, at_s=21), start=3))
    hot_second(world, agent)
    assert world.count("callbox_press_to_alert_seconds_count") == 2


# --- slices, and what is on its way -------------------------------------------------------------------------------


def presses(count: int, start: int = 0) -> Batch:
    """Devices far from each other, and a press of each: as many alerts."""
    devices = [device(f"P{number}", lat=20.0 + number / 10) for number in range(count)]
    pressed = [fact(device_id=each.device_id, event_id=each.device_id) for each in devices]
    return log(*devices, *pressed, start=start)


def test_the_first_alert_of_a_large_batch_goes_out_before_the_last_is_decided(
    agent: FusionAgent, world: World
) -> None:
    world.clock.step = SLICE_S / 5
    done(world, agent, presses(30))
    assert len(world.delivery.to(ALERTS)) == 30
    assert max(len(each) for each in world.delivery.lists) <= 5
    copied = [(each.key, each.value) for each in world.delivery.to(INCIDENTS)]
    assert copied == [(each.key, each.value) for each in world.delivery.to(ALERTS)]


def test_a_tick_that_fires_many_timers_is_cut_too(agent: FusionAgent, world: World) -> None:
    done(world, agent, presses(30))
    world.clock.step = SLICE_S / 5
    before = len(world.delivery.lists)
    done(world, agent, log(Tick(number=1), start=60, at_s=3_600))
    assert len(world.delivery.lists) - before > 3


def test_the_next_batch_is_decided_while_the_last_one_is_on_its_way(agent: FusionAgent, world: World) -> None:
    world.delivery.held = frozenset({ALERTS})
    first = decided(world, agent, log(device(), fact()))
    second = decided(world, agent, log(fact(at_s=20, event_id="b"), start=2))
    assert len(world.delivery.to(ALERTS)) == 2
    hot_second(world, agent)
    assert world.count("callbox_alerts_total", action="raise", grade="red") == 0, "not delivered yet"
    world.delivery.confirm()
    settled(first)
    hot_second(world, agent)
    assert world.count("callbox_press_to_alert_seconds_count") == 1
    settled(second)
    hot_second(world, agent)
    assert world.count("callbox_press_to_alert_seconds_count") == 2


def test_an_alert_waits_for_no_copy_but_the_batch_is_done_when_all_is_delivered(
    agent: FusionAgent, world: World
) -> None:
    world.delivery.held = frozenset({INCIDENTS})
    world.clock.seconds = 2
    work = decided(world, agent, log(device(), fact()))
    assert len(world.delivery.to(ALERTS)) == 1
    assert (work.waits_for_urgent, work.is_answered) == (False, False)
    world.clock.seconds = 30
    world.delivery.confirm()
    settled(work)
    hot_second(world, agent)
    assert world.count("callbox_press_to_alert_seconds_sum") == 2, "when the alert was delivered"


def test_alerts_go_out_before_the_state_of_another_partition_is_restored(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    other = (PARTITION + 1) % PARTITIONS
    world.ours = frozenset({PARTITION, other})
    out: list[int] = []
    restored.watch = lambda: out.append(len(world.delivery.to(ALERTS)))
    done(world, agent, log(device(), fact()), log(b"", partition=other))
    assert out == [0, 1]


def test_nothing_is_folded_after_a_slice_that_was_not_delivered(agent: FusionAgent, world: World) -> None:
    world.clock.step = SLICE_S
    world.delivery.refused = frozenset({ALERTS})
    with pytest.raises(DeliveryFailed):
        done(world, agent, presses(30))
    assert len(world.delivery.to(INCIDENTS)) == 1, "that of the slice itself"


# --- incidents and answers ----------------------------------------------------------------------------------------


def test_a_real_alert_is_also_the_latest_of_its_incident_in_the_same_bytes(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device(), fact(), dead_letter()))
    sent = [(each.key, each.value) for topic in (ALERTS, MAINTENANCE) for each in world.delivery.to(topic)]
    assert len(sent) == 2
    assert [(each.key, each.value) for each in world.delivery.to(INCIDENTS)] == sent


def test_a_test_never_reaches_the_topic_of_incidents(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), fact(PillarKind.TEST)))
    assert len(world.delivery.to(TEST_ALERTS)) == 1
    assert world.delivery.to(INCIDENTS) == []


def test_an_acknowledgement_is_answered_under_its_own_id(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(device(), fact()))
    (raised,) = alerts(world)
    done(world, agent, log(ack(raised.incident_id), start=2))
    (answer,) = world.delivery.decoded(ACK_RESULTS, AckResult)
    (sent,) = world.delivery.to(ACK_RESULTS)
    assert (sent.key, sent.partition) == (answer.ack_id.encode(), None)
    assert (answer.outcome, answer.incident_id) == (AckOutcome.ACCEPTED, raised.incident_id)
    labels = {"outcome": answer.outcome.value, "reason": answer.reason.value}
    hot_second(world, agent)
    assert world.count("callbox_ack_results_total", **labels) == 1
    assert [alert.revision for alert in alerts(world, INCIDENTS)] == [1, 2]


def test_an_acknowledgement_of_nothing_is_answered_too(agent: FusionAgent, world: World) -> None:
    done(world, agent, log(ack(f"{ZONE}-{'0' * 26}")))
    (answer,) = world.delivery.decoded(ACK_RESULTS, AckResult)
    assert (answer.outcome, answer.reason) == (AckOutcome.REJECTED, Reason.UNKNOWN_INCIDENT)


def test_open_incidents_are_counted_by_grade_in_the_partitions_that_are_ours(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device(), fact(), dead_letter()))
    second(world, agent)
    assert [world.count("callbox_open_incidents", grade=grade) for grade in Grade if grade != "UNKNOWN"] == [
        1,
        0,
        1,
    ]
    world.ours = frozenset()
    second(world, agent)
    assert world.count("callbox_open_incidents", grade="red") == 0


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
