"""The summary at the end of a run has its numbers, its files and its verdict."""

from pathlib import Path

from callbox.demo.finish import summary
from tests.support.demo_run import run_result


def test_the_summary_counts_and_says_where_the_files_are() -> None:
    text = "\n".join(summary(run_result(), [], Path("out")))
    for part in (
        "2  alarm.pillar-event.v1",
        "p50 17 ms",
        "plate_text_invalid",
        "RIGHT",
        "1 hit",
        "index.html",
    ):
        assert part in text
    assert "WRONG: 1 problems" in "\n".join(summary(run_result(), ["missing"], Path("out")))
