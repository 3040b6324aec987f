"""Workers as child processes, for the demo, the tests and the benches."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Final, Self

from schemas.errors import CallboxError
from streams.clock import monotonic, pause

COMMAND: Final = (sys.executable, "-P", "-c", "from callbox.cli import main; main()")
_ASK_S: Final = 2.0
_STEP_S: Final = 0.1


class WorkerFailed(CallboxError):
    """A worker process ended or did not become ready in time."""


class WorkerProcess:
    """One process of `callbox worker NAME`, or of a program that takes the same arguments.

    Args:
        name: Which worker.
        config: Its config file.
        http_port: Port of its probes; 0 turns them off.
        log_file: Its output is appended to this file.
        environment: Further environment variables.
        options: Options of `callbox` itself, such as `--verbose`.
        replica: The replica that it belongs to; empty for the first.
        folder: Its working folder; None for that of this process.
        program: The program that is started.
    """

    def __init__(
        self,
        name: str,
        config: Path,
        *,
        http_port: int,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        replica: str = "",
        folder: Path | None = None,
        program: Sequence[str] = COMMAND,
    ) -> None:
        command = [
            "worker",
            name,
            "--http-port",
            str(http_port),
            *(["--replica", replica] if replica else []),
        ]
        self.name, self.http_port, self.log_file = name, http_port, log_file
        with log_file.open("ab") as output:
            self._process = subprocess.Popen(
                [*program, *options, "--config", str(config), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def page(self, path: str) -> str:
        """The content of one of its pages: `/readyz`, `/metrics`.

        Raises:
            OSError: It does not answer, or answers with an error.
        """
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=_ASK_S) as answer:
            text: str = answer.read().decode()
            return text

    def is_ready(self) -> bool:
        """Whether `/readyz` answers that it is ready."""
        try:
            self.page("/readyz")
        except (OSError, HTTPException):  # it may end in the middle of its answer
            return False
        return True

    def wait_until_ready(self, within_s: float) -> None:
        """Return when it is ready.

        Raises:
            WorkerFailed: It ended, or was not ready in time; the text has the end of its log.
        """
        deadline = monotonic() + within_s
        while not self.is_ready():
            if self.exit_code is not None:
                raise WorkerFailed(f"{self.name} ended with {self.exit_code}: {self.log_tail()}")
            if monotonic() > deadline:
                raise WorkerFailed(f"{self.name} is not ready after {within_s:.0f} s: {self.log_tail()}")
            pause(_STEP_S)

    def log_tail(self) -> str:
        """The last 2,000 characters of its log."""
        return self.log_file.read_text("utf-8", errors="replace")[-2000:]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; does nothing if it has ended."""
        self._process.send_signal(number)

    def wait(self, within_s: float) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It is still running.
        """
        return self._process.wait(within_s)

    def stop(self, within_s: float = 20.0) -> int:
        """Send SIGTERM, and SIGKILL if that takes too long; return its exit code."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            return self.wait(within_s)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            return self.wait(within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.exit_code is None:
            self.stop()
