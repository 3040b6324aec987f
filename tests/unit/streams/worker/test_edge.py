"""What a worker tells of its own inputs: what nobody has read, who takes records, and when commits go on."""

from types import SimpleNamespace

import pytest

from schemas.codec import decode
from schemas.enums import InputKind
from schemas.errors import Cause, DeliveryFailed
from schemas.fusion_log import FeedBrokenNotice, FusionInput, LogBrokenNotice
from schemas.topics import FUSION_INPUT, PILLAR_EVENTS, REGISTRY
from schemas.units import EpochMs
from streams.kafka.batch import PartitionPlace
from streams.kafka.group_consumer import ConsumerLimits
from streams.kafka.group_state import GroupState
from streams.kafka.partition_start import LossKind, UnreadRecords
from streams.worker.commit_limits import CommitLimits
from streams.worker.edge import Edge, streams_of
from streams.worker.metrics import Metrics
from streams.worker.topic_watch import ForeignMember
from tests.support.fakes import KAFKA, FakeDelivery, run

LIMITS = ConsumerLimits(batch_records=10, most_in_hand=100, fetch_bytes=1 << 20, commit_interval_s=1.0)
AT = EpochMs(1_760_000_000_000)


class Told:
    """An edge that reads one topic, and what it has told."""

    def __init__(self, topic: str = PILLAR_EVENTS) -> None:
        self.topic = topic
        self.state = GroupState([topic])
        self.made_anew: list[str] = []
        self.delivery, self.metrics = FakeDelivery(), Metrics()
        self.edge = Edge(
            KAFKA,
            "callbox.alarms",
            [topic],
            [REGISTRY],
            LIMITS,
            self.state,
            CommitLimits(),
            self.made_anew.append,
        )

    def finds(self, kind: LossKind, partition: int = 2, expected: int = 5, found: int = 12) -> None:
        place = PartitionPlace(self.topic, partition)
        self.state.begin(place, found, expected, is_held=True, comes_down=False)
        records = found - expected if kind is LossKind.TAKEN else None
        self.edge._note_loss(UnreadRecords(place, kind, "id-1", expected, found, records, AT))

    def tell(self) -> list[FeedBrokenNotice | LogBrokenNotice]:
        self.delivery.lists.clear()
        run(self.edge.tell(self.delivery, self.metrics, "alarms@host", AT))
        return [self._notice(decode(record.value, FusionInput)) for record in self.delivery.to(FUSION_INPUT)]

    @staticmethod
    def _notice(envelope: FusionInput) -> FeedBrokenNotice | LogBrokenNotice:
        is_log = envelope.kind is InputKind.LOG_BROKEN
        return decode(envelope.payload, LogBrokenNotice if is_log else FeedBrokenNotice)

    def commits(self, partition: int = 2) -> bool:
        """Whether the partition is committed."""
        place = PartitionPlace(self.topic, partition)
        return bool(self.state.due([place], lambda *_: None))


@pytest.fixture
def told() -> Told:
    return Told()


def test_what_retention_took_is_told_and_only_then_committed_past(told: Told) -> None:
    told.finds(LossKind.TAKEN)
    assert not told.commits()
    (notice,) = told.tell()
    assert (notice.topic, notice.partition, notice.cause) == (PILLAR_EVENTS, 2, Cause.RECORDS_MISSING)
    assert isinstance(notice, FeedBrokenNotice)
    assert (notice.records, notice.since, notice.worker) == (7, AT, "alarms@host")
    assert told.commits()
    assert told.tell() == []


def test_a_loss_that_cannot_be_told_is_not_committed_past(told: Told) -> None:
    told.finds(LossKind.TAKEN)
    told.delivery.refused = frozenset({FUSION_INPUT})
    with pytest.raises(DeliveryFailed):
        told.tell()
    assert not told.commits()


def test_a_topic_that_was_made_anew_is_one_event_for_all_of_its_partitions(told: Told) -> None:
    for partition in range(3):
        told.finds(LossKind.REPLACED, partition)
    notices = told.tell()
    assert {(notice.partition, notice.cause) for notice in notices} == {(0, Cause.ANOTHER_LOG)}
    ids = {decode(record.value, FusionInput).event_id for record in told.delivery.to(FUSION_INPUT)}
    assert len(ids) == 1
    assert all(told.commits(partition) for partition in range(3))


def test_of_the_log_only_what_a_restore_cannot_see_is_told_here() -> None:
    told = Told(FUSION_INPUT)
    told.finds(LossKind.TAKEN, 0)
    told.finds(LossKind.REPLACED, 1)
    assert told.commits(0)
    assert told.commits(1)
    told.finds(LossKind.SHORTER, 2, expected=12, found=5)
    (notice,) = told.tell()
    assert isinstance(notice, LogBrokenNotice)
    assert (notice.partition, notice.expected, notice.found) == (2, 12, 5)


def test_a_foreign_member_is_named_with_the_partitions_that_it_has(told: Told) -> None:
    places = (PartitionPlace(PILLAR_EVENTS, 3), PartitionPlace("of.others", 0))
    told.edge._note_foreign_member(ForeignMember("dashboard", "/10.0.0.9", places))
    (notice,) = told.tell()
    assert isinstance(notice, FeedBrokenNotice)
    assert (notice.partition, notice.cause, notice.records) == (3, Cause.FOREIGN_MEMBER, None)
    assert notice.client == "dashboard /10.0.0.9"
    counted = told.metrics.registry.get_sample_value(
        "callbox_records_missing_total", {"topic": PILLAR_EVENTS, "cause": "foreign_member"}
    )
    assert not counted, "that it is there does not say that anything is missing"


def test_a_list_that_had_to_be_read_anew_is_told(told: Told) -> None:
    told.edge.note_read_anew(REGISTRY, Cause.RECORDS_MISSING)
    (notice,) = told.tell()
    assert isinstance(notice, FeedBrokenNotice)
    assert (notice.topic, notice.records) == (REGISTRY, None)


def test_a_list_is_read_anew_when_its_topic_is_another_one(told: Told) -> None:
    told.edge._note_topic_id(REGISTRY, "first")
    assert told.made_anew == []
    told.edge._note_topic_id(REGISTRY, "second")
    assert told.made_anew == [REGISTRY]


def test_a_second_loss_of_a_partition_is_not_committed_past_when_the_first_is_told(told: Told) -> None:
    told.finds(LossKind.TAKEN)
    delivery = SimpleNamespace(deliver=None)

    async def deliver(_records: object) -> list[object]:
        told.finds(LossKind.TAKEN, expected=12, found=20)
        return []

    delivery.deliver = deliver
    run(told.edge.tell(delivery, told.metrics, "alarms@host", AT))  # type: ignore[arg-type]  # what it asks for
    assert not told.commits()


def test_topics_that_are_read_in_turns_are_one_stream_and_the_order_is_that_of_their_first() -> None:
    groups = (("acks", "acks.a", "acks.b"), ("presses", "presses.g"))
    topics = ("presses", "acks", "acks.a", "acks.b", "presses.g", "alone")
    assert streams_of(topics, groups) == (("presses", "presses.g"), ("acks", "acks.a", "acks.b"), ("alone",))
    assert streams_of(("a", "b"), ()) == (("a",), ("b",))
