"""What a command prints, and what stands in a page or a log line: text only.

A gateway, a camera or a dispatch system decides about ids, names and notes. A terminal acts on escape sequences, and a
mark that turns the direction of a text makes one id look like another.
"""

import io
import json
import logging
import sys
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from callbox.cli import run as callbox
from callbox.demo.live import Lines, Screen, cells
from callbox.demo.report.files import (
    ALERTS_FILE,
    SNAPSHOTS,
    claim,
    write_records,
)
from callbox.demo.report.page import render_page
from callbox.demo.watch import Arrival
from callbox.logging import LogFormat, configure_logs
from callbox.terminal.printable import echo, echo_json, json_text, printable
from schemas.codec import encode
from schemas.errors import FileRefused
from schemas.units import EpochMs
from tests.support.demo_run import alerts
from tests.support.log_records import START
from tests.support.nasty_names import NASTY, run_of
from tests.support.source_tree import modules


@pytest.mark.parametrize("name", NASTY)
def test_the_page_and_the_files_of_a_run_hold_text_only(name: str, tmp_path: Path) -> None:
    page = render_page(run_of(name), [name], SNAPSHOTS)
    assert all(line.isprintable() for line in page.split("\n"))
    assert "<script>" not in page
    assert unescape(page).count(printable(name)) > 0
    svg = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    ET.fromstring(svg)
    claim(tmp_path)
    write_records(run_of(name), tmp_path)
    lines = (tmp_path / ALERTS_FILE).read_text("utf-8").split("\n")
    assert all(line.isprintable() for line in lines)
    assert json.loads(lines[0])["alert"]["zone"] == name


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_the_demo_shows_is_text_only(name: str, is_terminal: bool) -> None:
    placed = alerts()[0]
    arrival = Arrival(placed.topic, encode(replace(placed.alert, zone=name)), EpochMs(START))
    shown, _style = cells(1.0, arrival)
    assert all(cell.isprintable() for cell in shown)
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=200)
    display = Screen(console) if is_terminal else Lines(console)
    display.note(name)
    display.step(1.0, name)
    display.arrived(1.0, arrival)
    display.close()
    assert isinstance(console.file, io.StringIO)
    for forbidden in ("\x1b[2J", "\x1b]0", "\x9b", "\u202e", "\u2066", "\u200b", "\x07", "\x00"):
        assert forbidden not in console.file.getvalue()


@given(text=st.text())
def test_json_for_a_terminal_is_printable_and_the_same_value(text: str) -> None:
    line = json_text(msgspec.json.encode({"text": text}))
    assert line.isprintable()
    assert json.loads(line) == {"text": text}


def test_lines_and_json_that_commands_print_are_text_only(capsys: pytest.CaptureFixture[str]) -> None:
    for name in NASTY:
        echo(name)
        echo(name, err=True)
        echo_json({"id": name})
        echo_json({"id": name}, indent=True)
    printed = capsys.readouterr()
    for line in (printed.out + printed.err).split("\n"):
        assert line.isprintable()


def test_no_command_prints_past_the_module_that_makes_text_safe() -> None:
    """The board of incidents alone prints by itself: its rows carry colours, and its cells are printable."""
    may = {"callbox/terminal/printable.py", "callbox/commands/incidents.py"}
    past = [
        module.path
        for module in modules("callbox").values()
        if ("click.echo(" in module.text or "click.secho(" in module.text) and module.path not in may
    ]
    assert past == []


def test_an_error_of_a_command_is_text_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "callbox.toml"
    file.write_text('[kafka]\nbootstrap = "\\u001b[2J\\u202e"\n', encoding="utf-8")
    assert callbox(["--config", str(file), "config", "check"]) == FileRefused.exit_code
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_log_line_is_text_only(log_format: LogFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    import structlog  # noqa: PLC0415

    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    before = logging.getLogger().handlers[:]
    try:
        configure_logs(log_format)
        log = structlog.get_logger("test")
        for name in NASTY:
            log.warning("device.odd", device_id=name, ids=[name])
            log.error("device.failed", exc_info=ValueError(name))
    finally:
        logging.getLogger().handlers[:] = before
    assert written.getvalue()
    lines = (
        written.getvalue().replace("\x7f", "").split("\n")
    )  # JSON escapes all but DEL, on which nothing acts
    assert all(line.isprintable() for line in lines)
