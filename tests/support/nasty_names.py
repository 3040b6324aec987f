"""Ids and names that somebody outside gives, and a run of the demo that is full of one of them."""

import dataclasses

from msgspec.structs import replace

from callbox.demo.result import RunResult
from schemas.evidence import EvidenceSnapshot
from schemas.units import EpochMs
from tests.support.demo_run import run_result
from tests.support.log_records import START

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
"""Ids and names that act on a terminal, a page, a file system or a document, where they are not text only."""


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
