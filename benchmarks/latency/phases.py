"""A slice of a phase is measured: presses are sent to one topic at a steady rate, and awaited on another."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.latency.slices import Ids, Slice, read_slice
from benchmarks.support.open_loop import LOST_AFTER_S, SENDER
from benchmarks.support.processor_time import (
    CpuTime,
    cpu_time_between,
    cpu_time_by_thread,
    machine_time,
    stolen_share,
)

SENT_WITHIN_S = 60.0
READ_WITHIN_S = 60.0
"""How long a sender and a receiver may take beyond what they are waited for anyway: they share the machine."""


class Line(NamedTuple):
    """What is measured: a topic where presses go in, and one where they come out.

    Attributes:
        send_to: Topic of the presses.
        receive_from: Topic of the records that must come out.
        first_named: The press numbers that a received record names first.
        processes: Process ids of all that works on them, by name.
        environment: The environment of the sender; None: that of this process. In that of an earlier release it writes
            as the workers of that release read.
    """

    send_to: str
    receive_from: str
    first_named: Ids
    processes: Mapping[str, int]
    environment: Mapping[str, str] | None = None


class Meter:
    """Measures slices, one at a time.

    Args:
        bootstrap: The broker.
        folder: Folder for the files that sender and receiver write.
    """

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._sent, self._got, self._stop = (folder / name for name in ("sent.json", "got.jsonl", "stop"))

    def press(self, line: Line, *, first: int, rate: int, seconds: float) -> None:
        """Press without measuring.

        Args:
            line: Where.
            first: Number of the first press.
            rate: Presses a second.
            seconds: For how long.
        """
        numbers = ("--first", str(first), "--rate", str(rate), "--seconds", str(seconds))
        subprocess.run(
            [*SENDER, "send", self._bootstrap, line.send_to, *numbers, "--out", str(self._sent)],
            env=line.environment,
            timeout=seconds + SENT_WITHIN_S,
            check=True,
        )

    def measure(
        self, line: Line, *, first: int, rate: int, seconds: float, lost_after_s: float = LOST_AFTER_S
    ) -> Slice:
        """Press, await, read.

        Args:
            line: Where.
            first: Number of the first press.
            rate: Presses a second.
            seconds: For how long.
            lost_after_s: How long to wait, after the last press, for those that have not come.
        """
        self._stop.unlink(missing_ok=True)
        receiver = self._receiver(line, first, int(rate * seconds), lost_after_s)
        began = time.monotonic()
        before, cpu_before = machine_time(), _cpu_times(line.processes)
        receiver_before = cpu_time_by_thread(receiver.pid)
        self.press(line, first=first, rate=rate, seconds=seconds)
        cpu = {"receiver": cpu_time_between(receiver_before, cpu_time_by_thread(receiver.pid))}
        self._stop.touch()
        receiver.wait(lost_after_s + READ_WITHIN_S)
        # What is still on its way when the last press has been sent is work for presses too.
        for name, after in _cpu_times(line.processes).items():
            cpu[name] = cpu_time_between(cpu_before[name], after)
        stolen = stolen_share(before, machine_time())
        counted_s = time.monotonic() - began
        return read_slice(self._sent, self._got, line.first_named, cpu, stolen, counted_s)

    def received(self) -> list[bytes]:
        """The records of the last slice."""
        return [bytes.fromhex(line.split('"')[1]) for line in self._got.read_text().splitlines()]

    def _receiver(self, line: Line, first: int, presses: int, lost_after_s: float) -> "subprocess.Popen[str]":
        numbers = ("--first", str(first), "--expect", str(presses), "--lost-after", str(lost_after_s))
        command = [sys.executable, "-P", "-m", "benchmarks.support.open_loop", "receive", self._bootstrap]
        receiver = subprocess.Popen(
            [*command, line.receive_from, *numbers, "--stop-file", str(self._stop), "--out", str(self._got)],
            stdout=subprocess.PIPE,
            text=True,
        )
        if receiver.stdout is not None:
            receiver.stdout.readline()  # it is at the end of the topic, so nothing that follows is missed
        return receiver


def _cpu_times(processes: Mapping[str, int]) -> dict[str, dict[int, CpuTime]]:
    return {name: cpu_time_by_thread(pid) for name, pid in processes.items()}
