"""`callbox send` without a broker: what it refuses to begin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callbox.cli import run
from callbox.commands.send import send_group
from schemas.enums import PillarKind
from tests.support.logs import restored_logs

NOBODY = '[kafka]\nbootstrap = "127.0.0.1:1"\n'


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a config that names a broker which is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    Path("callbox.toml").write_text(NOBODY, encoding="utf-8")
    with restored_logs():
        yield


def test_every_kind_of_event_has_a_command() -> None:
    assert sorted(send_group.commands) == sorted(
        kind for kind in PillarKind if kind is not PillarKind.UNKNOWN
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["press"], "DEVICE"),
        (["press", " "], "DEVICE"),
        (["press", "P\x1b[2J"], "DEVICE"),
        (["press", "P" * 129], "DEVICE"),
        (["press", "P1", "--event-id", ""], "--event-id"),
        (["press", "P1", "--occurred-at", "yesterday"], "--occurred-at"),
        (["press", "P1", "--sequence", "-1"], "--sequence"),
        (["press", "P1", "--sequence", str(1 << 63)], "--sequence"),
        (["press", "P1", "--wait", "-1"], "--wait"),
        (["press", "P1", "--over"], "--over"),
        (["heartbeat", "P1", "--count", "3"], "--count goes with --every"),
        (["heartbeat", "P1", "--every", "often"], "--every"),
        (["heartbeat", "P1", "--every", "20s", "--count", "0"], "--count"),
        (["tamper", "P1", "--over", "--wait", "40"], "--wait"),
        (["tamper", "P1", "--exercise", "--wait", "40"], "--wait"),
        (["release", "P1", "--wait", "1"], "--wait"),
    ],
)
def test_what_is_missing_or_mistyped_is_a_usage_error_that_asks_no_broker(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["send", *arguments]) == 2
    assert named in capsys.readouterr().err


def test_without_a_broker_nothing_is_asked_and_nothing_said_to_be_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["send", "press", "P1"]) == 69
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Send it?" not in captured.err
