"""The reference pages are what `python -m callbox_testkit.reference` writes, and what it adds of its own is true."""

import re
from pathlib import Path

import msgspec
import pytest

from callbox.config import Config, read_config
from callbox_testkit.reference.__main__ import FOLDER, PAGES, main
from callbox_testkit.reference.acls import COMMANDS
from callbox_testkit.reference.alert import CAP
from callbox_testkit.reference.markdown import table
from callbox_testkit.reference.metrics import SET_BY
from callbox_testkit.reference.settings import ALLOWED, span_of
from schemas.alert import Alert
from schemas.errors import FileRefused
from streams.worker.metrics import METRICS
from streams.worker.spec import WORKERS
from tests.support.documents import assert_command, text_of
from tests.support.paths import ROOT


def test_the_pages_are_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert {path.stem for path in FOLDER.glob("*.md")} == PAGES.keys()


def test_the_check_names_a_page_that_differs_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], tmp_path)
    (tmp_path / "topics.md").write_text("something else", "utf-8")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == "topics.md differs from the code\n"
    assert (tmp_path / "topics.md").read_text("utf-8") == "something else"


def test_the_command_knows_no_other_argument() -> None:
    assert main(["--chekc"]) == 2


@pytest.mark.parametrize("key", ALLOWED)
def test_a_setting_takes_the_lowest_value_that_its_page_allows_and_none_below(key: str) -> None:
    top, name = key.split(".")
    path = "workers.alarms" if top == "workers" else top
    lowest = {"above 0": 0.001, "from 1": 1}.get(ALLOWED[key], 0)
    below = {"above 0": 0.0, "from 1": 0}.get(ALLOWED[key], -1)
    other = "heartbeat_interval_ms = 1\n" if name == "session_timeout_ms" else ""
    lowest = 3 if name == "session_timeout_ms" else lowest  # a heartbeat is at most a third of it
    read_config(f"[{path}]\n{other}{name} = {lowest}\n", "a file")
    with pytest.raises(FileRefused):
        read_config(f"[{path}]\n{name} = {below}\n", "a file")


@pytest.mark.parametrize("key", [key for key, allowed in ALLOWED.items() if " to " in allowed])
def test_a_setting_takes_the_highest_value_that_its_page_allows_and_none_above(key: str) -> None:
    name = key.partition(".")[2]
    highest = int(ALLOWED[key].rpartition(" ")[2])
    read_config(f"[workers.alarms]\n{name} = {highest}\n", "a file")
    with pytest.raises(FileRefused):
        read_config(f"[workers.alarms]\n{name} = {highest + 1}\n", "a file")


def test_every_setting_of_which_a_limit_is_told_is_there() -> None:
    plain = msgspec.to_builtins(Config())
    worker = next(iter(plain["workers"].values()))
    for key in ALLOWED:
        top, name = key.split(".")
        assert name in (worker if top == "workers" else plain[top]), key


def test_every_field_with_a_place_in_cap_is_a_field_of_the_alert() -> None:
    assert CAP.keys() <= set(Alert.__struct_fields__)


def test_every_command_with_a_right_is_a_command() -> None:
    for commands, _ in COMMANDS:
        for command in commands:
            assert_command(command.removeprefix("callbox "))


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (0, "0"),
        (300, "0.3 s"),
        (90_000, "90 s"),
        (900_000, "15 min"),
        (14_400_000, "4 h"),
        (86_400_000, "1 day"),
        (2_592_000_000, "30 days"),
    ],
)
def test_a_time_is_told_in_the_largest_unit_that_holds_it_whole(milliseconds: int, told: str) -> None:
    assert span_of(milliseconds) == told


def test_a_metric_is_set_by_the_workers_that_its_page_names() -> None:
    for attribute in METRICS:
        uses = [
            Path(*path.relative_to(ROOT).parts[1:])
            for path in (*(ROOT / "streams").rglob("*.py"), ROOT / "callbox/commands/worker.py")
            if re.search(rf"metrics\.{attribute}\b", text_of(path))
        ]
        assert uses, attribute
        shared = {"worker": tuple(WORKERS), "state": ("fusion",)}
        shared_file = {
            # Used by whoever writes ticks or watermarks, which `plates` does not.
            "worker/clock_watch.py": ("alarms", "frames", "fusion"),
            "workers/pictured_reads.py": ("plates",),
            "commands/worker.py": tuple(WORKERS),
            "pictures/pool.py": ("frames", "plates"),
        }
        found = {
            name
            for path in uses
            for name in shared_file.get(path.as_posix()) or shared.get(path.parts[0], (path.stem,))
        }
        assert found == set(SET_BY.get(attribute, WORKERS)), attribute


def test_an_upright_stroke_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("b | c",)]).splitlines()[-1] == "| b \\| c |"
