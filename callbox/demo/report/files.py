"""The files of a run: alerts.jsonl, fusion.input.avro, index.html and snapshots/, in a folder of their own."""

import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from callbox.demo.report.page import render_page
from callbox.demo.result import RunResult
from streams.replay.recording import write_log

ALERTS_FILE: Final = "alerts.jsonl"
RECORDING: Final = "fusion.input.avro"
PAGE: Final = "index.html"
SNAPSHOTS: Final = "snapshots"
LOGS: Final = "logs"


def clear(out: Path) -> None:
    """Remove the files of an earlier run, and nothing else."""
    for name in (ALERTS_FILE, RECORDING, PAGE):
        (out / name).unlink(missing_ok=True)
    for name in (SNAPSHOTS, LOGS):
        shutil.rmtree(out / name, ignore_errors=True)


def write_records(result: RunResult, out: Path) -> None:
    """Write the alerts, the log and the redacted pictures."""
    lines = [msgspec.json.encode(_line(result, index)) for index in range(len(result.collected.alerts))]
    (out / ALERTS_FILE).write_bytes(b"".join(line + b"\n" for line in lines))
    write_log(out / RECORDING, result.collected.log())
    folder = out / SNAPSHOTS
    folder.mkdir(exist_ok=True)
    for snapshot in result.collected.evidence.values():
        (folder / f"{snapshot.snapshot_id}.jpg").write_bytes(snapshot.jpeg)


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
