"""The wrapper program: `callbox` as shipped, unless its environment asks for pieces of another kind."""

import os
import subprocess
from pathlib import Path

import pytest

from callbox.demo.processes.worker_process import COMMAND
from callbox_testkit.worker import PROGRAM, substituted
from streams.worker.agent import MakeAgent
from streams.workers.alarms import AlarmsAgent
from tests.support.paths import ROOT

ALARMS: MakeAgent = AlarmsAgent
TIMEOUT_S = 60


def help_of(*program: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [*program, "worker", "--help"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout


def test_it_takes_what_callbox_worker_takes(tmp_path: Path) -> None:
    shipped = help_of(*COMMAND, folder=tmp_path)
    assert "--replica" in shipped
    assert help_of(*PROGRAM, folder=tmp_path) == shipped


def test_without_the_variables_the_agent_is_the_shipped_one() -> None:
    assert substituted("alarms", ALARMS, {}) is ALARMS


def test_a_fail_point_of_another_worker_changes_nothing() -> None:
    assert substituted("alarms", ALARMS, {"CALLBOX_FAIL_POINT": "fusion.delivered:3"}) is ALARMS
    assert substituted("alarms", ALARMS, {"CALLBOX_FAIL_POINT": "alarms.delivered:3"}) is not ALARMS


def test_what_is_not_known_ends_it_at_its_start() -> None:
    with pytest.raises(ValueError, match="everything"):
        substituted("alarms", ALARMS, {"CALLBOX_SABOTAGE": "everything"})


@pytest.mark.parametrize("variable", ["CALLBOX_SABOTAGE", "CALLBOX_FAIL_POINT"])
def test_the_product_does_not_know_the_variables(variable: str) -> None:
    product = [ROOT / name for name in ("callbox", "streams", "models", "processors", "schemas")]
    found = [
        file for package in product for file in package.rglob("*.py") if variable in file.read_text("utf-8")
    ]
    assert found == []
