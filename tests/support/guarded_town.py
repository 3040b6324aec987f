"""A town on an Apache Kafka with TLS, passwords and rights: the admin, a user for each worker, gateway, dispatcher."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, only not in its __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from benchmarks.support.registry_load import pillar, records
from callbox.demo.processes.broker_process import LOOPBACK
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.apache import ApacheKafka
from callbox_testkit.brokers.guard import Guard
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import ACK_RESULTS, ACKS, ALERTS, PILLAR_EVENTS
from streams.clock import monotonic, now_ms, pause
from streams.kafka import topics
from streams.kafka.acls import group_of
from streams.kafka.admin import admin_client
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol
from streams.kafka.producer import ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WORKERS
from tests.support.certificates import Authority
from tests.support.kill_harness import kafka_or_skip

READY_S = 60.0
ARRIVES_S = 30.0
ENDS_S = 30.0
SHORT = "callbox-short"
"""A worker's user that the tests take one right from."""

GATEWAY, DISPATCHER = "gateway", "dispatcher"
USERS = ("admin", GATEWAY, DISPATCHER, SHORT, *(f"callbox-{worker}" for worker in WORKERS))

Grant = tuple[ResourceType, str, AclOperation]
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE


class Town:
    """A guarded broker with the topics of the catalogue, and the papers of its users."""

    def __init__(self, address: str, ours: KafkaConfig, ca_file: Path, passwords: dict[str, str]) -> None:
        self.address, self.ca_file, self.passwords = address, ca_file, passwords
        self._folder = ca_file.parent
        self._admin = admin_client(ours, [])
        for user, password in passwords.items():
            self._password_file(user).write_text(f"{password}\n", encoding="utf-8")

    def as_user(
        self, user: str, *, password_file: Path | None = None, ca_file: Path | None = None
    ) -> KafkaConfig:
        return KafkaConfig(
            bootstrap=self.address,
            security_protocol=SecurityProtocol.SASL_SSL,
            ssl_ca_file=str(ca_file or self.ca_file),
            sasl_mechanism=SaslMechanism.SCRAM_SHA_512,
            sasl_username=user,
            sasl_password_file=str(password_file or self._password_file(user)),
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )

    def allow(self, user: str, *grants: Grant) -> None:
        """Give rights; returns when the broker itself, not only its controller, knows of the last."""
        for future in self._admin.create_acls([_binding(user, grant) for grant in grants]).values():
            future.result(20)
        self._wait(user, grants[-1], is_there=True)

    def forbid(self, user: str, *grants: Grant) -> None:
        """Take rights away; returns as `allow`."""
        for future in self._admin.delete_acls([_filter(user, grant) for grant in grants]).values():
            future.result(20)
        self._wait(user, grants[-1], is_there=False)

    def _wait(self, user: str, grant: Grant, *, is_there: bool) -> None:
        deadline = monotonic() + 20
        while bool(self._admin.describe_acls(_filter(user, grant)).result(20)) is not is_there:
            assert monotonic() < deadline
            pause(0.02)

    def _password_file(self, user: str) -> Path:
        return self._folder / f"{user}.password"


def _binding(user: str, grant: Grant) -> AclBinding:
    kind, name, operation = grant
    literal = ResourcePatternType.LITERAL
    return AclBinding(kind, name, literal, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def _filter(user: str, grant: Grant) -> AclBindingFilter:
    kind, name, operation = grant
    literal = ResourcePatternType.LITERAL
    return AclBindingFilter(kind, name, literal, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def grants_of(worker: str, replica: str = "") -> list[Grant]:
    """Everything that a worker needs; one of a replica also looks at the offsets of the first set."""
    acls, prefix = WORKERS[worker].acls, RuntimeSettings().group_prefix
    return [
        *((TOPIC, topic, READ) for topic in acls.reads),
        *((TOPIC, topic, WRITE) for topic in acls.writes),
        (GROUP, group_of(worker, prefix, replica), READ),
        *([(GROUP, group_of(worker, prefix), DESCRIBE)] if replica else []),
    ]


@contextmanager
def guarded_town(
    cache: Path, folder: Path, *, more_users: Iterable[str] = (), settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Town, KafkaConfig]]:
    """Start a guarded broker with TLS, found the town on it, and stop the broker whatever happens.

    Args:
        cache: Keeps the jars between runs.
        folder: Gets certificates, passwords and the broker's log.
        more_users: Users without any right yet.
        settings: Of the broker, beyond those of every test.

    Yields:
        The town, and how to reach the listener without passwords.
    """
    authority = Authority(folder)
    passwords = {user: f"pw-{secrets.token_hex(12)}" for user in (*USERS, *more_users)}
    guard = Guard(identity_file=str(authority.identity(LOOPBACK)), admin="admin", passwords=passwords)
    broker = ApacheKafka(cache, folder / "broker.log", guard=guard, settings=settings or {})
    with kafka_or_skip():
        broker.start()
    try:
        yield _founded(broker, authority, passwords), KafkaConfig(bootstrap=broker.bootstrap)
    finally:
        broker.stop()


def _founded(broker: ApacheKafka, authority: Authority, passwords: dict[str, str]) -> Town:
    ours = KafkaConfig(bootstrap=broker.bootstrap)
    made = Town(broker.guarded_bootstrap, ours, authority.ca_file, passwords)
    topics.apply(made.as_user("admin"), i_lose_order=False)
    publish(made.as_user("admin"), list(records(range(3))))
    for worker in WORKERS:
        made.allow(f"callbox-{worker}", *grants_of(worker))
    made.allow(GATEWAY, (TOPIC, PILLAR_EVENTS, WRITE))
    made.allow(DISPATCHER, (TOPIC, ALERTS, READ), (TOPIC, ACKS, WRITE), (TOPIC, ACK_RESULTS, READ))
    return made


def table(kafka: KafkaConfig) -> str:
    """The one `[kafka]` table, as an operator writes it."""
    fields = {name: getattr(kafka, name) for name in kafka.__struct_fields__}
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items() if value is not None]
    return "\n".join(["[kafka]", *lines, "[runtime]", "commit_interval_s = 0.5", ""])


def printed(worker: WorkerProcess) -> str:
    return worker.log_file.read_text("utf-8")


def complaint(worker: WorkerProcess) -> str:
    """The one line that it printed."""
    (line,) = printed(worker).splitlines()
    return line


def press(town: Town, number: int) -> str:
    """Press a pillar as the gateway; the id of the press."""
    at, device = now_ms(), pillar(number).device_id
    event = PillarEvent(
        device_id=device,
        kind=PillarKind.PRESS,
        occurred_at=at,
        received_at=at,
        event_id=f"press-{number}-{at}",
    )
    publish(town.as_user(GATEWAY), [ProducerRecord(PILLAR_EVENTS, device.encode(), encode(event))])
    return str(event.event_id)


def alert_of(town: Town, event_id: str) -> Alert:
    """The first alert that names a press, as the dispatcher reads it."""
    deadline = monotonic() + ARRIVES_S
    while monotonic() < deadline:
        for record in read_all(town.as_user(DISPATCHER), ALERTS):
            alert = decode(record.value or b"", Alert)
            if any(source.event_id == event_id for source in alert.sources):
                return alert
        pause(0.1)
    return pytest.fail(f"no alert names {event_id}")
