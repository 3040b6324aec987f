"""The fold against the referee, on random logs; and the referee's own tools."""

import itertools

import pytest

from schemas.enums import PillarKind
from tests.reference.generator import generate
from tests.reference.referee import verdict
from tests.reference.report import explain
from tests.reference.shrink import shrink
from tests.reference.steps import Report, Step

FIRST_SEED = 1
LOGS = 1_200
"""Logs in each run of the tests: about half a minute."""

CHUNK = 100

MANY_LOGS = 20_000


def wrong_seed(seeds: range) -> int | None:
    return next((seed for seed in seeds if verdict(generate(seed), seed)), None)


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + LOGS, CHUNK))
def test_the_fold_does_with_any_log_what_the_rules_say(first: int) -> None:
    seed = wrong_seed(range(first, first + CHUNK))
    assert seed is None, explain(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(100_000, 100_000 + MANY_LOGS, 1_000))
def test_the_fold_does_with_very_many_logs_what_the_rules_say(first: int) -> None:
    seed = wrong_seed(range(first, first + 1_000))
    assert seed is None, explain(seed)


def test_a_seed_gives_one_log() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


def test_the_logs_have_what_the_field_does_to_an_alarm_system() -> None:
    logs = [generate(seed) for seed in range(60)]
    reports = [step.what for log in logs for step in log if isinstance(step.what, Report)]
    assert {report.kind for report in reports} >= set(PillarKind) - {PillarKind.UNKNOWN}
    assert any(report.occurred_ms == 0 for report in reports)
    assert any(report.sequence == 1 for report in reports)
    assert any(step.honest_at is not None for log in logs for step in log)
    holes = [b.at - a.at for log in logs for a, b in itertools.pairwise(log)]
    assert max(holes) > 86_400_000


def test_a_shrunk_log_is_as_short_as_its_fault_allows() -> None:
    log = generate(1)
    presses = [step for step in log if isinstance(step.what, Report)][:2]

    def has_both(shorter: list[Step]) -> bool:
        return all(step in shorter for step in presses)

    assert shrink(log, has_both) == presses
