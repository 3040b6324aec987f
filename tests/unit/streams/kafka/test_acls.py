"""Before a worker starts it asks the broker what it may do, and names all that it may not."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]  # public, only not in its __all__

from schemas.errors import AccessDenied
from schemas.topics import ALERTS, FUSION_INPUT, REGISTRY
from streams.kafka.acls import AclSet, assert_acls
from streams.kafka.capabilities import BrokerKind
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol

EVERYTHING = tuple(AclOperation)
GROUP = "callbox.fusion"
ACLS = AclSet(reads=(FUSION_INPUT, REGISTRY), writes=(FUSION_INPUT, ALERTS))
KAFKA = KafkaConfig(bootstrap="broker:9092")


class FakeAdmin:
    """A broker that allows everything but what a test takes away."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        """By topic or group: the operations that are allowed, None for no word on it, or an error."""

    def __call__(self, _config: KafkaConfig, _seen: list[KafkaError]) -> "FakeAdmin":
        return self

    def describe_topics(self, topics: TopicCollection, **_: object) -> dict[str, Future[Any]]:
        return {name: self._answer(name) for name in topics.topic_names}

    def describe_consumer_groups(self, groups: list[str], **_: object) -> dict[str, Future[Any]]:
        return {name: self._answer(name) for name in groups}

    def _answer(self, name: str) -> Future[Any]:
        future: Future[Any] = Future()
        answer = self.answers.get(name, EVERYTHING)
        if isinstance(answer, int):
            future.set_exception(KafkaException(KafkaError(answer)))
        else:
            future.set_result(SimpleNamespace(authorized_operations=answer))
        return future


@pytest.fixture
def admin() -> FakeAdmin:
    return FakeAdmin()


def test_with_every_acl_it_goes_on(admin: FakeAdmin) -> None:
    assert_acls(KAFKA, ACLS, GROUP, make_admin=admin)


def test_an_acl_that_is_missing_is_named_with_the_user_and_what_helps(admin: FakeAdmin) -> None:
    admin.answers[ALERTS] = [AclOperation.DESCRIBE, AclOperation.READ]
    user = KafkaConfig(
        bootstrap="broker:9092",
        security_protocol=SecurityProtocol.SASL_SSL,
        sasl_mechanism=SaslMechanism.PLAIN,
        sasl_username="eve",
        sasl_password_env="X",
    )
    with pytest.raises(AccessDenied) as denied:
        assert_acls(user, ACLS, GROUP, make_admin=admin)
    assert str(denied.value) == (
        f"the broker refuses us: broker:9092: our user (eve) has no WRITE on {ALERTS}; "
        "`callbox topics acls` prints what a worker needs"
    )
    assert denied.value.exit_code == 77


def test_all_that_is_missing_is_named_at_once(admin: FakeAdmin) -> None:
    admin.answers[FUSION_INPUT] = KafkaError.TOPIC_AUTHORIZATION_FAILED
    admin.answers[GROUP] = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(
        AccessDenied,
        match=f"no READ on {FUSION_INPUT}, no WRITE on {FUSION_INPUT}, no READ on group {GROUP};",
    ):
        assert_acls(KAFKA, ACLS, GROUP, make_admin=admin)


def test_a_topic_to_read_takes_no_acl_to_write(admin: FakeAdmin) -> None:
    admin.answers[REGISTRY] = [AclOperation.DESCRIBE, AclOperation.READ]
    assert_acls(KAFKA, ACLS, GROUP, make_admin=admin)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="it does not know of such questions"),
        pytest.param([], id="it fills nothing in"),
        pytest.param(KafkaError._TIMED_OUT, id="it is slow"),
        pytest.param(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, id="it has just started"),
        pytest.param(KafkaError.UNKNOWN_TOPIC_OR_PART, id="no such topic: told by who looks for it"),
    ],
)
def test_a_broker_that_does_not_say_is_believed(admin: FakeAdmin, answer: object) -> None:
    admin.answers |= dict.fromkeys((*ACLS.reads, *ACLS.writes, GROUP), answer)
    assert_acls(KAFKA, ACLS, GROUP, make_admin=admin)


def test_a_broker_that_would_create_what_it_is_asked_for_is_not_asked(admin: FakeAdmin) -> None:
    admin.answers[GROUP] = KafkaError.GROUP_AUTHORIZATION_FAILED
    embedded = KafkaConfig(bootstrap="127.0.0.1:1", kind=BrokerKind.EMBEDDED)
    assert_acls(embedded, ACLS, GROUP, make_admin=admin)


def test_a_replica_must_see_the_group_of_the_first_set(admin: FakeAdmin) -> None:
    admin.answers[GROUP] = [AclOperation.DESCRIBE]
    assert_acls(KAFKA, ACLS, f"{GROUP}.b", GROUP, admin)
    admin.answers[GROUP] = KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(AccessDenied, match=f"has no DESCRIBE on group {GROUP};"):
        assert_acls(KAFKA, ACLS, f"{GROUP}.b", GROUP, admin)
