"""Golden logs give the same bytes in any process: with other hash seeds or vector units, and cut anywhere."""

import json
import os
import subprocess
import sys

import pytest

from processors.state.partition_state import FOLD_VERSION
from schemas.enums import Reason
from tests.support.golden_log import NAMES, folded, read_log, wanted, wide_features
from tests.support.paths import ROOT

HINT = (
    "the same log gives other alerts now: if that is meant, raise FOLD_VERSION, name it in the CHANGELOG, "
    "and run python -m tests.support.golden_log --write"
)


def folded_elsewhere(name: str, seed: int, without: list[str]) -> dict[str, object]:
    """A golden log folded by another process, with these vector extensions off."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    environment.pop("NPY_DISABLE_CPU_FEATURES", None)
    if without:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(without)
    command = [sys.executable, "-W", "error", "-m", "tests.support.golden_log", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_log_gives_the_bytes_that_were_recorded(name: str) -> None:
    assert folded(read_log(name)) == wanted(name), HINT


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("seed", "is_wide"), [(1, True), (2, False)])
def test_a_golden_log_gives_the_same_bytes_with_any_hash_seed_and_without_avx_512(
    name: str, seed: int, is_wide: bool
) -> None:
    without = [] if is_wide else wide_features()
    elsewhere = folded_elsewhere(name, seed, without)
    assert elsewhere["golden"] == json.loads((ROOT / f"tests/golden/{name}.json").read_bytes()), HINT
    assert elsewhere["features"] == (wide_features() if is_wide else [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_a_golden_log_gives_the_same_bytes_when_it_is_cut_into_a_snapshot_and_the_rest(
    name: str, tenth: int
) -> None:
    log = read_log(name)
    assert folded(log, cut=len(log) * tenth // 10) == wanted(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_alerts_were_written_by_the_present_rules(name: str) -> None:
    assert wanted(name).fold_version == FOLD_VERSION
    assert Reason.FOLD_ERROR not in wanted(name).decisions


def test_the_golden_logs_cover_the_reasons_of_people_devices_and_timers() -> None:
    seen = {reason for name in NAMES for reason in wanted(name).decisions}
    assert seen >= {
        *(
            "accepted",
            "rejected_by_unit",
            "en_route",
            "on_scene",
            "cleared",
            "closed",
            "cancelled",
            "regraded",
        ),
        *("shelved", "out_of_service", "in_service", "never_for_grade", "not_possible_now", "incident_over"),
        *("first_fact", "bounce", "pressed_again", "another_source", "corroborated", "cancel_requested"),
        *("held", "never_raised", "still_burning", "flapping", "site_silent", "inhibited", "device_test"),
        *("nobody_acknowledged", "still_unacknowledged", "no_progress", "shelving_over", "resolved"),
        *("policy_activated", "policy_refused", "device_removed", "feed_fault", "unregistered_device"),
    }
