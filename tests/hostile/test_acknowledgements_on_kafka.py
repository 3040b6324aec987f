"""Attacks with the user of an organisation on Apache Kafka with TLS, passwords and ACLs, against shipped workers.

It may write the topic of its own organisation and nothing else: neither another organisation's nor the plain one. What
it says there of another organisation's incident is rejected, and a flood of it delays nobody else.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.support.registry_load import pillar
from callbox.cli import cli
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox.incidents.acknowledge import AckChannel, send_and_wait
from schemas.ack import Acknowledgement, AckResult, Actor
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import AckAction, AckOutcome, Reason
from schemas.topics import ACK_RESULTS, ACKS, ALERTS, INCIDENTS, ack_topic, catalogue_with
from schemas.units import EpochMs
from streams.clock import now_ms
from streams.kafka import topics
from streams.kafka.producer import DeliveryRefused, ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.worker.settings import AckSettings
from tests.support.guarded_town import (
    ARRIVES_S,
    READ,
    READY_S,
    TOPIC,
    WRITE,
    Town,
    alert_of,
    guarded_town,
    press,
    table,
)

pytestmark = [pytest.mark.kafka, pytest.mark.long]

OURS, OTHERS = "village-7", "elsewhere"
SENDERS = {OURS: "dispatch-village-7", OTHERS: "dispatch-elsewhere"}
FLOOD = 20_000


def organisations(alert_units: list[str]) -> AckSettings:
    return AckSettings(organisations={OURS: (*alert_units, "control-room"), OTHERS: ("nobody's unit",)})


@pytest.fixture(scope="module")
def town(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("guarded")
    with guarded_town(cache, folder, more_users=SENDERS.values()) as (made, _open_to_all):
        topics.apply(made.as_user("admin"), catalogue_with(SENDERS), i_lose_order=False)
        made.allow("callbox-alarms", *((TOPIC, ack_topic(name), READ) for name in SENDERS))
        for name, user in SENDERS.items():
            answers = ((TOPIC, topic, READ) for topic in (ACK_RESULTS, ALERTS, INCIDENTS))
            made.allow(user, (TOPIC, ack_topic(name), WRITE), *answers)
        yield made


@pytest.fixture(scope="module")
def pressed(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alert]:
    """Shipped workers of a site with two organisations, and a press; our organisation answers for its pillar."""
    folder = tmp_path_factory.mktemp("workers")
    units = [link.unit for link in pillar(0).chain]
    running = []
    for name in ("alarms", "fusion"):
        config = folder / f"{name}.toml"
        config.write_text(table(town.as_user(f"callbox-{name}")) + _table(organisations(units)), "utf-8")
        running.append(WorkerProcess(name, config, http_port=free_port(), log_file=folder / f"{name}.log"))
    for worker in running:
        worker.wait_until_ready(READY_S)
    yield alert_of(town, press(town, 0))
    for worker in running:
        if worker.exit_code is None:
            worker.send(signal.SIGKILL)
            worker.wait(10)


def _table(settings: AckSettings) -> str:
    lines = [f"{name} = {list(units)!r}" for name, units in settings.organisations.items()]
    return "\n".join(["[acknowledgements.organisations]", *lines, ""])


def said(alert: Alert, number: int | str, action: AckAction = AckAction.ACCEPT) -> Acknowledgement:
    return Acknowledgement(
        ack_id=f"ack-{number}",
        incident_id=alert.incident_id,
        action=action,
        actor=Actor(name="Duty officer Li", organisation=OURS),
        at=EpochMs(now_ms()),
        revision=alert.revision,
    )


def answer(town: Town, name: str, ack: Acknowledgement) -> AckResult:
    user = town.as_user(SENDERS[name])
    return send_and_wait(user, ack, ARRIVES_S, is_repeat=False, organisation=name)


@pytest.mark.parametrize("topic", [ack_topic(OURS), ACKS])
def test_the_user_of_an_organisation_may_write_no_topic_but_its_own(
    town: Town, pressed: Alert, topic: str
) -> None:
    forged = ProducerRecord(topic, pressed.incident_id.encode(), encode(said(pressed, "forged")))
    with pytest.raises(DeliveryRefused, match=topic):
        publish(town.as_user(SENDERS[OTHERS]), [forged])


def test_what_it_says_of_another_organisation_s_incident_is_rejected_and_a_flood_of_it_delays_nobody(
    town: Town, pressed: Alert
) -> None:
    refused = answer(town, OTHERS, said(pressed, 1))
    assert (refused.outcome, refused.reason) == (AckOutcome.REJECTED, Reason.NOT_IN_CHAIN)
    assert refused.vouched_organisation == OTHERS
    AckChannel(town.as_user(SENDERS[OTHERS]), OTHERS).send(said(pressed, f"f{n}") for n in range(FLOOD))
    taken = answer(town, OURS, said(pressed, 1))  # under an id that the other has used
    assert (taken.outcome, taken.vouched_organisation) == (AckOutcome.ACCEPTED, OURS)
    keys = [record.key or b"" for record in read_all(town.as_user(SENDERS[OURS]), ACK_RESULTS)]
    assert (
        sum(key.startswith(b"ack-f") for key in keys) < FLOOD
    )  # ours came in its turn, and not after all of them


def test_the_command_prints_these_rights(tmp_path: Path) -> None:
    config = tmp_path / "callbox.toml"
    config.write_text(_table(organisations([])), "utf-8")
    run = CliRunner().invoke(cli, ["--config", str(config), "topics", "acls"])
    assert run.exit_code == 0, run.output
    lines = [line for line in run.output.splitlines() if "User:dispatch-" in line]
    writes = [line for line in lines if "Write" in line]
    assert writes == [
        f"--add --allow-principal User:{user} --operation Write --topic {ack_topic(name)}"
        for name, user in SENDERS.items()
    ]
    alarms = next(line for line in run.output.splitlines() if "User:callbox-alarms --operation Read" in line)
    assert all(f"--topic {ack_topic(name)}" in alarms for name in SENDERS)
