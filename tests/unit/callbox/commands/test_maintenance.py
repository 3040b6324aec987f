"""`callbox maintenance` without a broker: what is a usage error, said before a broker is asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.cli import run
from tests.support.logs import restored_logs

WHO = ["--actor", "Li", "--organisation", "Town"]
WHEN = ["--from", "now", "--to", "+2h", "--reason", "planned_work"]
P1 = ["--device", "P1"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, nobody named in the environment, and the logging of the test run afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in ("CALLBOX_CONFIG", "CALLBOX_ACTOR", "CALLBOX_ORGANISATION"):
        monkeypatch.delenv(name, raising=False)
    with restored_logs():
        yield


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*WHEN, *WHO], "name what is worked on"),
        ([*P1, "--site", "G1", *WHEN, *WHO], "name what is worked on"),
        ([*P1, "--zone", "", *WHEN, *WHO], "name what is worked on"),
        ([*P1, *WHEN], "--actor"),
        ([*P1, *WHEN[:4], *WHO], "--reason"),
        ([*P1, *WHEN[:4], "--reason", "boredom", *WHO], "boredom"),
        ([*P1, *WHEN, *WHO, "--until", "+9d"], "--until is the end of a --rule"),
        ([*P1, *WHEN, *WHO, "--rule", "FREQ=SECONDLY"], "use BYHOUR"),
        ([*P1, *WHEN, *WHO, "--timezone", "Mars"], "no time zone"),
        ([*P1, *WHEN, *WHO, "--note", "x" * 501], "at most 500"),
        ([*P1, *WHEN, *WHO, "--note", "a\x1bb"], "can be read"),
        ([*P1, "--from", "noon", *WHEN[2:], *WHO], "'noon' is no time"),
        ([*P1, "--from", "+3h", *WHEN[2:], *WHO], "must be after --from"),
    ],
)
def test_a_plan_that_is_none_is_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["maintenance", "add", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_help_says_that_red_is_never_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["add"]):
        assert run(["maintenance", *command, "--help"]) == 0
        assert "never red" in capsys.readouterr().out
