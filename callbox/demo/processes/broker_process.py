"""A broker's process: it gets a free port and a log file, is awaited until it answers, and is ended by its own pid.

    spawned ──port open, metadata answered──► answering ──end()──► gone
       └──ended by itself, or too late──► BrokerUnavailable (with the last lines of its log)

Time-outs run on the monotonic clock.
"""

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from schemas.errors import BrokerUnavailable
from streams.clock import monotonic, pause
from streams.kafka.admin import assert_reachable
from streams.kafka.config import KafkaConfig, addresses

LOOPBACK: Final = "127.0.0.1"
_TAIL_LINES: Final = 12
_RETRY_S: Final = 0.02

Process = subprocess.Popen[bytes]


def free_port() -> int:
    """A TCP port of the loopback address on which nothing listens at this moment."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def spawn(command: Sequence[str], log_file: Path) -> Process:
    """Start `command` with its output in `log_file`.

    It gets a session of its own, so that Ctrl-C does not reach it: the workers must drain before the broker ends.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def wait_until_answering(process: Process, config: KafkaConfig, log_file: Path, within_s: float) -> None:
    """Return when the broker of `process` answers a metadata request.

    The port is tried first: librdkafka backs off after a refused connection, which would cost up to a second.

    Raises:
        BrokerUnavailable: The process ended, or did not answer within `within_s`.
    """
    deadline = monotonic() + within_s
    ((host, port),) = addresses(config.bootstrap)
    while not _is_open(host, port):
        if process.poll() is not None:
            raise BrokerUnavailable(
                f"the broker ended with code {process.returncode} before it answered\n{tail(log_file)}"
            )
        if monotonic() >= deadline:
            raise BrokerUnavailable(
                f"the broker did not open {config.bootstrap} within {within_s:g} s\n{tail(log_file)}"
            )
        pause(_RETRY_S)
    assert_reachable(config, timeout_s=max(1.0, deadline - monotonic()))


def end(process: Process, grace_s: float) -> None:
    """End the process: SIGTERM, then SIGKILL after `grace_s`; with 0, SIGKILL at once."""
    if grace_s > 0:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    else:
        process.kill()
    process.wait()


def tail(log_file: Path) -> str:
    """The last lines of a log, under a line with its name."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join([f"last lines of {log_file}:", *lines])


def _is_open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
