"""The workers of an earlier commit replaced one by one by today's, under load. On Apache Kafka."""

import json
from pathlib import Path

import pytest

from benchmarks import rolling_upgrade
from benchmarks.endurance.earlier_tree import TODAY, release_before
from schemas.errors import InputMissing
from tests.support.kill_harness import kafka_or_skip

pytestmark = [pytest.mark.kafka, pytest.mark.long]

SHORT = ("--json", "--rate", "30", "--seconds", "45", "--warm-up", "5")


def has_history() -> bool:
    try:
        release_before()
    except InputMissing:
        return False
    return True


def test_an_upgrade_under_load_loses_nothing_and_takes_over_what_is_open(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CALLBOX_CACHE", str(cache))
    expected = 0 if has_history() else InputMissing.exit_code
    with kafka_or_skip():
        code = rolling_upgrade.main(SHORT)
    printed = capsys.readouterr()
    assert code == expected, printed.err
    if expected:
        assert "fetch its history" in printed.err  # a shallow clone has nothing to upgrade from
        return
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
