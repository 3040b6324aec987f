"""A member of a consumer group without a broker: rounds of its thread are played by hand, one after the other."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from streams.clock import Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.batch_end import BatchEnds
from streams.kafka.careful_reading import Turn
from streams.kafka.config import KafkaConfig
from streams.kafka.group_consumer import SERVE_S, BetweenPolls, ConsumerLimits, GroupConsumer
from streams.kafka.group_state import GroupState
from tests.support.fake_consumer import FakeBroker, FakeConsumer, FakeLookup
from tests.support.fakes import KAFKA, HandClock

if TYPE_CHECKING:
    from streams.kafka.partition_start import UnreadRecords

TOPIC: Final = "topic"
PLACE, SECOND, OTHER = PartitionPlace(TOPIC, 0), PartitionPlace(TOPIC, 1), PartitionPlace("other", 0)


class Member:
    """A member, the broker that it reads, and an agent that takes what is handed over when a test says so.

    Args:
        topics: What it reads.
        config: The broker.
        batch_records: The most records in one batch.
        most_in_hand: Records of a topic that are handed over and not done.
        commit_interval_s: How often progress is committed.
        between: What runs between two polls.
        batch_ends: Where batches end that unpack to too much.
        turn: Of the members of a process that counts deaths; None: it counts none.
        clock: Of the member; by default one that is moved by hand, as `clock` of this class.
    """

    def __init__(
        self,
        *,
        topics: Sequence[str] = (TOPIC,),
        config: KafkaConfig = KAFKA,
        batch_records: int = 100,
        most_in_hand: int = 1_000,
        commit_interval_s: float = 1e9,
        between: Sequence[BetweenPolls] = (),
        batch_ends: BatchEnds | None = None,
        turn: Turn | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = HandClock()
        self.broker = FakeBroker(PLACE, SECOND, OTHER)
        self.lookup = FakeLookup(self.broker)
        self.state = GroupState(topics, self.clock.clock)
        self.handed_over: list[Batch] = []
        self.hand_overs = 0
        self.losses: list[UnreadRecords] = []
        self.failures: list[BaseException] = []
        self.limits: dict[PartitionPlace, int] = {}
        self.consumer = FakeConsumer(self.broker)
        self.group_consumer = GroupConsumer(
            config,
            "group",
            "callbox-x",
            topics,
            ConsumerLimits(batch_records, most_in_hand, 1 << 20, commit_interval_s),
            self.state,
            self.lookup,  # type: ignore[arg-type]
            hand_over=self.hand_over,
            tell_loss=self.losses.append,
            fail=self.failures.append,
            commit_limit=lambda topic, partition: self.limits.get(PartitionPlace(topic, partition)),
            between=between,
            batch_ends=batch_ends,
            make_consumer=self._make_consumer,  # type: ignore[arg-type]
            turn=turn,
            clock=clock or self.clock.clock,
        )

    def _make_consumer(self, settings: dict[str, Any]) -> FakeConsumer:
        self.consumer.settings = settings
        return self.consumer

    def use(self, broker: FakeBroker) -> None:
        """Read this broker: where another member was before."""
        self.broker = self.consumer.broker = self.lookup.broker = broker

    def hand_over(self, batches: Sequence[Batch]) -> None:
        self.handed_over += batches
        self.hand_overs += 1

    def later(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def round(self) -> None:
        """One round of the thread, late enough for everything that it does now and then."""
        self.later(2 * SERVE_S)
        self.group_consumer.run_once()

    def given(self, *places: PartitionPlace) -> None:
        """The group gives partitions; where they begin is looked at in the next round."""
        if self.consumer.subscribed is None:
            self.group_consumer.subscribe()
        self.consumer.give(*places)
        self.round()

    def began(self, *places: PartitionPlace) -> "Member":
        self.given(*places)
        self.round()
        assert set(places) <= self.consumer.assigned.keys()
        return self

    def add_partition(self) -> PartitionPlace:
        """One more of the first topic."""
        place = PartitionPlace(TOPIC, len(self.broker.logs))
        self.broker.add(place)
        return place

    def tell_topic_id(self) -> None:
        self.group_consumer.note_topic_id(TOPIC, self.broker.topic_ids[TOPIC])

    def process_next(self) -> bool:
        """The agent takes the oldest batch, and is done with it; False where it was not to be begun."""
        batch = self.handed_over.pop(0)
        return self.state.take(batch) and self.state.done(batch)

    def process_all(self) -> None:
        while self.handed_over:
            self.process_next()

    def drop_all(self) -> None:
        """What is handed over is of an earlier assignment, and an inbox drops it."""
        assert not any(self.state.take(batch) for batch in self.handed_over)
        self.handed_over.clear()


def statistics(
    partitions: Mapping[PartitionPlace, tuple[int, int]],
    *,
    join_state: str = "steady",
    idle_ms: int = 0,
    leader: int = 1,
) -> str:
    """A report of librdkafka, with the end and the next offset of each partition that is fetched."""
    topics: dict[str, Any] = {}
    for place, (end, next_offset) in partitions.items():
        described = topics.setdefault(place.topic, {"topic": place.topic, "partitions": {}})
        described["partitions"][str(place.partition)] = {
            "leader": leader,
            "fetch_state": "active",
            "hi_offset": end,
            "next_offset": next_offset,
        }
    broker = {"nodeid": 1, "source": "learned", "state": "UP", "rxidle": 1_000 * idle_ms}
    return json.dumps({"brokers": {"a/1": broker}, "topics": topics, "cgrp": {"join_state": join_state}})
