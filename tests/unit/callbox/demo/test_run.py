"""A run works beside the main thread, and refuses a wrong scenario before anything starts."""

import threading
from pathlib import Path

import pytest

from callbox.cli import run as callbox
from callbox.demo.run import in_background


def test_background_work_hands_over_its_result_or_its_error() -> None:
    assert in_background(lambda: threading.current_thread().daemon).result(5) is True
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result(5)


def test_a_scenario_that_is_not_there_or_wrong_ends_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "scenario.toml", tmp_path / "out"
    arguments = ["demo", "--scenario", str(file), "--out", str(out)]
    assert callbox(arguments) == 66
    file.write_text("vehicles = []\nsteps = []\n")
    assert callbox(arguments) == 78
    assert "scenario.toml: steps" in capsys.readouterr().err
    assert not out.exists()
