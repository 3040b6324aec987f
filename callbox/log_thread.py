"""Log lines of a worker are written by a thread of their own: a pipe that nobody reads must not stop the worker.

    emit ─► limit of its event ─► formatted ─► a queue of bounded length ─► thread ─► stderr
              │ exceeded                          full │                       └ closed, or the disk is full
              ▼                                        ▼
          counted ─► `log.suppressed`              counted ─► `log.dropped`, once stderr takes lines again
    flush ─► waits until the queue is written, but no longer than FLUSH_S; nothing else here waits

`os.write` goes past Python's buffer of stderr, whose lock a thread that hangs would hold for ever. What is not written
is counted by `callbox_log_lines_suppressed_total` too.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import structlog

from callbox.log_limit import LineLimit
from callbox.terminal.printable import echo
from streams.clock import monotonic

log = structlog.get_logger(__name__)

MOST_LINES: Final = 5_000
"""Lines that wait: some megabytes, and minutes of a worker that has much to say. Without a limit a pipe that stays
full would take all of the memory."""

MOST_BYTES: Final = 8 << 20
"""The same in bytes: lines are 300 bytes as a rule, but a traceback may have 10,000."""

FLUSH_S: Final = 1.0
"""How long the end of a process waits for its last lines; an open pipe or a file takes them in microseconds."""

TOLD_EVERY_S: Final = 10.0
"""How often it is told how many lines of an event were suppressed."""

_NEVER_SUPPRESSED: Final = frozenset({"log.suppressed", "log.dropped"})

_AGAIN_MS: Final = 100  # how long a stderr that does not block is waited for before it is tried again


class Unwritten(StrEnum):
    """Why a line was not written: the label of the metric."""

    REPEATED = "repeated"
    UNREAD = "unread"
    REFUSED = "refused"
    MALFORMED = "malformed"


def _count_nothing(_why: Unwritten) -> None:
    """For a process that shows no metrics."""


class BackgroundHandler(logging.Handler):
    """Writes log lines in a thread of its own.

    Args:
        fd: Where to.
        most_lines: The queue's length.
        flush_s: The longest wait of `flush`.
        limit: How many lines of an event are written.
        count: Called for each line that is not written.
        told_every_s: How often it is told how many lines were suppressed.
    """

    def __init__(
        self,
        fd: int,
        most_lines: int = MOST_LINES,
        flush_s: float = FLUSH_S,
        *,
        limit: LineLimit | None = None,
        count: Callable[[Unwritten], object] = _count_nothing,
        told_every_s: float = TOLD_EVERY_S,
    ) -> None:
        super().__init__()
        self._fd, self._most_lines, self._flush_s = fd, most_lines, flush_s
        self._limit, self._count, self._told_every_s = limit or LineLimit(), count, told_every_s
        self._told_at = monotonic()
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        # Reentrant, as the lock of a condition is: the garbage collector may log in the middle of what is done here.
        self._changed = threading.Condition()
        self._dropped = 0
        self._is_writing = False
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """As every handler, but without its lock: a thread that formats a long line keeps no other one waiting."""
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Put a line into the queue, unless there were too many of its kind. A line that fails ends nothing."""
        try:
            if not self._allows(record):
                self._count(Unwritten.REPEATED)
                return
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of `logging`, but what it prints would be a line again
            self._count(Unwritten.MALFORMED)
            return
        self.put(line)

    def put(self, line: str) -> None:
        """Put one line into the queue, or drop it where the queue is full."""
        written = f"{line}\n".encode(errors="backslashreplace")
        with self._changed:
            has_room = len(self._lines) < self._most_lines and self._waiting_bytes < MOST_BYTES
            if has_room:
                self._lines.append(written)
                self._waiting_bytes += len(written)
                self._changed.notify_all()
            else:
                self._dropped += 1
        if not has_room:
            self._count(Unwritten.UNREAD)

    def flush(self) -> None:
        """Return when every line is written, or after the longest wait."""
        if threading.current_thread() is self._thread:
            return
        self._tell_suppressed()
        with self._changed:
            self._changed.wait_for(lambda: not (self._lines or self._is_writing), self._flush_s)

    def _allows(self, record: logging.LogRecord) -> bool:
        kind = _kind_of(record)
        if kind in _NEVER_SUPPRESSED:
            return True
        with self._changed:
            return self._limit.allows(kind, monotonic(), is_last=record.levelno >= logging.CRITICAL)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines, self._told_every_s)
                line = self._lines.popleft() if self._lines else b""
                self._waiting_bytes -= len(line)
                self._is_writing = True
            if line and not self._write(line):
                self._count(Unwritten.REFUSED)
                with self._changed:
                    self._dropped += 1
            elif dropped := self._take_dropped():
                log.warning("log.dropped", lines=dropped)
            if monotonic() - self._told_at >= self._told_every_s:
                self._tell_suppressed()

    def _take_dropped(self) -> int:
        """How many lines were dropped, once there is room to tell it: else it would be dropped too."""
        with self._changed:
            dropped = self._dropped if 2 * len(self._lines) <= self._most_lines else 0
            self._dropped -= dropped
            return dropped

    def _tell_suppressed(self) -> None:
        with self._changed:
            since_s, self._told_at = monotonic() - self._told_at, monotonic()
            told = self._limit.take_suppressed()
        for kind, lines in told.items():
            log.warning("log.suppressed", suppressed=kind, lines=lines, seconds=round(since_s, 1))

    def _write(self, line: bytes) -> bool:
        """Whether stderr took it; a full pipe is waited for, one that nobody will read takes nothing."""
        while line:
            try:
                line = line[os.write(self._fd, line) :]
            except BlockingIOError:
                waiting = select.poll()
                waiting.register(self._fd, select.POLLOUT)
                waiting.poll(_AGAIN_MS)
            except OSError:  # closed, or the disk is full
                return False
        return True


def _kind_of(record: logging.LogRecord) -> str:
    """The event of a line of ours; of a library's line the logger and the text before values are put in."""
    if isinstance(record.msg, dict):
        return str(record.msg.get("event"))[:100]
    return f"{record.name}: {str(record.msg)[:100]}"


def write_in_background(fd: int, count: Callable[[Unwritten], object] = _count_nothing) -> BackgroundHandler:
    """Have what `callbox.logging.configure_logs` has set up written by a thread of its own from now on."""
    root = logging.getLogger()
    configured = root.handlers[0]
    handler = BackgroundHandler(fd, count=count)
    handler.setFormatter(configured.formatter)
    for wanted in configured.filters:
        handler.addFilter(wanted)
    root.handlers[0] = handler
    return handler


def write_error(text: str) -> None:
    """Print one text on stderr, behind the log lines that wait where there is a thread for them."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, BackgroundHandler):
            handler.put(text)
            handler.flush()
            return
    echo(text, err=True)
