"""A worker's password is changed on the broker while it runs, and its connections end: not ready, then 77."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from callbox.demo.processes.worker_process import WorkerProcess
from schemas.errors import AccessDenied
from streams.kafka.config import KafkaConfig
from tests.support.guarded_town import Town, guarded_town
from tests.support.presses import press_feed
from tests.support.shipped_workers import (
    ShippedWorkers,
    complaints_of,
    end_of,
    shipped_workers,
    wait_until_not_ready,
)
from tests.support.topic_accidents import admin_of

pytestmark = [pytest.mark.kafka, pytest.mark.long]

REAUTHENTICATE_MS = 5_000
"""So long a connection may go on after a log-in; then the broker ends it."""

GIVE_UP_S = 10.0
NOTICED_S = 30.0
ENDS_S = 40.0
PRESSES = 4_000


@pytest.fixture
def ours(cache: Path, tmp_path: Path) -> Iterator[tuple[Town, KafkaConfig]]:
    """The town, and the listener without passwords. Each test changes the password, so each has a broker."""
    settings = {"connections.max.reauth.ms": str(REAUTHENTICATE_MS)}
    with guarded_town(cache, tmp_path, settings=settings) as found:
        yield found


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[ShippedWorkers]:
    with shipped_workers(tmp_path) as workers:
        yield workers


def rotate(plain: KafkaConfig, user: str) -> None:
    """Give a user another password."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, info, secrets.token_hex(12).encode())
    admin = admin_of(plain)  # it must live until the answer is there
    admin.alter_user_scram_credentials([change])[user].result(20)


def assert_ends_with_the_cause(worker: WorkerProcess) -> None:
    wait_until_not_ready(worker, NOTICED_S)
    assert end_of(worker, ENDS_S) == AccessDenied.exit_code, worker.log_tail()
    last = str(complaints_of(worker)[-1])
    assert "the broker refuses us" in last, last
    assert "uthentication" in last, last


def test_an_idle_worker_whose_password_was_changed_is_not_ready_and_ends_with_77(
    ours: tuple[Town, KafkaConfig], workers: ShippedWorkers
) -> None:
    town, plain = ours
    worker = workers.start(
        "alarms", town.as_user("callbox-alarms"), stall_s=GIVE_UP_S / 2, give_up_s=GIVE_UP_S
    )
    rotate(plain, "callbox-alarms")
    assert_ends_with_the_cause(worker)


def test_a_worker_with_a_delivery_under_way_ends_too_when_its_password_was_changed(
    ours: tuple[Town, KafkaConfig], workers: ShippedWorkers
) -> None:
    town, plain = ours
    presses = press_feed(plain, PRESSES)
    worker = workers.start(
        "alarms", town.as_user("callbox-alarms"), stall_s=GIVE_UP_S / 2, give_up_s=GIVE_UP_S
    )
    enough = Event()

    def press_on() -> None:
        for _ in range(PRESSES // 4):
            if enough.wait(0.02):
                return
            presses.send(4)

    thread = Thread(target=press_on)
    thread.start()
    try:
        rotate(plain, "callbox-alarms")
        assert_ends_with_the_cause(worker)
    finally:
        enough.set()
        thread.join()
