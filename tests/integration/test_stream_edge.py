"""Committed offsets that do not fit their topic: what lies below them is read, never skipped, and it is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from callbox.demo.processes.broker import Broker
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS
from tests.support.notices import (
    AS_A_WHOLE,
    FEED_BROKEN,
    LOG_BROKEN,
    notices,
    wait_until_blue,
    wait_until_told,
)
from tests.support.presses import EVERY_PARTITION, ack_feed
from tests.support.shipped_workers import reached_at
from tests.support.topic_accidents import commit_for, committed_by, ends_of, make_anew
from tests.support.waiting import wait_until
from tests.support.worker_town import WorkerTown, group_name, worker_town

pytestmark = pytest.mark.kafka

BEYOND = 5
"""How far beyond the end a commit lies; more records than that follow, so that the partition grows past it."""


@pytest.fixture
def town(own_kafka: Broker, tmp_path: Path) -> Iterator[WorkerTown]:
    with worker_town(reached_at(own_kafka.bootstrap), tmp_path) as town:
        yield town


def commit_beyond_the_end(town: WorkerTown, worker: str, topic: str) -> None:
    """As after an unclean election, or on a disk that was put back: the group knows more than the partition."""
    places = [
        TopicPartition(topic, partition, end + BEYOND)
        for partition, end in ends_of(town.kafka, topic).items()
    ]
    commit_for(town.kafka, group_name(worker), places)


# --- committed beyond the end -------------------------------------------------------------------------------------


def test_presses_below_a_commit_beyond_the_end_are_read_and_it_is_told(town: WorkerTown) -> None:
    town.presses.send(12)
    commit_beyond_the_end(town, "alarms", PILLAR_EVENTS)
    town.workers.start("alarms", town.kafka)
    town.presses.send(20 + 4 * BEYOND)
    town.presses.assert_heard()
    wait_until_told(town.kafka, PILLAR_EVENTS, set(EVERY_PARTITION))


def test_the_control_room_gets_a_blue_alert_for_a_feed_that_is_shorter_than_it_was(town: WorkerTown) -> None:
    town.presses.send(4)
    commit_beyond_the_end(town, "alarms", PILLAR_EVENTS)
    town.workers.start("alarms", town.kafka)
    town.workers.start("fusion", town.kafka)
    wait_until_blue(town.kafka, FEED_BROKEN)
    town.presses.assert_heard(town.presses.in_alerts)


def test_acknowledgements_below_a_commit_beyond_the_end_are_read_and_it_is_told(town: WorkerTown) -> None:
    acks = ack_feed(town.kafka)
    acks.send(12)
    commit_beyond_the_end(town, "alarms", acks.topic)
    town.workers.start("alarms", town.kafka)
    acks.send(20 + 4 * BEYOND)
    acks.assert_heard()
    wait_until_told(town.kafka, acks.topic, set(EVERY_PARTITION))


def test_the_log_below_a_commit_beyond_its_end_is_read_and_it_is_told(town: WorkerTown) -> None:
    town.workers.start("alarms", town.kafka)
    town.presses.send(12)
    town.presses.assert_heard()
    # The watermarks of alarms would fill the gap within seconds, and a commit inside the log is an ordinary one.
    places = [
        TopicPartition(FUSION_INPUT, partition, end + 10_000)
        for partition, end in ends_of(town.kafka, FUSION_INPUT).items()
    ]
    commit_for(town.kafka, group_name("fusion"), places)
    town.workers.start("fusion", town.kafka)
    town.presses.send(8)
    town.presses.assert_heard(town.presses.in_alerts)
    wait_until_told(town.kafka, FUSION_INPUT, set(EVERY_PARTITION), LOG_BROKEN)


# --- the topic was made anew while nobody read it -----------------------------------------------------------------


def stop_after_reading(town: WorkerTown, count: int) -> list[TopicPartition]:
    """Let `alarms` read so many presses and stop; what it has committed."""
    worker = town.workers.start("alarms", town.kafka)
    town.presses.send(count)
    town.presses.assert_heard()
    assert worker.stop() == 0
    return committed_by(town.kafka, group_name("alarms"), PILLAR_EVENTS)


def test_a_topic_that_was_made_anew_and_is_longer_than_the_old_commit_is_read_from_its_beginning(
    town: WorkerTown,
) -> None:
    before = stop_after_reading(town, 12)
    make_anew(town.kafka, PILLAR_EVENTS)
    town.presses.send(40)
    commit_for(town.kafka, group_name("alarms"), before)  # a mirrored cluster brings its commits along
    town.workers.start("alarms", town.kafka)
    town.presses.assert_heard()
    wait_until_told(town.kafka, PILLAR_EVENTS, AS_A_WHOLE)


def test_a_group_whose_commits_went_with_the_topic_reads_the_new_one_from_its_beginning(
    town: WorkerTown,
) -> None:
    stop_after_reading(town, 12)
    make_anew(town.kafka, PILLAR_EVENTS)
    town.presses.send(40)
    town.workers.start("alarms", town.kafka)
    town.presses.assert_heard()


def test_a_commit_of_an_earlier_release_says_nothing_of_the_topic_and_keeps_its_place(
    town: WorkerTown,
) -> None:
    read_before = town.presses.send(12)
    places = [
        TopicPartition(PILLAR_EVENTS, partition, end)
        for partition, end in ends_of(town.kafka, PILLAR_EVENTS).items()
    ]
    commit_for(town.kafka, group_name("alarms"), places)
    unread = town.presses.send(8)
    town.workers.start("alarms", town.kafka)
    assert town.presses.missing(wanted=unread) == []
    assert [name for name in read_before if name in town.presses.in_log()] == []
    assert notices(town.kafka, PILLAR_EVENTS) == []


def test_a_restart_on_the_same_topic_repeats_nothing_and_tells_nothing(town: WorkerTown) -> None:
    stop_after_reading(town, 12)
    town.presses.send(8)
    again = town.workers.start("alarms", town.kafka)
    town.presses.assert_heard()
    wait_until(again.is_ready, 10, again.log_tail)
    assert set(town.presses.in_log().values()) == {1}
    assert notices(town.kafka, PILLAR_EVENTS) == []
