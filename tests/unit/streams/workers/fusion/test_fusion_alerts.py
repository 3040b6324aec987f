"""What the fusion agent makes of its log: alerts, answers and counts, and the order in which they go out."""

import pytest

from schemas.ack import AckResult
from schemas.enums import AckOutcome, Grade, PillarKind, Reason
from schemas.errors import Cause, DeliveryFailed
from schemas.fusion_log import Tick
from schemas.topics import ACK_RESULTS, ALERTS, FUSION_INPUT, INCIDENTS, MAINTENANCE, TEST_ALERTS
from streams.worker.work import SLICE_S
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, decided, done, hot_second, settled
from tests.support.fusion_agent import PARTITION, alerts, log, presses, second
from tests.support.log_records import ZONE, ack, camera, dead_letter, device, fact, flame


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
    assert [[sent.topic for sent in each] for each in world.delivery.lists] == [2 * [ALERTS], 2 * [INCIDENTS]]
    assert [alert.sources[0].event_id for alert in alerts(world)] == ["a", "b"]


def test_a_record_that_cannot_be_read_is_dead_lettered_and_the_fold_goes_on(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device(), b"poison", fact(), start=3))
    (letter,) = world.delivery.dead_letters(FUSION_INPUT)
    assert (letter.partition, letter.offset, letter.cause) == (PARTITION, 4, Cause.UNDECODABLE)
    assert letter.payload is None
    assert len(list(alerts(world))) == 1


def test_a_delivery_that_fails_leaves_the_agent(agent: FusionAgent, world: World) -> None:
    world.delivery.refused = frozenset({ALERTS})
    with pytest.raises(DeliveryFailed):
        done(world, agent, log(device(), fact()))


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


def test_the_first_alert_of_a_large_batch_goes_out_before_the_last_is_decided(
    agent: FusionAgent, world: World
) -> None:
    world.clock.step = SLICE_S / 5
    done(world, agent, presses(30))
    assert len(world.delivery.to(ALERTS)) == 30
    assert len(world.delivery.lists[0]) <= 5
    assert len(world.delivery.lists) > 4
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


def test_nothing_is_folded_after_a_slice_that_was_not_delivered(agent: FusionAgent, world: World) -> None:
    world.clock.step = SLICE_S
    world.delivery.refused = frozenset({ALERTS})
    with pytest.raises(DeliveryFailed):
        done(world, agent, presses(30))
    assert len(world.delivery.to(INCIDENTS)) == 1, "that of the slice itself"


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
