"""Log lines of a worker are written by a thread of their own: a pipe that nobody reads must not stop the worker.

    emit ─► formatted ─► a queue of bounded length ─► thread ─► stderr
                  full ─► dropped and counted ──► `log.dropped` with how many, once stderr takes lines again
    flush ─► waits until the queue is written, but no longer than FLUSH_S

`os.write` goes past Python's buffer of stderr, whose lock a thread that hangs would hold for ever. A critical line is
mostly the last one of its process, so whoever writes it waits for it as in a flush.
"""

import logging
import os
import select
import threading
from collections import deque
from typing import Final

import structlog

from callbox.terminal.printable import echo

log = structlog.get_logger(__name__)

MOST_LINES: Final = 5_000
"""Lines that wait: some megabytes, and minutes of a worker that has much to say. Without a limit a pipe that stays
full would take all of the memory."""

FLUSH_S: Final = 1.0
"""How long the end of a process waits for its last lines; an open pipe or a file takes them in microseconds."""

_AGAIN_S: Final = 0.1  # a stderr that somebody has set to non-blocking


class BackgroundHandler(logging.Handler):
    """Writes log lines in a thread of its own.

    Args:
        fd: Where to.
        most_lines: The queue's length.
        flush_s: The longest wait of `flush` and of a critical line.
    """

    def __init__(self, fd: int, most_lines: int = MOST_LINES, flush_s: float = FLUSH_S) -> None:
        super().__init__()
        self._fd, self._most_lines, self._flush_s = fd, most_lines, flush_s
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._dropped = 0
        self._is_writing = False
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """As every handler, but without its lock: a critical line that is waited for would keep the writer out."""
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Put a line into the queue; a critical one is waited for."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of `logging`: a line that cannot be written ends nothing
            self.handleError(record)
            return
        self.put(line)
        if record.levelno >= logging.CRITICAL:
            self.flush()

    def put(self, line: str) -> None:
        """Put one line into the queue, or drop it where the queue is full."""
        with self._changed:
            if len(self._lines) >= self._most_lines:
                self._dropped += 1
                return
            self._lines.append(f"{line}\n".encode(errors="backslashreplace"))
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when every line is written, or after the longest wait."""
        if threading.current_thread() is self._thread:
            return
        with self._changed:
            self._changed.wait_for(lambda: not (self._lines or self._is_writing), self._flush_s)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                line = self._lines.popleft()
                self._is_writing = True
            is_written = self._write(line)
            with self._changed:
                self._dropped += not is_written
                # Told when there is room: else it would be one of those that are dropped.
                has_room = is_written and 2 * len(self._lines) <= self._most_lines
                dropped = self._dropped if has_room else 0
                self._dropped -= dropped
            if dropped:
                log.warning("log.dropped", lines=dropped)

    def _write(self, line: bytes) -> bool:
        """Whether stderr took it; a full pipe is waited for, one that nobody will read takes nothing."""
        while line:
            try:
                line = line[os.write(self._fd, line) :]
            except BlockingIOError:
                select.select([], [self._fd], [], _AGAIN_S)
            except OSError:  # closed, or the disk is full
                return False
        return True


def write_in_background(fd: int) -> BackgroundHandler:
    """Have what `callbox.logging.configure_logs` has set up written by a thread of its own from now on."""
    root = logging.getLogger()
    configured = root.handlers[0]
    handler = BackgroundHandler(fd)
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
