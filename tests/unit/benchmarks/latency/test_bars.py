"""The bars of the latency bench, judged from figures of one run."""

import json
from typing import Any

import pytest

from benchmarks.latency.bars import BARS, Bar, verdicts
from benchmarks.latency.plan import PHASES


def figures(**changed: Any) -> dict[str, Any]:
    """A run in which every bar is just met."""
    met: dict[str, Any] = {
        "honest_200": {"p50_ms": 1.0, "p99_ms": 5.0, "lost": 0},
        "idle_200": {"p50_ms": 1.7, "p99_ms": 10.0, "lost": 0},
        "honest_1000": {"p50_ms": 2.0, "p99_ms": 20.0, "lost": 0},
        "idle_1000": {"p50_ms": 12.0, "p99_ms": 90.0, "lost": 0},
        "earlier_1000": {"p50_ms": 12.0, "p99_ms": 300.0, "lost": 0},
        "busy_200": {"p50_ms": 3.4, "p99_ms": 90.0, "lost": 0},
        "honest_busy_200": {"p50_ms": 2.0, "p99_ms": 60.0, "lost": 0},
        "capacity_per_s": 950,
        "earlier_capacity_per_s": 1000,
    }
    return met | changed


def test_a_ratio_at_its_limit_is_met_and_printed() -> None:
    found = verdicts(figures())
    assert [verdict["met"] for verdict in found] == [True] * (len(BARS) + 1)
    assert found[0] == {"bar": "idle_200 p50_ms <= 1.7 x honest_200", "ratio": 1.7, "met": True}
    assert found[4] == {"bar": "capacity_per_s >= 0.95 x earlier", "ratio": 0.95, "met": True}


def test_a_ratio_beyond_its_limit_is_not_met() -> None:
    slower = {"p50_ms": 1.71, "p99_ms": 10.1, "lost": 0}
    assert [each["met"] for each in verdicts(figures(idle_200=slower))[:2]] == [False, False]


def test_a_capacity_below_that_of_the_earlier_one_is_not_met() -> None:
    assert verdicts(figures(capacity_per_s=949))[4]["met"] is False
    assert verdicts(figures(earlier_capacity_per_s=0))[4]["met"] is True
    assert verdicts(figures(capacity_per_s=0, earlier_capacity_per_s=0))[4]["met"] is False


def test_a_phase_that_was_not_measured_has_no_verdict() -> None:
    without = {name: value for name, value in figures().items() if not name.startswith("earlier")}
    found = {verdict["bar"]: verdict["met"] for verdict in verdicts(without)}
    assert found["idle_1000 p50_ms <= 1.05 x earlier_1000"] is None
    assert found["capacity_per_s >= 0.95 x earlier"] is None
    assert found["idle_1000 p50_ms <= 6 x honest_1000"] is True


def test_presses_that_did_not_come_meet_no_bar() -> None:
    gone = {"p50_ms": None, "p99_ms": None, "lost": 0}
    assert verdicts(figures(idle_200=gone))[0] == {
        "bar": "idle_200 p50_ms <= 1.7 x honest_200",
        "ratio": None,
        "met": False,
    }
    assert verdicts(figures(idle_200=gone, honest_200=gone))[0]["met"] is False


def test_a_lost_press_is_never_met_and_that_of_the_earlier_release_is_not_ours() -> None:
    assert verdicts(figures(busy_200={"p50_ms": 1.0, "p99_ms": 2.0, "lost": 1}))[-1]["met"] is False
    assert verdicts(figures(earlier_1000={"p50_ms": 40.0, "p99_ms": 99.0, "lost": 1}))[-1]["met"] is True


def test_verdicts_are_json() -> None:
    assert json.loads(json.dumps(verdicts(figures(idle_200={"p50_ms": None, "p99_ms": None, "lost": 0}))))


@pytest.mark.parametrize("bar", BARS)
def test_a_bar_names_phases_that_are_measured(bar: Bar) -> None:
    assert not bar.phase or {bar.phase, bar.beside} <= PHASES.keys()
