"""The latency bench without the commit that it is to be set beside."""

import pytest

from benchmarks.latency.bench import main
from schemas.errors import InputMissing

NOWHERE = "0123456789abcdef0123456789abcdef01234567"


def test_the_bench_ends_with_66_without_the_commit_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--json", "--earlier", NOWHERE]) == InputMissing.exit_code == 66
    printed = capsys.readouterr()
    assert "--earlier none" in printed.err
    assert printed.out == ""
