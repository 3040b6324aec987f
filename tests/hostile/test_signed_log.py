"""The password and the key of one worker, on a guarded broker with the shipped rights: it speaks for itself only.

`alarms` and `fusion` run as shipped; the attacker is the user of `frames`, with its own key or with none.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from callbox.commands.policy import put_in_force
from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from processors.fold.writers import Writer
from processors.state.policy import FusionPolicy, policy_record
from schemas.ack import AckFact, Actor
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import AckAction, AckReason, Action, InputKind, Reason
from schemas.topics import ALERTS, FUSION_INPUT, MAINTENANCE
from streams.clock import monotonic, now_ms, pause
from streams.kafka.config import KafkaConfig
from streams.kafka.log_signing import make_key_text
from streams.kafka.producer import publish
from streams.kafka.reader import read_all
from streams.kafka.topics import partition_count
from streams.replay.recording import load_log, write_log
from streams.replay.refold import Alerts, DifferenceKind, differences, read_alerts, read_log, refold
from streams.worker.log_writer import fact
from tests.support.guarded_town import ARRIVES_S, READY_S, Town, alert_of, guarded_town, press, table

pytestmark = [pytest.mark.kafka, pytest.mark.long]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for writer in Writer:
        (folder / f"{writer}.key").write_text(make_key_text(writer))
    return folder


@pytest.fixture(scope="module")
def town(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with guarded_town(cache, tmp_path_factory.mktemp("signed")) as (made, _open_to_all):
        yield made


def signing(kafka: KafkaConfig, keys: Path, writer: Writer, *, verifies: bool = False) -> KafkaConfig:
    """A config with the key of a writer, and with all of them where it verifies."""
    named = replace(kafka, log_key_file=str(keys / f"{writer}.key"))
    return replace(named, log_keys_dir=str(keys)) if verifies else named


@pytest.fixture(scope="module")
def workers(town: Town, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`alarms` and `fusion` with their keys, and a policy that requires signatures."""
    admin = signing(town.as_user("admin"), keys, Writer.OPERATOR)
    policy = policy_record(FusionPolicy(require_signatures=True), now_ms())
    put_in_force(admin, policy, partition_count(admin, FUSION_INPUT))
    folder = tmp_path_factory.mktemp("workers")
    running = []
    for writer in (Writer.ALARMS, Writer.FUSION):
        kafka = town.as_user(f"callbox-{writer}")
        config = folder / f"{writer}.toml"
        named = signing(kafka, keys, writer, verifies=writer is Writer.FUSION)
        config.write_text(table(named), encoding="utf-8")
        worker = WorkerProcess(writer, config, http_port=free_port(), log_file=config.with_suffix(".log"))
        running.append(worker)
    for worker in running:
        worker.wait_until_ready(READY_S)
    yield
    for worker in running:
        assert worker.stop(20.0) == 0, worker.log_tail()


def cancel_of(alert: Alert) -> AckFact:
    return AckFact(
        ack_id=f"forged-{alert.incident_id}",
        incident_id=alert.incident_id,
        action=AckAction.CANCEL,
        actor=Actor(name="Duty officer Li", organisation="County"),
        at=now_ms(),
        received_at=now_ms(),
        revision=alert.revision,
        reason=AckReason.FALSE_ALARM,
    )


def is_told(town: Town) -> bool:
    """Whether a blue says that a record of the log was not its writer's, and names its place; waits for it."""
    deadline = monotonic() + ARRIVES_S
    while monotonic() < deadline:
        kept = read_all(town.as_user("admin"), MAINTENANCE)
        alerts = [decode(record.value or b"", Alert) for record in kept]
        told = [alert for alert in alerts if alert.reason is Reason.UNEXPECTED_WRITER]
        if any(FUSION_INPUT in source.event_id for alert in told for source in alert.sources):
            return True
        pause(0.1)
    return False


@pytest.mark.usefixtures("workers")
def test_the_user_of_frames_cancels_nothing_and_a_replay_without_keys_knows_it(
    town: Town, keys: Path, tmp_path: Path
) -> None:
    """It writes with its own key, and without one."""
    attacker = town.as_user("callbox-frames")
    for number, kafka in enumerate((signing(attacker, keys, Writer.FRAMES), attacker)):
        alert = alert_of(town, press(town, number))
        forged = cancel_of(alert)
        publish(kafka, [fact(InputKind.ACKNOWLEDGEMENT, forged.ack_id, alert.zone, forged)])
    assert is_told(town)
    alert_of(town, press(town, 2))  # the log has been folded beyond the forged records
    admin = signing(town.as_user("admin"), keys, Writer.OPERATOR, verifies=True)
    live = read_alerts(admin)
    assert not cancels(live)
    log = read_log(admin)
    assert {entry.writer for _, entry in log.entries} >= {"", Writer.FRAMES, Writer.ALARMS, Writer.FUSION}
    write_log(tmp_path / "log.avro", log)
    for entries in (log.entries, load_log(tmp_path / "log.avro").entries):
        found = differences(refold(entries, log.partitions), live)
        # What was folded since may not be out yet.
        assert not [each for each in found if each.what is not DifferenceKind.MISSING]
    believed = [(partition, entry._replace(writer=None)) for partition, entry in log.entries]
    assert len(cancels(refold(believed, log.partitions))) == 2  # so it was the verdict that kept them away


def cancels(alerts: Alerts) -> list[Alert]:
    decoded = (decode(payload, Alert) for payload in alerts[ALERTS])
    return [alert for alert in decoded if alert.action is Action.CANCEL]
