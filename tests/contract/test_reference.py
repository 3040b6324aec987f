"""The reference pages are what `python -m callbox_testkit.reference` writes, and what it adds of its own is true."""

from pathlib import Path

import msgspec
import pytest

from callbox.config import Config, read_config
from callbox_testkit.reference.__main__ import FOLDER, PAGES, main
from callbox_testkit.reference.acls import COMMANDS
from callbox_testkit.reference.alert import CAP
from callbox_testkit.reference.markdown import table
from callbox_testkit.reference.settings import ALLOWED
from schemas.alert import Alert
from schemas.errors import FileRefused
from tests.support.documents import assert_command


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


def test_an_upright_stroke_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("b | c",)]).splitlines()[-1] == "| b \\| c |"
