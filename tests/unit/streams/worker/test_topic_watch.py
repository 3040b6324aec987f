"""Looks at the topics and the group from outside."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from structlog.testing import capture_logs

from streams.kafka.capabilities import CAPABILITIES, BrokerKind
from streams.worker.topic_watch import ForeignMember, TopicWatch
from tests.support.fakes import HandClock

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

OURS = "callbox-callbox.alarms-host"
FOREIGN = ForeignMember("java-app", "/10.0.0.9")


class Described(NamedTuple):
    topic_id: object


class Member(NamedTuple):
    client_id: str | None
    client_host: str | None
    assignment: bytes | None = None


class Group(NamedTuple):
    members: Sequence[Member]


def unreachable() -> KafkaException:
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, "as the test wants it"))


class FakeAdmin:
    def __init__(self) -> None:
        self.ids: dict[str, object] = {"a": "a-1", "b": "b-1"}
        self.members = [Member(OURS, "/10.0.0.1")]
        self.failure: Exception | None = None
        self.looked = threading.Event()

    def describe_topics(
        self, asked: TopicCollection, *, request_timeout: float
    ) -> dict[str, Future[Described]]:
        assert request_timeout > 0
        self.looked.set()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        answers: dict[str, Future[Described]] = {topic: Future() for topic in asked.topic_names}
        for topic, future in answers.items():
            if topic in self.ids:
                future.set_result(Described(self.ids[topic]))
            else:
                future.set_exception(unreachable())
        return answers

    def list_groups(self, group: str, timeout: float) -> list[Group]:
        assert (group, timeout > 0) == ("group", True)
        return [Group(self.members)]


class Watched:
    def __init__(self, kind: BrokerKind = BrokerKind.KAFKA) -> None:
        self.admin, self.clock = FakeAdmin(), HandClock()
        self.ids: list[tuple[str, str]] = []
        self.noted = threading.Event()
        self.told: list[ForeignMember] = []
        self.watch = TopicWatch(
            cast("AdminClient", self.admin),
            CAPABILITIES[kind],
            "group",
            ["a", "b"],
            note_topic_id=self._note,
            tell=self.told.append,
            clock=self.clock.clock,
        )

    def _note(self, topic: str, topic_id: str) -> None:
        self.ids.append((topic, topic_id))
        self.noted.set()


def test_the_id_of_each_topic_is_told_at_every_look() -> None:
    watched = Watched()
    watched.watch.look()
    watched.admin.ids["a"] = "a-2"
    watched.watch.look()
    assert watched.ids == [("a", "a-1"), ("b", "b-1"), ("a", "a-2"), ("b", "b-1")]


def test_a_topic_that_is_gone_hides_neither_the_others_nor_the_members() -> None:
    watched = Watched()
    del watched.admin.ids["a"]
    watched.admin.members.append(Member(*FOREIGN))
    with capture_logs() as lines:
        watched.watch.look()
    assert watched.ids == [("b", "b-1")]
    assert watched.told == [FOREIGN]
    assert [line["event"] for line in lines] == ["topic.unknown", "group.foreign_member"]


def test_a_topic_without_an_id_has_an_empty_one() -> None:
    watched = Watched()
    watched.admin.ids = {"a": None, "b": ""}
    watched.watch.look()
    assert watched.ids == [("a", ""), ("b", "")]


def test_a_member_that_is_none_of_us_is_told_once_a_minute() -> None:
    watched = Watched()
    watched.watch.note_members([ForeignMember(OURS, "/10.0.0.1"), FOREIGN])
    watched.watch.note_members([FOREIGN, ForeignMember("java-app", "/10.0.0.10")])
    assert watched.told == [FOREIGN, ForeignMember("java-app", "/10.0.0.10")]
    watched.clock.seconds += 60
    watched.watch.note_members([FOREIGN])
    assert watched.told[2:] == [FOREIGN]


def test_foreign_clients_that_have_gone_are_not_kept() -> None:
    watched = Watched()
    watched.watch.note_members([ForeignMember(f"app-{number}", "/10.0.0.9") for number in range(100)])
    watched.clock.seconds += 60
    watched.watch.note_members([FOREIGN])
    assert len(watched.watch._told_at) == 1


def test_a_member_that_gives_neither_name_nor_host_is_no_failure() -> None:
    watched = Watched()
    watched.admin.members = [Member(None, None), Member("", "/10.0.0.9"), Member("java-app", None)]
    watched.watch.look()
    assert watched.told == [ForeignMember("java-app", "")]


@pytest.mark.parametrize("failure", [unreachable(), RuntimeError("anything")])
def test_the_watch_goes_on_whatever_a_look_runs_into(failure: Exception) -> None:
    watched = Watched()
    watched.admin.failure = failure
    watched.watch.start()
    assert watched.noted.wait(30)
    assert watched.admin.failure is None
    watched.watch.stop()


def test_a_broker_that_knows_no_topic_ids_is_not_looked_at() -> None:
    watched = Watched(BrokerKind.EMBEDDED)
    watched.watch.start()
    watched.watch.stop()
    assert not watched.watch._thread.is_alive()
    assert not watched.admin.looked.is_set()
