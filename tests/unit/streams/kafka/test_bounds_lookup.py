"""Where partitions begin and end, asked without waiting: answers that come, come late, and do not come."""

from concurrent.futures import Future
from typing import Any, NamedTuple, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, as in the module
from structlog.testing import capture_logs

from schemas.errors import AccessDenied
from streams.kafka.batch import PartitionPlace
from streams.kafka.bounds_lookup import BoundsLookup
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig
from streams.kafka.partition_start import Bounds
from tests.support.fakes import KAFKA

PLACE, SECOND, ELSEWHERE = PartitionPlace("topic", 0), PartitionPlace("topic", 1), PartitionPlace("other", 0)


class Found(NamedTuple):
    offset: int


class Described(NamedTuple):
    topic_id: object


class FakeAdmin:
    """Futures that a test answers, by what they are about."""

    def __init__(self) -> None:
        self.offsets: list[dict[tuple[str, int, str], Future[Found]]] = []
        self.topics: list[dict[str, Future[Described]]] = []

    def list_offsets(
        self, asked: dict[TopicPartition, OffsetSpec], *, request_timeout: float
    ) -> dict[TopicPartition, Future[Found]]:
        assert request_timeout > 0
        answers: dict[TopicPartition, Future[Found]] = {partition: Future() for partition in asked}
        self.offsets.append(
            {
                (each.topic, each.partition, type(asked[each]).__name__): future
                for each, future in answers.items()
            }
        )
        return answers

    def describe_topics(
        self, asked: TopicCollection, *, request_timeout: float
    ) -> dict[str, Future[Described]]:
        assert request_timeout > 0
        answers: dict[str, Future[Described]] = {topic: Future() for topic in asked.topic_names}
        self.topics.append(answers)
        return answers

    def answer(self, place: PartitionPlace, low: int, high: int, topic_id: object = "id") -> None:
        """Answer everything that was asked last about a partition."""
        for answers in self.offsets[-2:]:
            for (topic, partition, spec), future in answers.items():
                if (topic, partition) == place:
                    future.set_result(Found(low if "Earliest" in spec else high))
        if self.topics and not (described := self.topics[-1][place.topic]).done():
            described.set_result(Described(topic_id))


def make(config: KafkaConfig = KAFKA) -> tuple[BoundsLookup, FakeAdmin]:
    admin = FakeAdmin()
    return BoundsLookup(config, cast("AdminClient", admin)), admin


def refused(code: int) -> KafkaException:
    return KafkaException(KafkaError(code, "as the test wants it"))


def test_a_partition_is_answered_when_beginning_end_and_topic_are() -> None:
    lookup, admin = make()
    lookup.ask([PLACE, SECOND])
    assert lookup.answers([PLACE, SECOND]) == {}
    admin.answer(PLACE, 3, 40, "id-1")
    assert lookup.answers([PLACE, SECOND, ELSEWHERE]) == {PLACE: Bounds("id-1", 3, 40)}
    admin.answer(SECOND, 0, 7)
    assert lookup.answers([PLACE, SECOND]) == {SECOND: Bounds("id-1", 0, 7)}


def test_an_answer_is_given_once() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    admin.answer(PLACE, 0, 1)
    assert lookup.answers([PLACE]) != {}
    assert lookup.answers([PLACE]) == {}


def test_what_is_asked_about_already_is_not_asked_about_again() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    lookup.ask([PLACE, ELSEWHERE])
    lookup.ask([PLACE, ELSEWHERE])
    lookup.ask([])
    asked = [sorted({(topic, partition) for topic, partition, _ in each}) for each in admin.offsets]
    assert asked == [[PLACE], [PLACE], [ELSEWHERE], [ELSEWHERE]]
    assert [list(each) for each in admin.topics] == [["topic"], ["other"]]


def test_what_is_forgotten_is_asked_about_anew_and_the_old_answer_counts_for_nothing() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    admin.answer(PLACE, 0, 100, "old")
    lookup.forget([PLACE, SECOND])
    assert lookup.answers([PLACE]) == {}
    lookup.ask([PLACE])
    admin.answer(PLACE, 0, 5_000, "new")
    assert lookup.answers([PLACE]) == {PLACE: Bounds("new", 0, 5_000)}


@pytest.mark.parametrize("which", ["earliest", "latest", "topic"])
def test_what_could_not_be_answered_is_told_and_may_be_asked_again(which: str) -> None:
    lookup, admin = make()
    lookup.ask([PLACE, ELSEWHERE])
    futures: dict[str, Future[Any]] = {
        "earliest": admin.offsets[0][*PLACE, _name(OffsetSpec.earliest())],
        "latest": admin.offsets[1][*PLACE, _name(OffsetSpec.latest())],
        "topic": admin.topics[0]["topic"],
    }
    for name, future in futures.items():
        if name == which:
            future.set_exception(refused(KafkaError._TIMED_OUT))
        else:
            future.set_result(Found(0) if name != "topic" else Described("id"))
    admin.answer(ELSEWHERE, 0, 2)
    with capture_logs() as lines:
        assert lookup.answers([PLACE, ELSEWHERE]) == {ELSEWHERE: Bounds("id", 0, 2)}
    assert [(line["event"], line["topic"], line["partition"]) for line in lines] == [
        ("bounds.unknown", "topic", 0)
    ]
    lookup.ask([PLACE])
    admin.answer(PLACE, 0, 9)
    assert lookup.answers([PLACE]) == {PLACE: Bounds("id", 0, 9)}


def _name(spec: object) -> str:
    return type(spec).__name__


def test_a_broker_that_refuses_to_say_is_an_error_of_an_operator() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    admin.topics[0]["topic"].set_exception(refused(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    admin.answer(PLACE, 0, 1)
    with pytest.raises(AccessDenied):
        lookup.answers([PLACE])


def test_an_error_that_is_none_of_the_brokers_is_not_kept_quiet() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    admin.topics[0]["topic"].set_exception(ValueError("what librdkafka has said makes no sense"))
    admin.answer(PLACE, 0, 1)
    with pytest.raises(ValueError, match="no sense"):
        lookup.answers([PLACE])


def test_a_broker_without_topic_ids_gives_none() -> None:
    lookup, admin = make()
    lookup.ask([PLACE])
    admin.answer(PLACE, 0, 1, None)
    assert lookup.answers([PLACE]) == {PLACE: Bounds("", 0, 1)}


def test_a_broker_whose_ends_are_not_exact_is_not_asked() -> None:
    lookup, admin = make(KafkaConfig(bootstrap="127.0.0.1:1", kind=BrokerKind.EMBEDDED))
    lookup.ask([PLACE])
    assert (admin.offsets, admin.topics) == ([], [])
    assert lookup.answers([PLACE, SECOND]) == {PLACE: Bounds("", 0, None), SECOND: Bounds("", 0, None)}
