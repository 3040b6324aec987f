"""`callbox exercise` without a broker: what is a usage error, said before a broker is asked."""

import pytest

from callbox.cli import run
from tests.support.logs import restored_logs

WHO = ["--actor", "Li", "--organisation", "Town"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", *WHO], "--zone"),
        (["start", "--zone", "east", "--organisation", "Town"], "--actor"),
        (["start", "--zone", "east", *WHO, "--for", "25h"], "longer than 1d"),
        (["start", "--zone", "east", *WHO, "--for", "0h"], "no length of time"),
        (["start", "--zone", "east", *WHO, "--for", "a while"], "no length of time"),
        (["end", *WHO], "--zone"),
    ],
)
def test_an_exercise_without_zone_person_or_a_fair_end_is_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLBOX_ACTOR", raising=False)
    with restored_logs():
        assert run(["exercise", *arguments]) == 2
    assert said in capsys.readouterr().err
