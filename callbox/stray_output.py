"""What libraries print past the log becomes lines of the log, and can stop nobody.

    fd 1, fd 2 ─► a pipe of our own that never blocks who writes ─► thread ─► `process.printed`, as every event limited
    the former stderr ─► the thread of the log alone; and faulthandler's, where a write to it cannot block either

OpenCV's JPEG decoder, onnxruntime, glibc and `print` write to the descriptor itself, some of them while they hold the
interpreter's lock: into a full pipe that nobody reads the whole process would wait, its watchdog included. A text that
finds the pipe of our own full is lost. So is what a dying process prints last, and for that there is faulthandler: its
traceback has names of files and functions, and no variables.
"""

import contextlib
import faulthandler
import fcntl
import os
import socket
import stat
import struct
import threading
from typing import Final

import structlog

log = structlog.get_logger(__name__)

STDOUT, STDERR = 1, 2

MOST_CHARACTERS: Final = 2_000
"""Of one line that is printed; the rest of it is another line."""

_PIPE_BYTES: Final = 1 << 20  # as much as Linux gives to anybody
_SEND_S: Final = struct.pack("ll", 0, 100_000)  # seconds, microseconds


def take_stderr() -> int:
    """Put a pipe in the place of stdout and stderr, whose lines are logged from now on.

    Returns:
        The former stderr, for the log's thread alone. Writes to it may block, unless its kind allows otherwise.
    """
    try:
        former = _beyond_standard(STDERR)
    except OSError:  # the process was started without one
        former = _beyond_standard(os.open(os.devnull, os.O_WRONLY))
    cannot_block = _made_non_blocking(former)
    _keep_faulthandler(former if cannot_block is None else cannot_block, is_safe=cannot_block is not None)
    reads, writes = map(_beyond_standard, os.pipe())
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(writes, False)
    for stream in (STDOUT, STDERR):
        os.dup2(writes, stream)
    os.close(writes)
    threading.Thread(target=_log_lines, args=(reads,), name="stray output", daemon=True).start()
    return former if cannot_block is None else cannot_block


def _beyond_standard(fd: int) -> int:
    """The same as a descriptor above those of the standard streams, which are about to be replaced."""
    return fd if fd > STDERR else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, STDERR + 1)


def _made_non_blocking(fd: int) -> int | None:
    """A descriptor of the same file to which a write never waits; None where there is none.

    The flag belongs to the open file, which other processes have too, so it is opened anew.
    """
    kind = os.fstat(fd).st_mode
    if stat.S_ISREG(kind):
        return fd
    try:
        if stat.S_ISSOCK(kind):  # journald
            with socket.socket(fileno=os.dup(fd)) as end:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_S)
            return fd
        anew = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_APPEND)
    except OSError:  # no /proc, a pipe of another user, or one that nobody has open for reading
        return None
    os.close(fd)
    return anew


def _keep_faulthandler(fd: int, *, is_safe: bool) -> None:
    """Have fatal signals tell where they came from, unless the telling could keep the process from ending."""
    if is_safe:
        faulthandler.enable(file=fd)
    else:
        faulthandler.disable()


def _log_lines(reads: int) -> None:
    pending = b""
    while read := os.read(reads, 1 << 16):
        *lines, pending = (pending + read).split(b"\n")
        while len(pending) > MOST_CHARACTERS:
            lines, pending = [*lines, pending[:MOST_CHARACTERS]], pending[MOST_CHARACTERS:]
        for line in lines:
            if text := line.decode(errors="backslashreplace").strip():
                log.warning("process.printed", text=text)
