"""A member of a group without a group: a test gives and takes its partitions, outside of any poll."""

from confluent_kafka import TopicPartition

from streams.clock import Clock
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.careful_reading import Turn
from streams.kafka.group_state import GroupState
from streams.kafka.member_partitions import ASK_AGAIN_S, MemberPartitions
from streams.kafka.partition_start import Commit, UnreadRecords, read_commit, write_metadata
from streams.kafka.record import LogRecord
from tests.support.fake_consumer import FakeBroker, FakeConsumer, FakeLookup
from tests.support.fakes import KAFKA, HandClock
from tests.support.log_records import ms

PLACE, SECOND, ELSEWHERE = PartitionPlace("topic", 0), PartitionPlace("topic", 1), PartitionPlace("other", 0)
ID = "topic-1"


class Member:
    """A member whose group gives and takes when a test says so, outside of any poll."""

    def __init__(self, clock: Clock | None = None, turn: Turn | None = None) -> None:
        self.clock = HandClock()
        self.broker = FakeBroker(PLACE, SECOND, ELSEWHERE)
        for place in (PLACE, SECOND, ELSEWHERE):
            self.broker.append(place, 10)
        self.lookup = FakeLookup(self.broker)
        self.consumer = FakeConsumer(self.broker)
        self.state = GroupState(["topic", "other"], self.clock.clock)
        self.losses: list[UnreadRecords] = []
        self.limit: int | None = None
        self.partitions = MemberPartitions(
            KAFKA,
            self.consumer,  # type: ignore[arg-type]
            self.state,
            self.lookup,  # type: ignore[arg-type]
            tell_loss=self.losses.append,
            commit_limit=lambda _topic, _partition: self.limit,
            most_in_hand=1_000,
            turn=turn,
            clock=clock or self.clock.clock,
        )

    def given(self, *places: PartitionPlace) -> None:
        self.consumer.owned |= set(places)
        self.partitions.given([TopicPartition(*place) for place in places])

    def begun(self, *places: PartitionPlace) -> "Member":
        self.given(*places)
        assert self.partitions.decide()
        return self

    def revoked(self, *places: PartitionPlace) -> None:
        self.partitions.revoked([TopicPartition(*place) for place in places])

    def lost(self, *places: PartitionPlace) -> None:
        self.partitions.lost([TopicPartition(*place) for place in places])

    def later(self, seconds: float = ASK_AGAIN_S) -> None:
        self.clock.seconds += seconds

    def fetch(self, place: PartitionPlace, count: int) -> Batch:
        """Hand over the next records of a partition."""
        at = self.state.position(place)
        assert at is not None
        epoch, first = at
        batch = Batch(
            [LogRecord(*place, offset, ms(offset), b"", b"") for offset in range(first, first + count)],
            first,
            epoch,
        )
        self.state.fetched(batch)
        return batch

    def process(self, place: PartitionPlace, count: int) -> None:
        batch = self.fetch(place, count)
        assert self.state.take(batch)
        assert self.state.done(batch)

    def committed(self, place: PartitionPlace = PLACE) -> Commit:
        offset, metadata = self.broker.commits[place]
        return read_commit(offset, metadata)


def commit_of_ours(offset: int, topic_id: str = ID) -> tuple[int, str]:
    return offset, write_metadata(topic_id, ms(0))
