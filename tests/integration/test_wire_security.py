"""TLS, passwords and rights on Apache Kafka: every worker is a user that may do what it must, no more."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker_process import free_port
from callbox.demo.processes.worker_process import WorkerProcess
from callbox.incidents.acknowledge import send_and_wait
from schemas.ack import Acknowledgement, Actor
from schemas.enums import AckAction, AckOutcome
from schemas.errors import InputMissing
from schemas.topics import ALERTS, FRAMES, FUSION_SNAPSHOT, PILLAR_EVENTS, REGISTRY, dead_letter_topic
from schemas.units import EpochMs
from streams.clock import monotonic, now_ms, pause
from streams.kafka.config import KafkaConfig
from streams.kafka.producer import DeliveryRefused, ProducerRecord, publish
from streams.kafka.reader import read_all
from streams.worker.spec import REPLICABLE, WORKERS
from tests.support.certificates import Authority
from tests.support.guarded_town import (
    ARRIVES_S,
    DESCRIBE,
    DISPATCHER,
    ENDS_S,
    GATEWAY,
    GROUP,
    READ,
    READY_S,
    SHORT,
    TOPIC,
    WRITE,
    Grant,
    Town,
    alert_of,
    complaint,
    grants_of,
    guarded_town,
    press,
    printed,
    table,
)

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def town(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Topics made by the admin over TLS; every worker's user has its rights and no other."""
    with guarded_town(cache, tmp_path_factory.mktemp("guarded")) as (made, _open_to_all):
        yield made


Start = Callable[..., WorkerProcess]
"""(worker, how it reaches the broker, verbose=False, replica="") -> the process."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts shipped workers, and ends those that still run."""
    running: list[WorkerProcess] = []

    def begin(name: str, kafka: KafkaConfig, *, verbose: bool = False, replica: str = "") -> WorkerProcess:
        config = tmp_path / f"{name}-{len(running)}.toml"
        config.write_text(table(kafka), encoding="utf-8")
        log_file = config.with_suffix(".log")
        options = ["--verbose"] if verbose else []
        started = WorkerProcess(
            name, config, http_port=free_port(), log_file=log_file, options=options, replica=replica
        )
        running.append(started)
        return running[-1]

    yield begin
    for worker in running:
        if worker.exit_code is None:
            worker.send(signal.SIGKILL)
            worker.wait(10)


# --- with its own rights and no others ----------------------------------------------------------------------------


def test_a_press_becomes_an_alert_and_an_acknowledgement_is_answered(town: Town, start: Start) -> None:
    workers = [start(name, town.as_user(f"callbox-{name}"), verbose=True) for name in ("alarms", "fusion")]
    for worker in workers:
        worker.wait_until_ready(READY_S)
    alert = alert_of(town, press(town, 0))
    said = Acknowledgement(
        ack_id="ack-1",
        incident_id=alert.incident_id,
        action=AckAction.ACCEPT,
        actor=Actor(name="Duty desk", organisation="County"),
        at=EpochMs(now_ms()),
        revision=alert.revision,
    )
    answer = send_and_wait(town.as_user(DISPATCHER), said, ARRIVES_S, is_repeat=False)
    assert answer.outcome is AckOutcome.ACCEPTED
    poison = ProducerRecord(PILLAR_EVENTS, b"nobody", b"not a record")
    publish(town.as_user(GATEWAY), [poison])
    deadline = monotonic() + ARRIVES_S
    while not list(read_all(town.as_user("admin"), dead_letter_topic(PILLAR_EVENTS))):
        assert monotonic() < deadline
        pause(0.1)
    assert [worker.stop() for worker in workers] == [0, 0]
    snapshots = list(read_all(town.as_user("admin"), FUSION_SNAPSHOT))
    assert snapshots, "fusion could not save its state"
    for worker in workers:
        assert "AUTHORIZATION_FAILED" not in printed(worker)
        assert town.passwords[f"callbox-{worker.name}"] not in printed(worker)


def test_a_replica_runs_with_the_rights_that_the_command_prints_for_it(town: Town, start: Start) -> None:
    grants = list(dict.fromkeys(grant for name in REPLICABLE for grant in grants_of(name, "b")))
    town.allow(SHORT, *grants)
    first = [start(name, town.as_user(f"callbox-{name}")) for name in REPLICABLE]
    for worker in first:
        worker.wait_until_ready(READY_S)
    second = [start(name, town.as_user(SHORT), replica="b") for name in REPLICABLE]
    for worker in second:
        worker.wait_until_ready(READY_S)
    for worker in first:
        worker.send(signal.SIGKILL)
    assert alert_of(town, press(town, 0)).incident_id
    assert [worker.stop() for worker in second] == [0, 0]
    for worker in second:
        assert "AUTHORIZATION_FAILED" not in printed(worker)
    town.forbid(SHORT, *grants)


def test_a_replica_that_may_not_see_the_first_set_names_it_and_ends_with_77(town: Town, start: Start) -> None:
    lacking = (GROUP, "callbox.fusion", DESCRIBE)
    rest = [grant for grant in grants_of("fusion", "b") if grant != lacking]
    town.allow(SHORT, *rest)
    worker = start("fusion", town.as_user(SHORT), replica="b")
    code = worker.wait(ENDS_S)
    town.forbid(SHORT, *rest)
    assert code == 77, printed(worker)
    assert "has no DESCRIBE on group callbox.fusion;" in complaint(worker)


def test_the_worker_of_cameras_is_ready_with_its_own_rights(town: Town, start: Start) -> None:
    worker = start("frames", town.as_user("callbox-frames"))
    worker.wait_until_ready(READY_S)
    assert worker.stop() == 0
    assert "AUTHORIZATION_FAILED" not in printed(worker)


@pytest.mark.weights
def test_the_worker_of_checkpoints_is_ready_with_its_own_rights(town: Town, start: Start) -> None:
    worker = start("plates", town.as_user("callbox-plates"))
    worker.wait_until_ready(READY_S)
    assert worker.stop() == 0
    assert "AUTHORIZATION_FAILED" not in printed(worker)


# --- refused ------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_one_clear_line_and_exit_code_77(
    town: Town, start: Start, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("wr0ng-passw0rd\n", encoding="utf-8")
    worker = start("alarms", town.as_user("callbox-alarms", password_file=wrong))
    assert worker.wait(ENDS_S) == 77
    line = complaint(worker)
    assert line.startswith(
        "callbox: the broker refuses us: wrong user or password, look at [kafka] sasl_username"
    )
    assert town.address in line
    assert "SCRAM-SHA-512" in line
    assert "wr0ng-passw0rd" not in line


def test_a_broker_that_nobody_vouches_for_is_one_clear_line_and_exit_code_77(
    town: Town, start: Start, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "somebody else")
    worker = start("alarms", town.as_user("callbox-alarms", ca_file=stranger.ca_file))
    assert worker.wait(ENDS_S) == 77
    line = complaint(worker)
    assert line.startswith("callbox: the broker refuses us: no authority that we trust has signed")
    assert "look at [kafka] ssl_ca_file" in line
    assert "certificate verify failed" in line


@pytest.mark.parametrize(
    ("name", "lacking", "named"),
    [
        ("fusion", (TOPIC, ALERTS, WRITE), f"WRITE on {ALERTS}"),
        ("fusion", (TOPIC, FUSION_SNAPSHOT, READ), f"READ on {FUSION_SNAPSHOT}"),
        ("alarms", (TOPIC, PILLAR_EVENTS, READ), f"READ on {PILLAR_EVENTS}"),
        ("alarms", (TOPIC, dead_letter_topic(REGISTRY), WRITE), f"WRITE on {dead_letter_topic(REGISTRY)}"),
        ("alarms", (GROUP, "callbox.alarms", READ), "READ on group callbox.alarms"),
    ],
)
def test_a_worker_without_a_right_names_it_at_its_start_and_ends_with_77(
    town: Town, start: Start, name: str, lacking: Grant, named: str
) -> None:
    rest = [grant for grant in grants_of(name) if grant != lacking]
    town.allow(SHORT, *rest)
    worker = start(name, town.as_user(SHORT))
    code = worker.wait(ENDS_S)
    town.forbid(SHORT, *rest)
    assert code == 77, printed(worker)
    line = complaint(worker)
    assert line.startswith(f"callbox: the broker refuses us: {town.address}: ")
    assert SHORT in line
    assert f"has no {named};" in line


def test_a_user_without_any_right_is_told_each_of_them(town: Town, start: Start) -> None:
    worker = start("frames", town.as_user(SHORT))
    assert worker.wait(ENDS_S) == 77
    for topic in WORKERS["frames"].topics:
        assert topic in complaint(worker)


@pytest.mark.long
def test_a_right_that_is_taken_away_ends_the_worker_at_its_next_delivery_with_77(
    town: Town, start: Start
) -> None:
    town.allow(SHORT, *grants_of("fusion"))
    alarms, fusion = start("alarms", town.as_user("callbox-alarms")), start("fusion", town.as_user(SHORT))
    for worker in (alarms, fusion):
        worker.wait_until_ready(READY_S)
    town.forbid(SHORT, (TOPIC, ALERTS, WRITE))
    pressed = press(town, 1)
    assert fusion.wait(ENDS_S) == 77, printed(fusion)
    last = json.loads(printed(fusion).splitlines()[-1])
    assert last["event"] == "worker.failed"
    assert f"the broker refuses us: {ALERTS}: " in last["error"]
    town.allow(SHORT, (TOPIC, ALERTS, WRITE))
    heir = start("fusion", town.as_user(SHORT))
    assert alert_of(town, pressed).incident_id  # nothing was acked: the press waited for the right
    heir.stop()
    town.forbid(SHORT, *grants_of("fusion"))


@pytest.mark.long
def test_without_the_right_to_save_its_state_a_running_fusion_worker_says_so_and_goes_on(
    town: Town, start: Start
) -> None:
    town.allow(SHORT, *grants_of("fusion"))
    alarms, fusion = start("alarms", town.as_user("callbox-alarms")), start("fusion", town.as_user(SHORT))
    for worker in (alarms, fusion):
        worker.wait_until_ready(READY_S)
    town.forbid(SHORT, (TOPIC, FUSION_SNAPSHOT, WRITE))
    pressed = press(town, 2)
    deadline = monotonic() + ARRIVES_S
    while "snapshot.failed" not in printed(fusion):
        assert monotonic() < deadline
        pause(0.1)
    assert alert_of(town, pressed).incident_id
    assert fusion.exit_code is None
    assert f"the broker refuses us: {FUSION_SNAPSHOT}: " in printed(fusion)
    fusion.stop()
    town.forbid(SHORT, *grants_of("fusion"))


@pytest.mark.long
@pytest.mark.parametrize("taken", [(TOPIC, PILLAR_EVENTS, READ), (GROUP, "callbox.alarms", READ)])
def test_the_right_to_read_that_is_taken_away_ends_the_worker_with_77(
    town: Town, start: Start, taken: Grant
) -> None:
    town.allow(SHORT, *grants_of("alarms"))
    worker = start("alarms", town.as_user(SHORT))
    worker.wait_until_ready(READY_S)
    town.forbid(SHORT, taken)
    press(town, 2)
    assert worker.wait(ENDS_S) == 77, printed(worker)
    # Another thread may still tell what it has lost meanwhile.
    lines = map(json.loads, printed(worker).splitlines())
    (failed,) = (line for line in lines if line["event"] == "worker.failed")
    assert "the broker refuses us: " in failed["error"]
    assert "AUTHORIZATION_FAILED" in failed["error"]
    town.forbid(SHORT, *grants_of("alarms"))


def test_a_command_that_may_not_write_says_where(town: Town) -> None:
    with pytest.raises(DeliveryRefused, match=f"the broker refuses us: {ALERTS}: ") as refused:
        publish(town.as_user(DISPATCHER), [ProducerRecord(ALERTS, b"x", b"forged")])
    assert refused.value.exit_code == 77


def test_no_worker_may_read_what_is_not_its_own(town: Town) -> None:
    with pytest.raises(InputMissing, match=f"{FRAMES} is not there, or we may not see it"):
        list(read_all(town.as_user("callbox-alarms"), FRAMES))
