"""What a command deletes, writes, prints and finds in order.

Who attacks differs. A gateway, a camera or a dispatch system decides about ids, names and notes that a command prints
or makes files of. Another user of the machine lays links and files into folders that a command writes. And an operator
in a hurry names a folder that holds something else, or a config with a password that all can read. The boundary is the
command: it deletes what it made itself, writes inside its folder, prints text only, and names what is open.
"""

import dataclasses
import io
import json
import logging
import os
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
from callbox.config import load_config
from callbox.config_findings import findings
from callbox.demo.live import Lines, Screen, cells
from callbox.demo.report.files import (
    ALERTS_FILE,
    LOGS,
    MARKER,
    PAGE,
    RECORDING,
    SNAPSHOTS,
    claim,
    write_page,
    write_records,
)
from callbox.demo.report.page import picture_file, render_page
from callbox.demo.result import RunResult
from callbox.demo.watch import Arrival
from callbox.logging import LogFormat, configure_logs
from callbox.terminal.printable import echo, echo_json, json_text, printable
from schemas.codec import encode
from schemas.errors import FileRefused
from schemas.evidence import EvidenceSnapshot
from schemas.units import EpochMs
from tests.support.demo_run import alerts, run_result
from tests.support.log_records import START
from tests.support.source_tree import modules

NASTY = (
    "../../x",
    "/etc/x",
    "a\x1b[2J\x1b]0;owned\x07b",
    "a\x9b31mb",
    "first\nsecond",
    "line\u2028separator",
    "\u202egpj.exe",
    "\u2066isolate",
    "zero\u200bwidth",
    "\x00",
    "\x7f",
    "\ufffe\uffff",
    "<script>alert(1)</script>",
    "'\" onerror=alert(1) x='",
    "[bold red]markup[/]",
)


# --- the folder of the demo ---------------------------------------------------------------------------------------


def of_an_earlier_run(out: Path) -> Path:
    """A folder that the demo has made, with the files of a run."""
    claim(out)
    for name in (SNAPSHOTS, LOGS):
        (out / name).mkdir()
    for name in (ALERTS_FILE, RECORDING, PAGE, f"{LOGS}/fusion.log", f"{LOGS}/alarms.metrics"):
        (out / name).write_text("earlier")
    (out / SNAPSHOTS / picture_file("frame-1")).write_text("earlier")
    return out


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_the_demo_removes_the_files_of_its_earlier_run(tmp_path: Path) -> None:
    out = of_an_earlier_run(tmp_path / "deep" / "out")
    claim(out)
    assert files_in(out) == {MARKER}
    claim(out)  # an interrupted run has left nothing but the marker


def test_an_empty_folder_may_become_the_demo_s(tmp_path: Path) -> None:
    claim(tmp_path)
    assert files_in(tmp_path) == {MARKER}


@pytest.mark.parametrize("name", ["logs/theirs.log", "logs/fusion.log", "snapshots/a.jpg", "notes.txt", PAGE])
def test_a_folder_that_the_demo_has_not_made_is_left_alone(name: str, tmp_path: Path) -> None:
    file = tmp_path / "out" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(FileRefused, match="not a folder that the demo made"):
        claim(tmp_path / "out")
    assert file.read_text() == "mine"
    assert MARKER not in files_in(tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["notes.txt", "logs/notes.txt", "logs/kafka.log", "snapshots/holiday.jpg", "logs/old/fusion.log"]
)
def test_where_somebody_has_put_a_file_among_those_of_the_demo_nothing_is_removed(
    name: str, tmp_path: Path
) -> None:
    out = of_an_earlier_run(tmp_path / "out")
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    before = files_in(out)
    with pytest.raises(FileRefused, match="which the demo has not made"):
        claim(out)
    assert files_in(out) == before


def test_a_link_is_not_the_demo_s_folder(tmp_path: Path) -> None:
    of_an_earlier_run(tmp_path / "real")
    (tmp_path / "out").symlink_to(tmp_path / "real")
    with pytest.raises(FileRefused, match="a link"):
        claim(tmp_path / "out")
    assert PAGE in files_in(tmp_path / "real")


@pytest.mark.parametrize("name", [LOGS, SNAPSHOTS, PAGE, f"{LOGS}/plates.log"])
def test_a_link_inside_the_folder_is_not_followed(name: str, tmp_path: Path) -> None:
    out = of_an_earlier_run(tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "fusion.log").write_text("mine")
    if (out / name).is_dir():
        for file in (out / name).iterdir():
            file.unlink()
        (out / name).rmdir()
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(elsewhere)
    with pytest.raises(FileRefused, match="which the demo has not made"):
        claim(out)
    assert (elsewhere / "fusion.log").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "folder", "other text"])
def test_a_marker_of_another_kind_is_none(kind: str, tmp_path: Path) -> None:
    real = of_an_earlier_run(tmp_path / "real")
    out = tmp_path / "out"
    (out / LOGS).mkdir(parents=True)
    (out / LOGS / "fusion.log").write_text("mine")
    if kind == "link":
        (out / MARKER).symlink_to(real / MARKER)
    elif kind == "folder":
        (out / MARKER).mkdir()
    else:
        (out / MARKER).write_text("callbox demo")
    with pytest.raises(FileRefused, match="not a folder that the demo made"):
        claim(out)
    assert (out / LOGS / "fusion.log").read_text() == "mine"


def test_root_home_and_the_repository_are_no_folders_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(Path(__file__).parents[2])
    for out in (Path("/"), tmp_path / "home", tmp_path / "home" / ".." / "home", Path()):
        before = {path.name for path in out.iterdir()}
        with pytest.raises(FileRefused, match=r"not a folder of its own|not a folder that the demo made"):
            claim(out)
        assert {path.name for path in out.iterdir()} == before


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    with pytest.raises(FileRefused, match="others could exchange"):
        claim(out)


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if os.geteuid() == 0:
        os.chown(out, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FileRefused, match="others could exchange"):
        claim(out)


def test_a_file_in_the_folder_s_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(FileRefused, match="out"):
            claim(out)
    assert (tmp_path / "out").read_text() == "mine"


# --- files named by ids -------------------------------------------------------------------------------------------


def run_of(name: str) -> RunResult:
    """A run with a picture of this id, of a camera of this name, and an alert with texts of it."""
    result = run_result(name)
    picture = EvidenceSnapshot(
        snapshot_id=name,
        camera_id=name,
        captured_at=EpochMs(START + 4000),
        jpeg=b"jpeg",
        sha256="0",
        width=320,
        height=180,
    )
    placed = [
        dataclasses.replace(
            each,
            alert=replace(
                each.alert,
                texts=tuple(replace(text, lang=name, headline=name) for text in each.alert.texts),
                sources=tuple(replace(source, device_id=name) for source in each.alert.sources),
                zone=name,
                responsible_unit=name,
            ),
        )
        for each in result.collected.alerts
    ]
    collected = dataclasses.replace(result.collected, alerts=placed, evidence={(0, 0): picture})
    return dataclasses.replace(result, collected=collected)


@pytest.mark.parametrize("name", NASTY)
def test_an_id_names_no_file_outside_the_demo_s_folder(name: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    claim(out)
    result = run_of(name)
    write_records(result, out)
    write_page(result, [], out)
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"}
    assert files_in(out / SNAPSHOTS) == {picture_file(name)}
    claim(out)  # and all of it is the demo's own
    assert files_in(out) == {MARKER}


@given(name=st.text())
def test_the_file_of_a_picture_is_a_plain_name(name: str) -> None:
    file = picture_file(name)
    assert Path(file).name == file
    assert file.isascii()
    assert file.isprintable()


# --- what is printed ----------------------------------------------------------------------------------------------


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


# --- the hotlist file ---------------------------------------------------------------------------------------------

PLATE = "沪B70Y26"
ENTRY = """[[entries]]
entry_id = "H-1"
plate_text = "沪B70Y26"
jurisdiction = "CN"
purpose = "stolen_vehicle"
authority = "County police"
case_ref = "2031-118"
entered_by = "Duty desk 4"
expires_at = 2031-03-01T00:00:00+08:00
"""
WRONG_LISTS = {
    "a plate as a key": f'{ENTRY}"{PLATE}" = 1\n',
    "a bare key": f"{ENTRY}B70Y26 = 1\n",
    "a dotted key": f"{ENTRY}B70Y26.colour = 1\n",
    "a key at the top": f'"{PLATE}" = 1\n{ENTRY}',
    "a table": f'{ENTRY}[entries."{PLATE}"]\ncolour = "blue"\n',
    "a table at the top": f'{ENTRY}["{PLATE}"]\ncolour = "blue"\n',
    "an array of tables": f'{ENTRY}[["{PLATE}"]]\n',
    "a table that comes twice": f'["{PLATE}"]\n["{PLATE}"]\n',
    "a key that comes twice": f'{ENTRY}plate_text = "{PLATE}"\n',
    "an inline key that comes twice": f'entries = [{{ "{PLATE}" = 1, "{PLATE}" = 2 }}]\n',
    "a table over a value": f'"{PLATE}" = 1\n["{PLATE}"]\n',
    "a table over an inline table": f'a = {{ "{PLATE}" = 1 }}\n[a."{PLATE}"]\n',
    "no quotes": ENTRY.replace(f'"{PLATE}"', "B70Y26"),
    "no equals sign": f'{ENTRY}"{PLATE}"\n',
    "an escape that is none": f'{ENTRY}note = "\\B70Y26"\n',
    "another type": ENTRY.replace(f'"{PLATE}"', f'["{PLATE}"]'),
    "a purpose": ENTRY.replace("stolen_vehicle", PLATE),
    "a colour": f'{ENTRY}plate_colour = "{PLATE}"\n',
    "an id": ENTRY.replace("H-1", f"x {PLATE} x"),
    "an authority": ENTRY.replace("County police", f"of {PLATE}"),
    "an id of another vehicle": ENTRY.replace("H-1", "沪B70Y26").replace(
        'plate_text = "沪B70Y26"', 'plate_text = "A11111"'
    ),
    "a jurisdiction": ENTRY.replace('"CN"', f'"{PLATE}"'),
    "a key that looks like a path": f'{ENTRY}"x` - at `$.{PLATE}" = 1\n',
    "a key of many lines": f'{ENTRY}"{PLATE}\\n" = 1\n',
    "a list of plates": f'["{PLATE}", "B70Y26"]\n',
    "a file of plates": f"{PLATE}\nB70Y26\n",
    "nested without end": f'entries = {"[" * 100_000}"{PLATE}"',
}


@pytest.mark.parametrize("text", WRONG_LISTS.values(), ids=WRONG_LISTS.keys())
@pytest.mark.parametrize("verbose", [False, True])
def test_no_error_of_a_hotlist_shows_a_plate_wherever_it_was_typed(
    text: str, verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.toml"
    file.write_text(text, encoding="utf-8")
    options = ["--verbose", "--log-format", "console"] if verbose else []
    assert callbox([*options, "hotlist", "apply", str(file), "--dry-run"]) == FileRefused.exit_code
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "list.toml" in said
    assert "70Y26" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["a plate as a key", "a bare key", "a dotted key"])
def test_a_key_that_is_not_allowed_is_told_by_its_line_and_what_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.toml"
    file.write_text(WRONG_LISTS[name], encoding="utf-8")
    assert callbox(["hotlist", "apply", str(file), "--dry-run"]) == FileRefused.exit_code
    assert (
        "list.toml: line 10, unknown key in entries[0], allowed are entry_id, plate_text"
        in capsys.readouterr().err
    )


# --- callbox config check -----------------------------------------------------------------------------------------

SASL = """security_protocol = "{protocol}"
sasl_mechanism = "{mechanism}"
sasl_username = "callbox-alarms"
sasl_password_file = "{password}"
"""


class Site:
    """A config with its files, as an operator should have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "etc"
        self.folder.mkdir(mode=0o755)
        self.password, self.key, self.ca = (self.file(name) for name in ("password", "key.pem", "ca.pem"))
        self.certificate = self.file("own.pem")
        for secret in (self.password, self.key):
            secret.chmod(0o600)
        self.config = self.folder / "callbox.toml"

    def file(self, name: str) -> Path:
        path = self.folder / name
        path.write_text("-----BEGIN " if name.endswith("pem") else "hunter2")
        path.chmod(0o644)
        return path

    def write(
        self,
        *,
        bootstrap: str = "kafka-1.example:9093",
        protocol: str = "SASL_SSL",
        mechanism: str = "SCRAM-SHA-512",
        more: str = "",
    ) -> None:
        lines = f'[kafka]\nbootstrap = "{bootstrap}"\n'
        if protocol.startswith("SASL"):
            lines += SASL.format(protocol=protocol, mechanism=mechanism, password=self.password)
        else:
            lines += f'security_protocol = "{protocol}"\n'
        if protocol.endswith("SSL"):
            lines += f'ssl_ca_file = "{self.ca}"\nssl_certificate_file = "{self.certificate}"\n'
            lines += f'ssl_key_file = "{self.key}"\n'
        self.config.write_text(lines + more)
        self.config.chmod(0o644)

    def check(self, *options: str) -> int:
        return callbox(["--config", str(self.config), "config", "check", *options])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write()
    return made


ERROR = FileRefused.exit_code


def test_a_config_that_leaves_nothing_open_is_in_order(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.check("--strict") == 0
    assert capsys.readouterr().out == f"{site.config}: in order, broker kafka-1.example:9093\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize(
    "bootstrap", ["kafka-1.example:9092", "10.0.0.7:9092", "127.0.0.1:9092,kafka:9092", "[2001:db8::1]:9092"]
)
def test_a_user_without_tls_to_another_machine_is_an_error(
    mechanism: str, bootstrap: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.write(bootstrap=bootstrap, protocol="SASL_PLAINTEXT", mechanism=mechanism)
    assert site.check() == ERROR
    assert "kafka.security_protocol" in capsys.readouterr().err
    assert site.check("--allow-plaintext") == (ERROR if mechanism == "PLAIN" else 0)
    assert site.check("--allow-plaintext", "--strict") == ERROR


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.8.0.1:9092"])
def test_on_this_machine_no_tls_is_needed(bootstrap: str, site: Site) -> None:
    for protocol in ("SASL_PLAINTEXT", "PLAINTEXT"):
        site.write(bootstrap=bootstrap, protocol=protocol, mechanism="PLAIN")
        assert site.check("--strict") == 0


def test_plaintext_to_another_machine_is_an_error_until_it_is_allowed(site: Site) -> None:
    site.write(protocol="PLAINTEXT")
    assert site.check() == ERROR
    assert site.check("--allow-plaintext") == 0


@pytest.mark.parametrize(
    ("name", "mode", "code"),
    [
        ("password", 0o666, ERROR),
        ("password", 0o644, ERROR),
        ("password", 0o604, ERROR),
        ("password", 0o602, ERROR),
        ("password", 0o620, ERROR),
        ("password", 0o440, 0),
        ("password", 0o400, 0),
        ("key", 0o666, ERROR),
        ("key", 0o644, ERROR),
        ("key", 0o640, 0),
        ("ca", 0o646, ERROR),
        ("ca", 0o664, 0),
        ("certificate", 0o666, ERROR),
        ("config", 0o666, ERROR),
        ("config", 0o664, 0),
    ],
)
def test_a_file_that_others_may_use_is_found(
    name: str, mode: int, code: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    path: Path = getattr(site, name)
    path.chmod(mode)
    assert site.check() == code
    printed = capsys.readouterr()
    if mode != 0o400:
        assert str(path) in (printed.err if code else printed.out)
        assert f"mode {mode:o}" in printed.out + printed.err
        assert site.check("--strict") == ERROR
    assert "hunter2" not in printed.out + printed.err


@pytest.mark.parametrize(("looks", "severity"), [(54321, "error"), (0, "warning")])
def test_a_file_of_another_user_is_found_and_root_cannot_know_whose_it_should_be(
    looks: int, severity: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Path.stat

    def of_another(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(usual(path, follow_symlinks=follow_symlinks))
        found[4] = 12345 if path.name == "password" else 0
        return os.stat_result(found)

    monkeypatch.setattr(Path, "stat", of_another)
    monkeypatch.setattr(os, "geteuid", lambda: looks)
    found = findings(load_config(site.config), site.config)
    assert [(finding.severity, finding.place) for finding in found] == [
        (severity, "kafka.sasl_password_file")
    ]


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_in_which_everybody_may_write_is_found(mode: int, site: Site) -> None:
    site.folder.chmod(mode)
    assert site.check() == (0 if mode & 0o1000 else ERROR)
    assert site.check("--strict") == ERROR


def test_a_folder_further_up_and_one_behind_a_link_are_found(site: Site, tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    (open_to_all / "deep").mkdir(parents=True)
    (open_to_all / "deep" / "password").write_text("hunter2")
    (open_to_all / "deep" / "password").chmod(0o600)
    open_to_all.chmod(0o777)
    site.password.unlink()
    site.password.symlink_to(open_to_all / "deep" / "password")
    assert site.check() == ERROR


def test_probes_that_others_reach_are_a_warning(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write(more='[workers.alarms]\nhttp_host = "0.0.0.0"\n')
    assert site.check() == 0
    assert "warning: workers.alarms.http_host" in capsys.readouterr().out
    site.write(more='[workers.alarms]\nhttp_host = "0.0.0.0"\nhttp_port = 0\n')
    assert site.check("--strict") == 0


@pytest.mark.parametrize(
    "line",
    [
        'sasl_password = "hunter2"',
        'sasl_password_env = "hunter2!"',
        'ssl_key_file = "-----BEGIN PRIVATE KEY-----\\nhunter2"',
        "sasl_password_file = 4711",
        'sasl_password_file = ["hunter2"]',
        'bootstrap = "callbox:hunter2@kafka:9093"',
        'security_protocol = "SASL_SSL"\nsasl_password_file = "one\\nhunter2"',
    ],
)
def test_a_secret_in_the_config_itself_is_refused_and_not_shown(
    line: str, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    others = "" if line.startswith("bootstrap") else 'bootstrap = "kafka:9093"\n'
    site.config.write_text(f"[kafka]\n{others}{line}\n")
    assert site.check() == ERROR
    printed = capsys.readouterr()
    assert "callbox.toml" in printed.err
    for secret in ("hunter2", "4711"):
        assert secret not in printed.out + printed.err
