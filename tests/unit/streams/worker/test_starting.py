"""The look before a worker starts: what it lacks is said, with the exit code of its kind."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import AccessDenied, BrokerUnavailable, InputMissing
from streams.kafka.config import KafkaConfig
from streams.worker.starting import partition_counts
from tests.support.fakes import KAFKA


class FakeAdmin:
    """A broker with these topics, or one that refuses us."""

    def __init__(self, *topics: str, error: KafkaError | None = None) -> None:
        self._topics, self._error = topics, error

    def __call__(self, _kafka: KafkaConfig, _seen: list[KafkaError]) -> "FakeAdmin":
        return self

    def list_topics(self, timeout: float) -> SimpleNamespace:
        if self._error is not None:
            raise KafkaException(self._error)
        return SimpleNamespace(
            topics={name: SimpleNamespace(partitions={0: 0, 1: 1}) for name in self._topics}
        )


def test_a_worker_names_the_topics_that_are_missing_and_what_makes_them() -> None:
    with pytest.raises(InputMissing, match="other; run `callbox topics apply`") as missing:
        partition_counts(KAFKA, ["topic", "other"], FakeAdmin("topic"))
    assert missing.value.exit_code == 66


def test_a_broker_that_refuses_us_is_distinguished_from_one_that_is_away() -> None:
    with pytest.raises(AccessDenied):
        partition_counts(KAFKA, [], FakeAdmin(error=KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED)))
    with pytest.raises(BrokerUnavailable):
        partition_counts(KAFKA, [], FakeAdmin(error=KafkaError(KafkaError._TRANSPORT)))


def test_the_partitions_of_every_topic_that_is_used_are_known() -> None:
    there = FakeAdmin("topic", "other", "third")
    assert partition_counts(KAFKA, ["topic", "other"], there) == {"topic": 2, "other": 2}
