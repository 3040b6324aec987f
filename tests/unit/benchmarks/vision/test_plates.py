import json
from pathlib import Path

import pytest

from benchmarks.vision.plates import ReadResult, edit_distance, run, summary, wilson
from processors.plates.consensus import PlateReading, PlateSeries
from schemas.errors import InputMissing


def outcome(truth: str, text: str, *, certain: bool = False, took_ms: float = 10) -> ReadResult:
    return ReadResult(
        truth, PlateReading(text, 0.9, certain, PlateSeries.ORDINARY), raw_a="", took_ms=took_ms
    )


def test_the_figures_are_counted_over_all_pictures() -> None:
    outcomes = [
        outcome("皖A12345", "皖A12345", certain=True),
        outcome("皖A12345", "鄂A12345"),
        outcome("皖A12345", "皖A12346", certain=True, took_ms=30),
        outcome("皖A12345", ""),
    ]
    figures = summary(outcomes)
    assert figures["n"] == 4
    assert figures["exact"] == 0.25
    assert figures["exact_without_province"] == 0.5
    assert figures["gate_coverage"] == 0.5
    assert figures["gate_precision"] == 0.5
    assert figures["char_accuracy"] == round(1 - 9 / 28, 4)
    assert figures["ms_per_plate"] == 10
    json.dumps(figures)


def test_a_gate_that_lets_nothing_through_has_no_precision() -> None:
    figures = summary([outcome("皖A12345", "皖A12345")])
    assert figures["gate_precision"] is None


def test_the_interval_is_wilsons() -> None:
    assert wilson(0, 0) is None
    assert wilson(470, 500) == pytest.approx((0.9157, 0.9576), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


@pytest.mark.parametrize(
    ("one", "other", "edits"), [("", "ABC", 3), ("ABC", "ABC", 0), ("AC", "ABC", 1), ("ABD", "ABC", 1)]
)
def test_the_edit_distance_counts_each_edit_once(one: str, other: str, edits: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == edits


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("text")
    with pytest.raises(InputMissing, match="no crops"):
        run(tmp_path, tmp_path)
