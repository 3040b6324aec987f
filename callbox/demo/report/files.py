"""The files of a run: alerts.jsonl, fusion.input.avro, index.html, snapshots/ and logs/, in a folder of their own."""

import os
import re
import stat
from pathlib import Path
from typing import Any, Final

import msgspec

from callbox.demo.report.page import picture_file, render_page
from callbox.demo.result import RunResult
from callbox.terminal.printable import json_text, printable
from schemas.errors import FileRefused
from streams.replay.recording import write_log
from streams.worker.spec import WORKERS

ALERTS_FILE: Final = "alerts.jsonl"
RECORDING: Final = "fusion.input.avro"
PAGE: Final = "index.html"
SNAPSHOTS: Final = "snapshots"
LOGS: Final = "logs"
MARKER: Final = ".callbox-demo"

_MARKED: Final = (
    "callbox demo made this folder. A later run removes the files that the demo makes, and no others.\n"
)
_PROCESSES: Final = "|".join(("broker", *WORKERS))
_MADE: Final = re.compile(
    rf"{ALERTS_FILE}|{RECORDING}|{PAGE}|{SNAPSHOTS}/[0-9a-f]{{26}}\.jpg|{LOGS}/({_PROCESSES})\.(log|metrics)"
)
"""Every file that a run may leave: the pictures are named by a fingerprint (`picture_file`), the logs by a process."""


def claim(out: Path) -> None:
    """Make the folder of a run, or take over that of an earlier run and remove the files that it made.

    A folder is the demo's own if it has the demo's marker. In it, only files that the demo makes are removed; where
    anything else lies, nothing is.

    Raises:
        FileRefused: It is the root or somebody's home, a link, no folder, or somebody else's; it holds what the demo
            has not made, or no marker. Nothing was removed.
    """
    try:
        _refuse_place(out)
        out.mkdir(parents=True, exist_ok=True)
        for path in _made_by_the_demo(out):
            path.unlink()
        for folder in (out / SNAPSHOTS, out / LOGS):
            if folder.exists():
                folder.rmdir()
        if not (out / MARKER).exists():
            with (out / MARKER).open("x", encoding="utf-8") as marker:
                marker.write(_MARKED)
    except OSError as error:
        raise FileRefused(f"{error.filename or out}: {error.strerror}") from error


def _refuse_place(out: Path) -> None:
    """Refuse what is no folder for a run, whatever it holds.

    Raises:
        FileRefused: As `claim`.
    """
    if out.is_symlink():
        raise FileRefused(f"{out}: a link; name the folder itself")
    if not out.exists():
        return
    if not out.is_dir():
        raise FileRefused(f"{out}: no folder")
    if out.resolve() in {Path(out.resolve().anchor), Path.home().resolve()}:
        raise FileRefused(f"{out}: not a folder of its own; name one that only the demo uses")
    found = out.stat()
    if found.st_uid not in {os.geteuid(), 0} or found.st_mode & stat.S_IWOTH:
        raise FileRefused(f"{out}: others could exchange its files while the demo runs; name another folder")


def _made_by_the_demo(out: Path) -> list[Path]:
    """The files of an earlier run, apart from the marker; none in an empty folder.

    Raises:
        FileRefused: As `claim`.
    """
    found = sorted(out.iterdir())
    marker = out / MARKER
    if not found:
        return []
    if not _is_plain(marker) or marker.read_bytes() != _MARKED.encode():
        raise FileRefused(
            f"{out}: not empty, and not a folder that the demo made ({MARKER} is not there, or is another file); "
            "name another folder, or remove this one yourself"
        )
    made: list[Path] = []
    for path in found:
        if path.name in {SNAPSHOTS, LOGS} and path.is_dir() and not path.is_symlink():
            made += sorted(path.iterdir())
        elif path != marker:
            made.append(path)
    for path in made:
        place = path.relative_to(out).as_posix()
        if not (_is_plain(path) and _MADE.fullmatch(place)):
            raise FileRefused(
                f"{out}: holds {printable(place)}, which the demo has not made; move it away, or name another folder"
            )
    return made


def _is_plain(path: Path) -> bool:
    """Whether it is a regular file, and no link."""
    return path.is_file() and not path.is_symlink()


def write_records(result: RunResult, out: Path) -> None:
    """Write the alerts, the log and the redacted pictures."""
    lines = [msgspec.json.encode(_line(result, index)) for index in range(len(result.collected.alerts))]
    text = "".join(json_text(line) + "\n" for line in lines)
    (out / ALERTS_FILE).write_text(text, encoding="utf-8")
    write_log(out / RECORDING, result.collected.log())
    folder = out / SNAPSHOTS
    folder.mkdir(exist_ok=True)
    for snapshot in result.collected.evidence.values():
        (folder / picture_file(snapshot.snapshot_id)).write_bytes(snapshot.jpeg)


def write_page(result: RunResult, problems: list[str], out: Path) -> None:
    """Write the page, which shows the pictures in `snapshots/`."""
    (out / PAGE).write_text(render_page(result, problems, SNAPSHOTS), encoding="utf-8")


def _line(result: RunResult, index: int) -> dict[str, Any]:
    placed = result.collected.alerts[index]
    return {
        "topic": placed.topic,
        "arrived_at": result.arrived.get(placed.alert.alert_id),
        "alert": msgspec.to_builtins(placed.alert),
    }
