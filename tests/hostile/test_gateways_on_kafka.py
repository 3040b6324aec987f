"""Attacks with the user of one gateway on Apache Kafka with TLS, passwords, ACLs and quotas, against shipped workers.

The rights and the quotas are those that `callbox topics acls` prints for the site's config. A gateway writes its own
topic and no other; what it says there of another gateway's pillar silences nobody, and a flood of it is held back.
"""

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # public, as in topics.py
from msgspec.structs import replace

from benchmarks.support.registry_load import pillar
from callbox.cli import cli
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox_testkit.brokers.quotas import Quotas
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import Grade, Hazard, InputKind, PillarKind, Reason
from schemas.feeds import PillarEvent
from schemas.topics import MAINTENANCE, PILLAR_EVENTS, REGISTRY, catalogue_with, pillar_topic
from streams.clock import monotonic, now_ms
from streams.kafka import topics
from streams.kafka.client_settings import librdkafka_settings
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import DeliveryRefused, ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.worker.log_writer import fact
from tests.support.guarded_town import (
    GATEWAY,
    READY_S,
    Grant,
    Town,
    alert_of,
    guarded_town,
    printed,
    table,
)

pytestmark = [pytest.mark.kafka, pytest.mark.long]

OWN, OTHER = "north", "south"
USERS = {OWN: "gateway-north", OTHER: "gateway-south"}
BOUND = pillar(0).device_id
"""A pillar behind the gateway OWN."""

SECOND, THIRD = pillar(1).device_id, pillar(2).device_id
"""Others, which are bound to none."""

SITE = f"[pillars]\ngateways = ['{OWN}', '{OTHER}']\n"
HELD_BACK_WITHIN_S = 60.0
_GRANT = re.compile(r"User:(\S+) --operation (\w+) (.*)")
_RESOURCE = re.compile(r"--(topic|group) (\S+)")


def lines_of_acls(folder: Path, *options: str) -> list[str]:
    """What `callbox topics acls` prints for the site."""
    config = folder / "callbox.toml"
    config.write_text(SITE, "utf-8")
    run = CliRunner().invoke(cli, ["--config", str(config), "topics", "acls", *options])
    assert run.exit_code == 0, run.output
    return run.output.splitlines()


def grants_in(lines: Sequence[str]) -> Iterator[tuple[str, list[Grant]]]:
    """Who gets which rights, line by line."""
    for line in lines:
        found = _GRANT.search(line)
        assert found is not None
        user, operation, resources = found.groups()
        yield (
            user,
            [
                (ResourceType[kind.upper()], name, AclOperation[operation.upper()])
                for kind, name in _RESOURCE.findall(resources)
            ],
        )


@pytest.fixture(scope="module")
def site(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("guarded")
    with guarded_town(cache, folder, more_users=USERS.values()) as (made, open_to_all):
        admin = made.as_user("admin")
        topics.apply(admin, catalogue_with((), USERS), i_lose_order=False)
        for user, grants in grants_in(lines_of_acls(folder)):
            made.allow(user, *grants)
        quotas = Quotas(cache, open_to_all.bootstrap)
        for line in lines_of_acls(folder, "--quotas"):
            if line.endswith(tuple(USERS.values())):
                quotas.run(*line.split())
        yield made


@pytest.fixture(scope="module")
def workers(site: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WorkerProcess]]:
    """`alarms` and `fusion` of the site, which know that the pillar is bound."""
    folder, running = tmp_path_factory.mktemp("workers"), []
    bound = replace(pillar(0), source=OWN, revision=2)
    facts = fact(InputKind.DEVICE, "bound", bound.zone, bound)
    kept = ProducerRecord(REGISTRY, bound.device_id.encode(), encode(bound))
    publish(site.as_user("admin"), [facts, kept])
    for name in ("alarms", "fusion"):
        config = folder / f"{name}.toml"
        config.write_text(table(site.as_user(f"callbox-{name}")) + SITE, "utf-8")
        running.append(WorkerProcess(name, config, http_port=free_port(), log_file=folder / f"{name}.log"))
    for worker in running:
        worker.wait_until_ready(READY_S)
    yield running
    for worker in running:
        if worker.exit_code is None:
            worker.send(signal.SIGKILL)
            worker.wait(10)


def record(
    topic: str, kind: PillarKind, event_id: str, *, device_id: str = BOUND, ahead_ms: int = 0
) -> ProducerRecord:
    at = now_ms() + ahead_ms
    event = PillarEvent(device_id=device_id, kind=kind, occurred_at=at, received_at=at, event_id=event_id)
    return ProducerRecord(topic, device_id.encode(), encode(event))


def says(site: Town, gateway: str, *events: tuple[PillarKind, str], ahead_ms: int = 0) -> None:
    """Events of the bound pillar, by the user of a gateway in its own topic."""
    topic = pillar_topic(gateway)
    made = [record(topic, kind, event_id, ahead_ms=ahead_ms) for kind, event_id in events]
    publish(site.as_user(USERS[gateway]), made)


@pytest.mark.parametrize("topic", [PILLAR_EVENTS, pillar_topic(OTHER), REGISTRY])
def test_the_user_of_a_gateway_may_write_no_topic_but_its_own(site: Town, topic: str) -> None:
    with pytest.raises(DeliveryRefused, match=topic):
        publish(site.as_user(USERS[OWN]), [record(topic, PillarKind.PRESS, "forged")])


def test_a_gateway_cannot_be_made_to_speak_in_anothers_name_by_the_user_of_the_shared_topic(
    site: Town,
) -> None:
    with pytest.raises(DeliveryRefused, match=pillar_topic(OWN)):
        publish(site.as_user(GATEWAY), [record(pillar_topic(OWN), PillarKind.RELEASE, "forged")])


def test_another_gateway_silences_no_pillar_and_a_press_of_it_is_heard_marked_and_told(
    site: Town, workers: list[WorkerProcess]
) -> None:
    releases = [(PillarKind.RELEASE, f"press-{number}") for number in range(70)]
    says(site, OTHER, *releases, (PillarKind.CANCEL, "cancel"), ahead_ms=19_000)
    says(site, OWN, (PillarKind.PRESS, "press-1"))
    red = alert_of(site, "press-1")
    assert (red.hazard, red.grade) == (Hazard.EMERGENCY_CALL, Grade.RED)
    assert red.reason is not Reason.UNEXPECTED_SOURCE
    says(site, OTHER, (PillarKind.PRESS, "from elsewhere"))
    heard = alert_of(site, "from elsewhere")
    assert (heard.grade, heard.reason) == (Grade.RED, Reason.UNEXPECTED_SOURCE)
    blues = [decode(each.value or b"", Alert) for each in read_all(site.as_user("admin"), MAINTENANCE)]
    told = [each for each in blues if each.hazard is Hazard.UNEXPECTED_SOURCE]
    assert {each.grade for each in told} == {Grade.BLUE}
    assert [worker.exit_code for worker in workers] == [None, None]


def test_a_flood_of_one_gateway_is_held_back_and_keeps_nobody_from_being_heard(
    site: Town, workers: list[WorkerProcess]
) -> None:
    held_back_s: list[float] = []
    flood = flooding(site.as_user(USERS[OTHER]), held_back_s)
    deadline = monotonic() + HELD_BACK_WITHIN_S
    number = 0
    while not any(held_back_s) and monotonic() < deadline:
        for _ in range(5_000):
            number += 1
            made = record(pillar_topic(OTHER), PillarKind.TEST, f"flood-{number}")
            flood.produce(made.topic, made.value, made.key)
        flood.poll(0.2)
    assert any(held_back_s)
    own: list[float] = []
    user = flooding(site.as_user(USERS[OWN]), own)
    made = record(pillar_topic(OWN), PillarKind.PRESS, "beside the flood", device_id=THIRD)
    user.produce(made.topic, made.value, made.key)
    assert user.flush(30) == 0
    assert alert_of(site, "beside the flood").grade is Grade.RED
    assert not any(own)
    flood.purge()
    assert [worker.exit_code for worker in workers] == [None, None]
    assert "Traceback" not in "".join(map(printed, workers))


def test_a_press_behind_a_batch_that_unpacks_to_too_much_is_heard(
    site: Town, workers: list[WorkerProcess]
) -> None:
    """`alarms` asks for the batch's header with its own user, over TLS, and with no other right than it has."""
    topic = pillar_topic(OWN)
    packing = {
        "compression.type": "zstd",
        "message.max.bytes": 100 << 20,
        "linger.ms": 1_000,
        "partitioner": "murmur2_random",
    }
    gateway = Producer({**librdkafka_settings(site.as_user(USERS[OWN])), **packing})
    gateway.produce(topic, bytes(50 << 20), SECOND.encode())
    assert gateway.flush(30) == 0
    publish(site.as_user(USERS[OWN]), [record(topic, PillarKind.PRESS, "behind it", device_id=SECOND)])
    assert alert_of(site, "behind it").grade is Grade.RED
    assert [worker.exit_code for worker in workers] == [None, None]


def flooding(kafka: KafkaConfig, held_back_s: list[float]) -> Producer:
    """A producer that notes for how long the broker holds it back."""
    return Producer(
        {
            **librdkafka_settings(kafka),
            "queue.buffering.max.messages": 1_000_000,
            "throttle_cb": lambda event: held_back_s.append(event.throttle_time),
        }
    )
