"""What a crash costs: repeats that can be recognised, and never a press. On Apache Kafka."""

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.demo.processes.broker import Broker
from schemas.codec import decode
from schemas.enums import InputKind
from schemas.fusion_log import FusionInput
from schemas.topics import LOG_PARTITIONS
from streams.replay.refold import read_log
from tests.support.kill_harness import SESSION_MS, KillHarness, kill_harness

pytestmark = pytest.mark.kafka

PRESSES = 400
RATE = 100
EARLIER = 50
"""How many are pressed before the victim starts, so that a snapshot is there however soon it is killed."""


@pytest.fixture
def running(own_kafka: Broker, tmp_path: Path) -> Iterator[KillHarness]:
    with kill_harness(own_kafka, tmp_path, PRESSES) as running:
        yield running


def test_fusion_killed_between_delivery_and_commit_repeats_the_same_bytes_and_loses_nothing(
    running: KillHarness,
) -> None:
    running.start("alarms")
    elder = running.start("fusion")
    with running.presses(EARLIER, RATE):
        pass
    running.wait_for_snapshot()
    assert elder.stop() == 0
    victim = running.start("fusion", fail_point="fusion.delivered:50")
    with running.presses(PRESSES - EARLIER, RATE, first=EARLIER):
        assert victim.wait(30) == -signal.SIGKILL
        heir = running.start("fusion")
    assert running.lost() == set()
    restored_from = [
        int(found) for found in re.findall(r'"snapshot_offset": (\d+)', heir.log_file.read_text())
    ]
    assert max(restored_from) > 0, "no partition was restored from a snapshot"
    differences, repeats = running.account()
    assert differences == []
    assert repeats > 0


def test_alarms_killed_between_delivery_and_commit_repeats_facts_that_the_fold_drops(
    running: KillHarness,
) -> None:
    victim = running.start("alarms", fail_point="alarms.delivered:40")
    running.start("fusion")
    with running.presses(PRESSES, RATE):
        assert victim.wait(30) == -signal.SIGKILL
        running.start("alarms")
    assert running.lost() == set()
    differences, repeats = running.account()
    assert differences == []
    assert repeats == 0
    facts = Counter(
        fact.event_id
        for _, entry in read_log(running.kafka).entries
        if (fact := decode(entry.value, FusionInput)).kind is InputKind.PILLAR_EVENT
    )
    assert max(facts.values()) > 1, "the kill repeated nothing: it did not hit the window"


@pytest.mark.long
def test_a_fusion_worker_stopped_for_longer_than_its_session_comes_back_without_harm(
    running: KillHarness,
) -> None:
    running.start("alarms")
    sleeper = running.start("fusion")
    heir = running.start("fusion")
    with running.presses(PRESSES, RATE):
        time.sleep(0.5)
        sleeper.send(signal.SIGSTOP)
        time.sleep(SESSION_MS / 1000 * 2)
        assert _partitions(heir.page("/metrics")) == set(range(LOG_PARTITIONS)), "the heir has not taken over"
        sleeper.send(signal.SIGCONT)
    assert running.lost() == set()
    differences, _ = running.account()
    assert differences == []


@pytest.mark.long
def test_a_rolling_restart_loses_nothing_and_ends_in_good_order(running: KillHarness) -> None:
    running.start("alarms")
    old = running.start("fusion")
    with running.presses(PRESSES, RATE):
        time.sleep(0.5)
        running.start("fusion")
        assert old.stop() == 0
    assert running.lost() == set()
    differences, _ = running.account()
    assert differences == []


def _partitions(metrics: str) -> set[int]:
    """The partitions that a worker's metrics name as its own."""
    return {int(number) for number in re.findall(r'callbox_commit_age_seconds\{partition="(\d+)"', metrics)}
