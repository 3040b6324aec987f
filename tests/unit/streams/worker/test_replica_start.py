"""Replicas: what two of them write is the same, what both write counts once, and their snapshots keep apart."""

from dataclasses import replace as replaced
from typing import Any

import pytest
from click.testing import CliRunner

from callbox.commands.worker import worker
from processors.fold.log_entry import LogEntry
from processors.fold.reducer import fold
from processors.fold.snapshot_codec import dump
from processors.state.partition_state import new_state
from schemas.ack import Acknowledgement, Actor
from schemas.codec import encode
from schemas.enums import AckAction, Hazard, PillarKind, Reason
from schemas.feeds import PillarEvent
from schemas.topics import ACKS, FUSION_INPUT, FUSION_SNAPSHOT, PILLAR_EVENTS, REGISTRY
from schemas.units import EpochMs
from streams.kafka.acls import group_of
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.state.snapshots import Snapshots
from streams.state.ticks import Ticker
from streams.worker.spec import REPLICABLE, WORKERS
from streams.workers.alarms import AlarmsAgent
from streams.workers.unregistered_events import HOLD_S
from tests.support.expect import never, once
from tests.support.fakes import HandClock, World, batch, consumed, done, hot_second, registered, run
from tests.support.log_records import alive, dead_letter, device, ms
from tests.support.recorded_log import PARTITION, state_at
from tests.support.timeline import Timeline


def feed() -> list[Batch]:
    """Presses with and without an id, an unregistered device, what cannot be read, and acknowledgements."""
    events = [
        PillarEvent(
            device_id=device_id,
            kind=kind,
            occurred_at=ms(1),
            received_at=ms(2),
            event_id=event_id,
            sequence=7,
        )
        for device_id, kind, event_id in [
            ("P1", PillarKind.PRESS, "e1"),
            ("P1", PillarKind.PRESS, None),
            ("unregistered", PillarKind.PRESS, "e2"),
            ("unregistered", PillarKind.HEARTBEAT, "e3"),
        ]
    ]
    ack = Acknowledgement(
        ack_id="a1",
        incident_id="zone-1",
        action=AckAction.ACCEPT,
        actor=Actor(name="Li", organisation="county"),
        at=ms(3),
    )
    return [
        batch(*map(encode, events), b"poison", topic=PILLAR_EVENTS, start=40, at_s=4),
        batch(encode(ack), b"poison", topic=ACKS, start=9, at_s=5),
    ]


def forwarded(replica: str) -> list[ProducerRecord]:
    world = World("alarms", {REGISTRY: registered(device("P1"))})
    agent = AlarmsAgent(replaced(world.context, replica=replica))

    run(agent.start())
    for given in feed():
        done(world, agent, given)
    world.clock.seconds += HOLD_S  # what no registry names is held for so long
    hot_second(world, agent)
    return world.delivery.sent


def test_two_forwarders_write_the_same_bytes() -> None:
    first, second = (forwarded(replica) for replica in ("", "b"))
    assert first == second
    assert len(first) >= len([record for given in feed() for record in given])


def test_snapshots_of_two_replicas_share_no_key() -> None:
    world = World("fusion")

    async def scene() -> None:
        for replica in ("", "b"):
            await Snapshots(replaced(world.context, replica=replica)).begin(state_at(10), "topic")

    run(scene())
    first, second = world.delivery.to(FUSION_SNAPSHOT)
    assert (first.key, second.key) == (b"%d-0" % PARTITION, b"%d-0-b" % PARTITION)
    assert (first.partition, first.value) == (second.partition, second.value)


def test_each_replica_has_a_group_of_its_own() -> None:
    groups = {group_of(name, "callbox", replica) for name in REPLICABLE for replica in ("", "a", "b")}
    assert len(groups) == 6
    assert group_of("fusion", "callbox", "b") == "callbox.fusion.b"


class TwoTickers:
    """Two owners of one partition: each writes its ticks into the log, both fold it."""

    def __init__(self) -> None:
        self.states = [new_state(0, 1), new_state(0, 1)]
        self.clock = HandClock(0)
        self.tickers = [Ticker(replica, self.clock.clock) for replica in ("", "b")]
        self.log: list[Any] = []

    def tick(self, replica: int, at: EpochMs) -> None:
        written = self.tickers[replica].tick(0, self.states[replica])
        self.log.append(consumed(written.value, topic=FUSION_INPUT, offset=len(self.log), at=at))

    def read(self, replica: int) -> list[Reason]:
        state = self.states[replica]
        records = self.log[state.offset :]
        entries = [
            LogEntry(record.offset, record.timestamp_ms, record.key, record.value) for record in records
        ]
        return [fold(state, entry)[1][-1].reason for entry in entries]


def test_ticks_of_two_replicas_bring_time_on_and_copies_of_a_number_count_once() -> None:
    two = TwoTickers()
    reasons = []
    for second in range(1, 6):
        two.clock.seconds = second
        two.tick(0, ms(second))
        two.tick(1, ms(second))
        reasons.append(two.read(0))
        two.read(1)
    assert reasons == [[Reason.TICK, Reason.DUPLICATE]] * 5
    assert dump(two.states[0]) == dump(two.states[1])


def test_a_replica_that_was_behind_ticks_again_once_it_has_caught_up() -> None:
    two = TwoTickers()
    for second in range(1, 61):
        two.clock.seconds = second
        two.tick(0, ms(second))
        two.read(0)
    two.tick(1, ms(60.5))
    assert two.read(0) == [Reason.DUPLICATE]
    two.read(1)
    two.tick(1, ms(61.5))
    assert two.read(0) == [Reason.TICK]
    two.read(1)
    assert dump(two.states[0]) == dump(two.states[1])


def test_a_feed_that_either_forwarder_tells_of_is_not_silent_whatever_their_clocks_say() -> None:
    line = Timeline(device(heartbeat_s=60))
    for second in range(1, 400):
        if second < 200:
            line.push(alive(second + 0.7), at_s=second)  # the first, with a clock that is ahead
        line.push(alive(second + 0.2), at_s=second + 0.3)  # the second
        if second % 50 == 0:
            line.pillar(PillarKind.HEARTBEAT, second + 0.4)
        line.tick(second + 0.5)
    never(line, 0, 400)


def test_a_dead_letter_reported_by_both_is_one_blue() -> None:
    line = Timeline()
    line.push(dead_letter(), at_s=1)
    line.push(dead_letter(), at_s=1.1)
    once(line, 0, 2, hazard=Hazard.FEED_FAULT)


@pytest.mark.parametrize("name", [name for name in WORKERS if name not in REPLICABLE])
def test_a_worker_whose_findings_depend_on_chance_refuses_to_be_a_replica(name: str) -> None:
    answer = CliRunner().invoke(worker, [name, "--replica", "b"])
    assert answer.exit_code == 2
    assert f"{name} takes no --replica" in answer.output


@pytest.mark.parametrize("given", ["a b", "a.b", "x" * 17, "ä", "-/"])
def test_a_name_that_no_group_should_have_is_refused(given: str) -> None:
    answer = CliRunner().invoke(worker, ["fusion", "--replica", given])
    assert answer.exit_code == 2
    assert "1 to 16 letters" in answer.output
