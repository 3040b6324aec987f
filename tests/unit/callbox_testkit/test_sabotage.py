"""Sabotage: each breaks its one guarantee, in what an agent is given and not in the agent."""

import asyncio

import pytest

from callbox_testkit.sabotage import (
    LateDelivery,
    RenamingDelivery,
    Sabotage,
    empty_state,
    requested_sabotage,
    sabotaged,
)
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.topics import ALERTS, FUSION_INPUT, FUSION_SNAPSHOT, INCIDENTS
from streams.kafka.batch import Batch
from streams.kafka.producer import ProducerRecord
from streams.worker.context import Context
from streams.worker.spec import WORKERS
from streams.worker.work import Work
from streams.workers.fusion import FusionAgent
from tests.support.fakes import FakeDelivery, World, batch, done, run
from tests.support.timeline import Timeline, only_alert


def raised() -> tuple[ProducerRecord, ProducerRecord]:
    """One alert of a press, to its topic and as the latest of its incident."""
    line = Timeline()
    line.press(0)
    alert = only_alert(line)
    key, value = alert.incident_id.encode(), encode(alert)
    return ProducerRecord(ALERTS, key, value), ProducerRecord(INCIDENTS, key, value)


class RaisingAgent:
    """Hands over an alert and its copy for a batch."""

    def __init__(self, _context: Context) -> None:
        pass

    def process(self, _batch: Batch, work: Work) -> None:
        for record in raised():
            work.hand_over([record])


class ForwardingAgent(RaisingAgent):
    """Hands over a record of the log for a batch."""

    def process(self, _batch: Batch, work: Work) -> None:
        work.hand_over([ProducerRecord(FUSION_INPUT, b"k", b"v")])


def test_it_is_asked_for_by_name_or_not_at_all() -> None:
    assert requested_sabotage({}) is None
    assert requested_sabotage({"CALLBOX_SABOTAGE": "skip-restore"}) is Sabotage.SKIP_RESTORE
    with pytest.raises(ValueError, match="everything"):
        requested_sabotage({"CALLBOX_SABOTAGE": "everything"})


def test_a_late_delivery_returns_before_anything_is_sent_and_sends_all_of_it_later() -> None:
    async def scene() -> None:
        broker = FakeDelivery(WORKERS["fusion"].writes)
        assert await LateDelivery(broker, late_s=0.01).deliver(raised()) == []
        assert broker.sent == []
        await asyncio.sleep(0.1)
        assert broker.sent == list(raised())

    run(scene())


def test_alerts_get_other_ids_each_time_they_are_delivered() -> None:
    broker = FakeDelivery(WORKERS["fusion"].writes)
    for _ in range(2):
        run(RenamingDelivery(broker).deliver(raised()))
    original = decode(raised()[0].value, Alert)
    alerts = broker.decoded(ALERTS, Alert)
    assert len({alert.alert_id for alert in alerts} | {original.alert_id}) == 3
    assert len({alert.incident_id for alert in alerts} | {original.incident_id}) == 3
    assert [record.key for record in broker.to(ALERTS)] == [a.incident_id.encode() for a in alerts]


def test_the_copies_of_one_alert_stay_equal_and_other_records_stay_as_they_are() -> None:
    broker = FakeDelivery(WORKERS["fusion"].writes)
    others = [ProducerRecord(FUSION_SNAPSHOT, None, b"state", 3), ProducerRecord(INCIDENTS, b"over", None)]
    run(RenamingDelivery(broker).deliver([*raised(), *others]))
    first, second, *rest = broker.sent
    assert (first.key, first.value) == (second.key, second.value) != (raised()[0].key, raised()[0].value)
    assert rest == others


def test_a_skipped_restore_is_an_empty_state_at_the_committed_offset() -> None:
    found = empty_state(World("fusion").context.reader, 2, 4, 17)
    assert (found.state.partition, found.state.offset, found.state.incidents) == (2, 17, {})
    assert found.broken is None


@pytest.mark.parametrize(
    ("sabotage", "given"),
    [(Sabotage.ACK_BEFORE_DELIVERY, LateDelivery), (Sabotage.RANDOM_IDS, RenamingDelivery)],
)
def test_the_shipped_agent_is_given_another_delivery(sabotage: Sabotage, given: type) -> None:
    agent = sabotaged(FusionAgent, sabotage)(World("fusion").context)
    assert isinstance(agent._context.delivery, given)
    assert isinstance(agent._agent, FusionAgent)


def test_what_a_hot_agent_hands_over_is_late_too_and_its_batch_is_done_before() -> None:
    world = World("alarms")

    async def scene() -> None:
        agent = sabotaged(ForwardingAgent, Sabotage.ACK_BEFORE_DELIVERY)(world.context)
        done(world, agent, batch(b"", topic="topic"))
        assert world.delivery.sent == []

    run(scene())


def test_what_a_hot_agent_hands_over_is_renamed_too() -> None:
    world = World("fusion")
    agent = sabotaged(RaisingAgent, Sabotage.RANDOM_IDS)(world.context)
    done(world, agent, batch(b"", topic="topic"))
    alert, copy = world.delivery.sent
    assert (alert.key, alert.value) == (copy.key, copy.value) != (raised()[0].key, raised()[0].value)


def test_the_shipped_agent_is_given_another_restore() -> None:
    agent = sabotaged(FusionAgent, Sabotage.SKIP_RESTORE)(World("fusion").context)
    assert isinstance(agent, FusionAgent)
    assert agent._restore is empty_state
