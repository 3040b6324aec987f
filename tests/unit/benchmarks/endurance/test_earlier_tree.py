"""The source of an earlier commit: what it says of itself, and what is said when it is not there."""

from pathlib import Path

import pytest

from benchmarks import rolling_upgrade
from benchmarks.endurance.earlier_tree import ROOT, TODAY, EarlierTree, Versions, versions_in
from schemas.errors import InputMissing

NOWHERE = "0123456789abcdef0123456789abcdef01234567"


def test_versions_are_read_from_the_source() -> None:
    assert versions_in("FORMAT_VERSION = 7\n\nFOLD_VERSION = 12\n") == Versions(fold=12, format=7)
    assert versions_in((ROOT / "processors/state/partition_state.py").read_text()) == TODAY


def test_source_that_names_no_versions_has_none() -> None:
    assert versions_in("FORMAT_VERSION = 7\n") is None


def test_a_commit_that_is_not_there_is_refused_and_the_text_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="shallow clone"):
        EarlierTree(NOWHERE, tmp_path / "earlier")


def test_the_bench_ends_with_66_without_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert rolling_upgrade.main(["--json", "--from", NOWHERE]) == InputMissing.exit_code == 66
    printed = capsys.readouterr()
    assert NOWHERE in printed.err or "shallow" in printed.err
    assert printed.out == ""
