"""The command line's exit codes (docs/reference/exit-codes.md) and its one text on stderr."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest

from callbox import cli
from callbox.cli import COMMANDS, run
from callbox.demo.processes.broker_process import free_port
from schemas.errors import CallboxError
from schemas.topics import CATALOGUE
from tests.support.logs import restored_logs
from tests.support.paths import ROOT

DOCUMENT = ROOT / "docs/reference/exit-codes.md"
START = [sys.executable, "-c", "from callbox.cli import main; main()"]

TOWN = """
[[zones]]
name = "north"
chain = [{ tier = "village", unit = "A" }]
[[devices]]
id = "pillar-1"
kind = "pillar"
zone = "north"
lon = 104.1
lat = 30.5
"""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, no config in the environment, and the logging of the test run afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALLBOX_CONFIG", raising=False)
    with restored_logs():
        yield


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def nobody_there() -> str:
    return write("callbox.toml", f'[kafka]\nbootstrap = "127.0.0.1:{free_port()}"')


def test_help_and_version_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert run(["config", "--help"]) == 0
    assert f"version {metadata.version('callbox')}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["fly"], ["config", "show", "--loud"], ["tail"], ["worker", "pianist"]]
)
def test_a_mistyped_command_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert "Usage: callbox" in capsys.readouterr().err


def test_a_topic_that_is_in_no_catalogue_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tail", "weather.v1", "--json"]) == 2
    assert "dispatch.alert.v1" in capsys.readouterr().err


def test_a_time_that_is_none_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tail", "dispatch.alert.v1", "--json", "--from", "yesterday"]) == 2
    assert "RFC 3339" in capsys.readouterr().err


@pytest.mark.parametrize("topic", [topic.name for topic in CATALOGUE if topic.sealed])
def test_no_sealed_topic_is_shown(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tail", topic, "--json"]) == 65
    assert capsys.readouterr().err.startswith(f"callbox: {topic} is sealed")


@pytest.mark.parametrize("command", ["registry", "policy", "hotlist"])
def test_a_file_that_is_not_there_is_missing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "apply", "gone.toml"]) == 66
    assert capsys.readouterr().err == "callbox: gone.toml: No such file or directory\n"


@pytest.mark.parametrize("command", ["registry", "policy"])
def test_a_file_with_an_unknown_key_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "apply", write("file.toml", "colour = 3")]) == 78
    assert capsys.readouterr().err.startswith("callbox: file.toml: colour: unknown key, allowed are ")


def test_a_policy_outside_its_limits_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "apply", write("policy.toml", "reach_m = 5000")]) == 78
    assert "reach_m is 5000, allowed are 0 to 1000" in capsys.readouterr().err


def test_a_policy_can_be_looked_at_without_a_broker(capsys: pytest.CaptureFixture[str]) -> None:
    nobody_there()
    assert run(["policy", "apply", write("policy.toml", "reach_m = 150"), "--dry-run"]) == 0
    assert '"reach_m": 150' in capsys.readouterr().out


def test_a_refused_config_is_refused_by_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    write("callbox.toml", "[kafka]\nbotstrap = 1")
    assert run(["config", "check"]) == 78
    assert run(["registry", "apply", write("town.toml", TOWN)]) == 78
    assert capsys.readouterr().err.count("callbox.toml: kafka.botstrap: unknown key") == 2


def test_a_password_that_is_not_there_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "callbox.toml",
        '[kafka]\nsecurity_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "PLAIN"\n'
        'sasl_username = "a"\nsasl_password_file = "gone"',
    )
    assert run(["config", "check"]) == 66
    assert "sasl_password_file" in capsys.readouterr().err


def test_the_config_that_is_named_is_the_one_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", write("other.toml", "[runtime]\ndrain_s = 7"), "config", "show"]) == 0
    assert '"drain_s": 7.0' in capsys.readouterr().out


def test_a_hotlist_does_not_leave_this_machine_unsealed(capsys: pytest.CaptureFixture[str]) -> None:
    write("callbox.toml", '[kafka]\nbootstrap = "broker.example:9092"')
    assert run(["hotlist", "apply", write("list.toml", "entries = []")]) == 65
    assert "--allow-unsealed" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    nobody_there()
    assert run(["registry", "apply", write("town.toml", TOWN)]) == 69
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("callbox: no broker answers: 127.0.0.1:")


def test_an_interrupted_command_ends_as_shells_expect() -> None:
    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert run([], interrupted) == 130


def test_a_bug_ends_with_its_own_code_and_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def broken() -> None:
        raise ZeroDivisionError

    assert run([], broken) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    reader = "import sys; sys.stdin.close()"
    with subprocess.Popen([sys.executable, "-c", reader], stdin=subprocess.PIPE) as left:
        left.wait()
        shown = subprocess.run(
            [*START, "config", "show"], stdout=left.stdin, stderr=subprocess.PIPE, check=False, text=True
        )
    assert (shown.returncode, shown.stderr) == (0, "")


def test_every_command_can_be_imported() -> None:
    with cli.cli.make_context("callbox", [], resilient_parsing=True) as context:
        for name in COMMANDS:
            assert cli.cli.get_command(context, name) is not None, name


def test_looking_at_the_config_carries_neither_opencv_nor_onnxruntime() -> None:
    code = "import sys; from callbox.cli import run; run(['config', 'show']); print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = shown.stdout.splitlines()[-1].split()
    assert not {"cv2", "onnxruntime", "numpy"} & set(loaded)


def test_every_exit_code_of_an_error_is_documented() -> None:
    documented = {
        int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    }
    assert {kind.exit_code for kind in _all_errors(CallboxError)} | {0, 1, 2, 130} == documented


def _all_errors(kind: type[CallboxError]) -> Iterator[type[CallboxError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _all_errors(below)
