"""The files of a run: alerts.jsonl, fusion.input.avro, index.html and snapshots/, in a folder of their own."""

import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from callbox.demo.report.page import render_page
from callbox.demo.result import Story
from streams.replay.recording import write_log

ALERTS_FILE: Final = "alerts.jsonl"
RECORDING: Final = "fusion.input.avro"
PAGE: Final = "index.html"
SNAPSHOTS: Final = "snapshots"
LOGS: Final = "logs"


def clear(out: Path) -> None:
    """Remove what an earlier run left, and nothing else."""
    for name in (ALERTS_FILE, RECORDING, PAGE):
        (out / name).unlink(missing_ok=True)
    for name in (SNAPSHOTS, LOGS):
        shutil.rmtree(out / name, ignore_errors=True)


def write_records(story: Story, out: Path) -> None:
    """Write the alerts, the log and the redacted pictures."""
    lines = [msgspec.json.encode(_line(story, index)) for index in range(len(story.found.alerts))]
    (out / ALERTS_FILE).write_bytes(b"".join(line + b"\n" for line in lines))
    write_log(out / RECORDING, story.found.log())
    folder = out / SNAPSHOTS
    folder.mkdir(exist_ok=True)
    for snapshot in story.found.evidence.values():
        (folder / f"{snapshot.snapshot_id}.jpg").write_bytes(snapshot.jpeg)


def write_page(story: Story, problems: list[str], out: Path) -> None:
    """Write the page; it shows the pictures by their names in `snapshots/`."""
    (out / PAGE).write_text(render_page(story, problems, SNAPSHOTS), encoding="utf-8")


def _line(story: Story, index: int) -> dict[str, Any]:
    placed = story.found.alerts[index]
    return {
        "topic": placed.topic,
        "arrived_at": story.arrived.get(placed.alert.alert_id),
        "alert": msgspec.to_builtins(placed.alert),
    }
