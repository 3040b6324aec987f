"""One phase of the latency bench: send, receive, wait, count."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.support.processor_time import machine_time, stolen_share

Ids = Callable[[bytes], Iterable[int]]


class Phase:
    """Presses that are sent to one topic at a steady rate, and awaited on another.

    Args:
        bootstrap: The broker.
        folder: Folder for the files that the two processes write.
        send_to: Topic of the presses.
        receive_from: Topic of the records that must come out.
        numbers_in: The press numbers that a received record names.
    """

    def __init__(
        self, bootstrap: str, folder: Path, *, send_to: str, receive_from: str, numbers_in: Ids
    ) -> None:
        self._bootstrap, self._folder = bootstrap, folder
        self._send_to, self._receive_from, self._numbers_in = send_to, receive_from, numbers_in

    def run(self, *, first: int, rate: int, seconds: float) -> dict[str, object]:
        """Run it once.

        Returns:
            The figures; `arrivals` has (scheduled, latency) for further use and is not for printing.
        """
        stop_file = self._folder / "stop"
        sent_file, got_file = self._folder / "sent.json", self._folder / "got.jsonl"
        stop_file.unlink(missing_ok=True)
        receiver = _start(
            "receive",
            self._bootstrap,
            self._receive_from,
            "--expect",
            str(int(rate * seconds)),
            "--stop-file",
            str(stop_file),
            "--out",
            str(got_file),
        )
        if receiver.stdout is not None:
            receiver.stdout.readline()
        before = machine_time()
        sender = _start(
            "send",
            self._bootstrap,
            self._send_to,
            "--first",
            str(first),
            "--rate",
            str(rate),
            "--seconds",
            str(seconds),
            "--out",
            str(sent_file),
        )
        sender.wait(seconds + 60)
        after = machine_time()
        stop_file.touch()
        receiver.wait(60)
        return self._figures(sent_file, got_file) | {"stolen": round(stolen_share(before, after), 4)}

    def _figures(self, sent_file: Path, got_file: Path) -> dict[str, object]:
        sent = json.loads(sent_file.read_text())
        scheduled = {int(number): at for number, at in sent["scheduled"].items()}
        first_seen: dict[int, float] = {}
        repeats = 0
        with got_file.open() as lines:
            for line in lines:
                at, value = json.loads(line)
                for number in self._numbers_in(bytes.fromhex(value)):
                    if number in first_seen:
                        repeats += 1
                    elif number in scheduled:
                        first_seen[number] = at
        pairs = sorted(
            (scheduled[number], (at - scheduled[number]) * 1000) for number, at in first_seen.items()
        )
        latencies = np.array([latency for _, latency in pairs])
        p50, p90, p99, most = (
            np.percentile(latencies, [50, 90, 99, 100]) if len(latencies) else [float("nan")] * 4
        )
        return {
            "p50_ms": round(float(p50), 2),
            "p90_ms": round(float(p90), 2),
            "p99_ms": round(float(p99), 2),
            "max_ms": round(float(most), 2),
            "sent": len(scheduled),
            "acknowledged": len(sent["acknowledged"]),
            "lost": len(set(sent["acknowledged"]) - first_seen.keys()),
            "repeats": repeats,
            "arrivals": pairs,
        }


def _start(role: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.support.open_loop", role, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
