"""The workers of an earlier commit replaced, kind by kind, by today's, under load. On Apache Kafka."""

import json
from pathlib import Path

import pytest

from benchmarks import rolling_upgrade
from benchmarks.endurance.earlier_tree import TODAY, release_before
from schemas.errors import InputMissing
from tests.support.kill_harness import kafka_or_skip

pytestmark = [pytest.mark.kafka, pytest.mark.long]

SHORT = ("--json", "--rate", "30", "--seconds", "45", "--warm-up", "5")


def require_history() -> None:
    """Skip where the clone has no earlier release to upgrade from: .ci/run fetches it where it can be had."""
    try:
        release_before()
    except InputMissing as error:
        pytest.skip(str(error))


def test_an_upgrade_under_load_loses_nothing_and_takes_over_what_is_open(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLBOX_CACHE", str(cache))
    require_history()
    with kafka_or_skip():
        code = rolling_upgrade.main(SHORT)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    figures = json.loads(printed.out.splitlines()[-1])
    assert figures["presses"] == 30 * (45 + rolling_upgrade.AFTER_S)
    clean = (
        "lost",
        "wrong_repeats",
        "unreadable",
        "dead_letters",
        "never_raised",
        "escalations_missing",
        "escalations_doubled",
    )
    assert {key: figures[key] for key in clean} == dict.fromkeys(clean, 0)
    assert figures["incidents_before"] > 0
    assert figures["escalated_by_today"] == figures["incidents_before"]
    assert figures["incidents_raised_today"] > 0
    assert figures["to"] == TODAY._asdict()
    assert release_before().startswith(figures["from"]["commit"])
