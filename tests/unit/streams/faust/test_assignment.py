"""What is asked of Faust's consumer is answered, or with None where the partition is not ours this moment."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, IllegalStateError, TopicAuthorizationFailedError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from streams.faust.app import is_access_denied
from streams.faust.assignment import AssignedPartition, Assignment
from tests.support.fakes import run

if TYPE_CHECKING:
    from streams.faust.batching import BatchApp

PLACE = AssignedPartition("topic", 1)
QUESTIONS = ("committed", "has_waiting", "has_unprocessed", "fetched_until", "answered_at", "has_leader")


class FakeConsumer:
    """Answers every question with its own arguments, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def __getattr__(self, name: str) -> Any:
        def answer(*given: Any) -> Any:
            if self.failure is not None:
                raise self.failure
            return (name, *given)

        return answer


class FakeApp:
    """A Faust app as far as it is looked at."""

    def __init__(self, consumer: Any) -> None:
        self.consumer, self.rebalancing = consumer, False
        self.handlers: list[Any] = []
        self.on_partitions_assigned = SimpleNamespace(connect=self.handlers.append)


def assignment(consumer: Any) -> Assignment:
    return Assignment(cast("BatchApp", FakeApp(consumer)))


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_consumer_is_asked_about_the_partition(question: str) -> None:
    assert getattr(assignment(FakeConsumer()), question)(PLACE) == (question, TP("topic", 1))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "failure",
    [ConsumerNotStarted(), IllegalStateError(), AssertionError("not assigned"), AttributeError(), KeyError()],
    ids=lambda failure: type(failure).__name__,
)
def test_a_partition_that_is_not_ours_this_moment_has_no_answer(question: str, failure: Exception) -> None:
    assert getattr(assignment(FakeConsumer(failure)), question)(PLACE) is None


def test_another_failure_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        assignment(FakeConsumer(ZeroDivisionError())).has_waiting(PLACE)


def test_partitions_of_other_topics_are_left_out() -> None:
    consumer = SimpleNamespace(assignment=lambda: {TP("topic", 2), TP("topic", 0), TP("more", 1), TP("x", 0)})
    assert assignment(consumer).of(("topic", "more")) == [("more", 1), ("topic", 0), ("topic", 2)]


def test_an_app_that_is_not_started_has_no_partitions() -> None:
    assert assignment(FakeConsumer(ConsumerNotStarted())).of(("topic",)) == []


def test_the_assignment_is_settled_once_the_group_has_given_it_and_does_not_rebalance() -> None:
    app = FakeApp(FakeConsumer())
    found = Assignment(cast("BatchApp", app))
    assert not found.is_settled
    for handler in app.handlers:
        run(handler(app, set()))
    assert found.is_settled
    app.rebalancing = True
    assert not found.is_settled


@pytest.mark.parametrize(
    ("error", "is_ours"),
    [
        (TopicAuthorizationFailedError("topic"), True),
        (GroupAuthorizationFailedError("group"), True),
        (RuntimeError("a bug"), False),
        (None, False),
    ],
)
def test_an_acl_that_is_missing_is_distinguished_from_a_fault(
    error: BaseException | None, is_ours: bool
) -> None:
    assert is_access_denied(error) is is_ours
