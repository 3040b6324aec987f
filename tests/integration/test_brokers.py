"""Both brokers: how they start, how they fail to, what they can be trusted with, who may talk to them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from callbox.demo.processes.broker import Broker, MissingBroker
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.embedded_broker import EmbeddedBroker
from callbox.demo.processes.existing_kafka import ExistingKafka
from callbox_testkit.brokers.apache import ApacheKafka, kafka_from_environment
from schemas.errors import AccessDenied, BrokerUnavailable, InputMissing
from streams.clock import pause
from streams.kafka.admin import admin_client, assert_reachable
from streams.kafka.capabilities import BrokerKind
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol
from streams.kafka.reader import read
from streams.kafka.topics import apply

MakeTopic = Callable[..., str]
A_PAST_TIME = 1_000_000


def written_in_the_past(config: KafkaConfig, topic: str) -> int:
    """The time stamp that a record of a writer with a slow clock has when it is read."""
    producer = Producer(librdkafka_settings(config))
    producer.produce(topic, b"x", partition=0, timestamp=A_PAST_TIME)
    assert producer.flush(20) == 0
    (record,) = read(config, topic, 0, 0)
    return record.timestamp_ms


def test_append_time_is_the_brokers_where_it_says_so(any_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(any_config, message_timestamp_type="LogAppendTime")
    stamped_by_broker = written_in_the_past(any_config, topic) != A_PAST_TIME
    assert stamped_by_broker is any_config.capabilities.log_append_time


@pytest.mark.embedded
def test_each_embedded_broker_is_fresh(tmp_path: Path, make_topic: MakeTopic) -> None:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    for _ in range(2):
        with broker:
            config = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
            topic = make_topic(config)
            assert list(read(config, topic, 0, 0)) == []
            assert written_in_the_past(config, topic) == A_PAST_TIME
    with pytest.raises(BrokerUnavailable, match=broker.bootstrap):
        assert_reachable(config, timeout_s=0.1)


@pytest.mark.embedded
def test_stopping_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    broker.stop()
    broker.start()
    broker.stop()
    broker.stop()


def test_an_embedded_broker_that_ends_at_once_shows_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tansu"
    program.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    with pytest.raises(BrokerUnavailable, match=r"code 3[\s\S]*the disk is on fire"):
        EmbeddedBroker(tmp_path / "broker.log").start()


def test_a_missing_embedded_broker_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "nothing"))
    with pytest.raises(MissingBroker, match="CALF_TANSU_BIN"):
        EmbeddedBroker(tmp_path / "broker.log").start()


def test_without_java_or_maven_the_text_says_what_to_install(tmp_path: Path) -> None:
    for missing in ({"PATH": ""}, {"PATH": "", "JAVA_HOME": str(tmp_path)}):
        kafka = ApacheKafka(tmp_path, tmp_path / "broker.log", environment=missing)
        with pytest.raises(MissingBroker, match=r"install Java 17 or newer and Maven, or set KAFKA_HOME"):
            kafka.start()


def test_a_kafka_home_without_kafka_is_named(tmp_path: Path) -> None:
    kafka = ApacheKafka(tmp_path, tmp_path / "broker.log", environment={"KAFKA_HOME": str(tmp_path)})
    with pytest.raises(MissingBroker, match="KAFKA_HOME"):
        kafka.start()


@pytest.mark.kafka
def test_a_kafka_that_cannot_start_shows_its_log(tmp_path: Path, cache: Path, kafka_broker: Broker) -> None:
    kafka = ApacheKafka(cache, tmp_path / "broker.log", jvm=("-Xmx1m",))
    with pytest.raises(BrokerUnavailable, match=r"last lines of .*broker\.log[\s\S]*heap"):
        kafka.start()


@pytest.mark.kafka
def test_a_kafka_that_is_already_there_is_left_alone(kafka_broker: Broker, tmp_path: Path) -> None:
    environment = {"CALLBOX_KAFKA": kafka_broker.bootstrap}
    with kafka_from_environment(tmp_path, tmp_path / "broker.log", environment) as existing:
        assert isinstance(existing, ExistingKafka)
        assert existing.kind is BrokerKind.KAFKA
    assert_reachable(KafkaConfig(bootstrap=kafka_broker.bootstrap))


def test_a_broker_that_is_not_there_is_named() -> None:
    nobody = KafkaConfig(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailable, match=nobody.bootstrap) as raised:
        assert_reachable(nobody, timeout_s=1)
    assert "\n" not in str(raised.value)
    assert "refused" in str(raised.value)


def test_a_name_that_does_not_resolve_is_a_broker_that_is_not_there() -> None:
    with pytest.raises(BrokerUnavailable, match=r"kafka\.invalid:9092"):
        assert_reachable(KafkaConfig(bootstrap="kafka.invalid:9092"), timeout_s=1)


class Guarded(NamedTuple):
    """A broker with SASL at `address`, and its plain listener for us, who may do everything."""

    address: str
    ours: KafkaConfig


@pytest.fixture(scope="module")
def guarded_kafka(
    kafka_broker: Broker, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """A broker that wants to know who asks: user `eve`, password `correct`."""
    if isinstance(kafka_broker, ExistingKafka):
        pytest.skip("CALLBOX_KAFKA: somebody else's broker gets no listener of ours")
    # Nobody but us (ANONYMOUS, the plain listener) may do anything that no ACL allows.
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    address = f"127.0.0.1:{free_port()}"
    login = "org.apache.kafka.common.security"
    listener = "listener.name.sasl_plaintext"
    settings = {
        "authorizer.class.name": authorizer,
        "super.users": "User:ANONYMOUS",
        "listeners": f"SASL_PLAINTEXT://{address}",
        "sasl.enabled.mechanisms": ",".join(SaslMechanism),
        f"{listener}.plain.sasl.jaas.config": f'{login}.plain.PlainLoginModule required user_eve="correct";',
    }
    users: list[str] = []
    for mechanism in (SaslMechanism.SCRAM_SHA_256, SaslMechanism.SCRAM_SHA_512):
        module = f"{login}.scram.ScramLoginModule required;"
        settings[f"{listener}.{mechanism.lower()}.sasl.jaas.config"] = module
        users += ["--add-scram", f"{mechanism}=[name=eve,password=correct]"]
    log_file = tmp_path_factory.mktemp("guarded") / "broker.log"
    with ApacheKafka(cache, log_file, settings=settings, format_options=users) as broker:
        yield Guarded(address, KafkaConfig(bootstrap=broker.bootstrap))


def as_eve(address: str, mechanism: SaslMechanism, password_file: Path) -> KafkaConfig:
    return KafkaConfig(
        bootstrap=address,
        security_protocol=SecurityProtocol.SASL_PLAINTEXT,
        sasl_mechanism=mechanism,
        sasl_username="eve",
        sasl_password_file=str(password_file),
    )


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", list(SaslMechanism))
def test_a_client_logs_in_with_the_right_password(
    guarded_kafka: Guarded, mechanism: SaslMechanism, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("correct\n", encoding="utf-8")
    config = as_eve(guarded_kafka.address, mechanism, tmp_path / "password")
    assert_reachable(config)


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", list(SaslMechanism))
def test_a_wrong_password_is_access_denied_and_is_not_shown(
    guarded_kafka: Guarded, mechanism: SaslMechanism, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("wr0ng-passw0rd", encoding="utf-8")
    config = as_eve(guarded_kafka.address, mechanism, tmp_path / "password")
    with pytest.raises(AccessDenied, match=guarded_kafka.address) as raised:
        assert_reachable(config)
    assert "wr0ng-passw0rd" not in str(raised.value)
    assert b"wr0ng-passw0rd" not in msgspec.json.encode(config)


@pytest.mark.kafka
def test_reading_takes_read_on_the_topic_and_no_right_on_a_group(
    guarded_kafka: Guarded, make_topic: MakeTopic, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("correct", encoding="utf-8")
    eve = as_eve(guarded_kafka.address, SaslMechanism.PLAIN, tmp_path / "password")
    topic = make_topic(guarded_kafka.ours)
    written_in_the_past(guarded_kafka.ours, topic)
    with pytest.raises(InputMissing, match="or we may not see it"):
        list(read(eve, topic, 0, 0))
    allow_eve(guarded_kafka.ours, topic, AclOperation.DESCRIBE)
    with pytest.raises(AccessDenied, match="TOPIC_AUTHORIZATION_FAILED"):
        list(read(eve, topic, 0, 0))
    allow_eve(guarded_kafka.ours, topic, AclOperation.READ)
    assert [record.value for record in read(eve, topic, 0, 0)] == [b"x"]


@pytest.mark.kafka
def test_creating_topics_without_the_right_is_access_denied(guarded_kafka: Guarded, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct", encoding="utf-8")
    eve = as_eve(guarded_kafka.address, SaslMechanism.PLAIN, tmp_path / "password")
    with pytest.raises(AccessDenied, match="AUTHORIZATION_FAILED"):
        apply(eve, i_lose_order=False)


def allow_eve(ours: KafkaConfig, topic: str, operation: AclOperation) -> None:
    """Return once the broker itself, not only the controller, knows of it."""
    where = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL)
    acl = AclBinding(*where, "User:eve", "*", operation, AclPermissionType.ALLOW)
    client = admin_client(ours, [])
    (created,) = client.create_acls([acl]).values()
    created.result(20)
    asked = AclBindingFilter(*where, None, None, operation, AclPermissionType.ANY)
    for _ in range(200):
        if client.describe_acls(asked).result(20):
            return
        pause(0.05)


@pytest.mark.embedded
def test_librdkafka_says_nothing_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker(tmp_path / "broker.log") as broker:
        config = KafkaConfig(bootstrap=broker.bootstrap, kind=broker.kind)
        producer = Producer(librdkafka_settings(config))
        assert_reachable(config)
        producer.list_topics(timeout=5)
    producer.poll(0.5)  # its connection has just gone
    assert capfd.readouterr().err == ""
