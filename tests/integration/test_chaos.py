"""The chaos bench in short, on Apache Kafka: nothing is lost under faults, and broken guarantees are seen."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.schedule import Fault
from callbox_testkit.brokers.kafka_jars import java_program, kafka_classpath
from callbox_testkit.sabotage import Sabotage
from tests.support.kill_harness import kafka_or_skip
from tests.support.paths import ROOT

pytestmark = pytest.mark.kafka


@pytest.fixture(autouse=True)
def _jars(cache: Path) -> None:
    """Fetched before the bench runs; not to be had: skipped, or a failure with CALLBOX_REQUIRE_KAFKA=1."""
    with kafka_or_skip():
        kafka_classpath(cache, os.environ)
        java_program(os.environ)


def chaos(cache: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the bench as a command; its exit code and its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", "--json", *options],
        cwd=ROOT,
        env={**os.environ, "CALLBOX_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


DAMAGE = (
    "lost",
    "wrong_repeats",
    "escalations_missing",
    "escalations_doubled",
    "replay_differences",
    "questions_lost",
    "questions_wrong",
)


@pytest.mark.long
def test_three_faults_lose_nothing(cache: Path) -> None:
    code, found = chaos(cache, "--presses", "300", "--kills", "3", "--seed", "1", "--rate", "30")
    assert found["faults"] == 3, [fault for fault in found["fault_list"] if not fault["counts"]]
    assert found["presses_taken"] == found["questions"] == found["presses"] == 300
    assert {name: found[name] for name in DAMAGE} == dict.fromkeys(DAMAGE, 0)
    assert code == 0


@pytest.mark.long
def test_a_thousand_presses_and_ten_faults_lose_nothing(cache: Path) -> None:
    code, found = chaos(cache, "--presses", "1000", "--kills", "10", "--seed", "1", "--rate", "30")
    assert found["fault_list"] != []
    assert found["faults"] == 10, [fault for fault in found["fault_list"] if not fault["counts"]]
    assert {fault["fault"] for fault in found["fault_list"]} == set(Fault) - set(found["not_applicable"])
    assert not found["not_applicable"] or os.environ.get("CALLBOX_REQUIRE_KAFKA") != "1", (
        "CI may mount a disk"
    )
    assert found["bars"]["exit_codes"]["holds"], found["bars"]["exit_codes"]
    assert found["presses_taken"] == found["questions"] == found["presses"] == 1000
    assert {name: found[name] for name in DAMAGE} == dict.fromkeys(DAMAGE, 0)
    assert code == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("sabotage", "seen_in"),
    [
        (Sabotage.ACK_BEFORE_DELIVERY, ("lost", "questions_lost")),
        (Sabotage.SKIP_RESTORE, ("replay_differences",)),
        (Sabotage.RANDOM_IDS, ("escalations_missing",)),
    ],
)
def test_a_broken_guarantee_is_seen(cache: Path, sabotage: Sabotage, seen_in: tuple[str, ...]) -> None:
    code, found = chaos(
        cache, "--presses", "300", "--kills", "3", "--seed", "1", "--rate", "30", "--sabotage", sabotage
    )
    assert all(found[name] > 0 for name in seen_in), found
    assert code == 0
