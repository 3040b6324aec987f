"""One picture process as its worker sees it: started, asked, and ended where it does not answer as it should.

    start ─► Ready ─► ask ─► reply ─► ask ─► reply ...
      │                └─ ended, too slow, nonsense ─► killed: PictureProcessEnded ─► start
      └─ InputMissing, PicturesFailed

Nothing here waits without a bound, and nothing that it reads is more than bytes.
"""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from signal import Signals
from typing import Final

import msgspec

from schemas.errors import InputMissing, PicturesFailed
from streams.clock import SYSTEM_CLOCK, Clock
from streams.pictures.messages import (
    MOST_REPLY_BYTES,
    MOST_REQUEST_BYTES,
    CannotStart,
    Ready,
    framed,
    read_message,
)

START_S: Final = 60.0
"""How long a start may take, counted as `PICTURE_S`. Libraries and models take 2 s on a free core."""

PICTURE_S: Final = 10.0
"""How long one request may take, without the time in which the process waits for a CPU. Redaction of three pictures of
40 megapixels took 5 s on a core that was shared."""

WALL_S: Final = 600.0
"""How long either may take with that time. The watchdog ends the worker before (`runtime.give_up_s`): no picture is
lost to a machine that has no CPU for it."""

PAUSE_S: Final = 1.0
"""The most that counts of the time between two looks: more than that is a pause of the worker, as after SIGSTOP."""

END_S: Final = 5.0
"""A process that is killed is gone within a moment, unless the machine swaps."""

_TICK_MS: Final = 100
_PASSED_ON: Final = ("LD_LIBRARY_PATH",)  # where the interpreter's own libraries may be
_ENVIRONMENT: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # it starts a thread, and landlock holds for one only
    "OPENCV_LOG_LEVEL": "SILENT",
}
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from streams.pictures.child import main; main(*sys.argv[2:])"
)

_FIRST_WORDS: Final = msgspec.msgpack.Decoder(Ready | CannotStart)


class EndReason(StrEnum):
    """Why a picture process has ended: a closed list, safe as a metric label."""

    CRASHED = "crashed"
    KILLED = "killed"
    TIMED_OUT = "timed_out"
    NONSENSE = "nonsense"


class PictureProcessEnded(Exception):
    """The process has ended while it was asked, or was ended for its answer."""

    def __init__(self, reason: EndReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class PictureProcess:
    """One child process; one thread at a time asks it.

    Args:
        job: "module:Class" of the `streams.pictures.child.Job` that it does.
        cache: Where the model weights are.
        clock: Ours.
    """

    def __init__(self, job: str, cache: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self._job, self._cache, self._clock = job, cache, clock
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._began, self._looked, self._waited = 0.0, 0.0, 0.0
        self._spent_s, self._allowed_s = 0.0, 0.0

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """Its process id."""
        return None if self._child is None else self._child.pid

    def start(self) -> Ready:
        """Start it; it knows the models' folder and nothing else of us.

        The working folder and the search path of modules are ours, so that it runs the same code.

        Raises:
            InputMissing: A model that it needs is not there.
            PicturesFailed: It does not start.
        """
        ours, its = socket.socketpair()
        ours.setblocking(False)
        path = [str(Path(entry).absolute()) for entry in sys.path]
        command = [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(path)]
        try:
            self._child = subprocess.Popen(
                [*command, self._job, str(self._cache.absolute()), str(os.getpid())],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_clean_environment(os.environ),
            )
        except OSError as error:
            ours.close()
            raise PicturesFailed(
                f"the process that decodes pictures does not start: {error.strerror}"
            ) from error
        finally:
            its.close()
        self._channel = ours
        try:
            return self._first_word()
        except PictureProcessEnded as ended:
            raise PicturesFailed(
                f"the process that decodes pictures does not start: {ended.reason}"
            ) from ended

    def ask(self, request: bytes, allowed_s: float = PICTURE_S) -> bytes:
        """Ask it one thing.

        Args:
            request: One message.
            allowed_s: How long it may take, without the time in which it waits for a CPU.

        Returns:
            Its reply, which is bytes that nobody vouches for.

        Raises:
            PictureProcessEnded: It has not answered, and is gone.
            ValueError: The request is too long.
        """
        if len(request) > MOST_REQUEST_BYTES:
            raise ValueError("the request is too long")
        if self._has_spoken():
            raise self.end(EndReason.NONSENSE)
        self._begin(allowed_s)
        self._send(framed(request))
        return self._receive()

    def end(self, reason: EndReason) -> PictureProcessEnded:
        """Kill it.

        Returns:
            What to raise: the reason, or how it has ended before.
        """
        child, channel = self._child, self._channel
        self._child = self._channel = None
        if channel is not None:
            channel.close()
        if child is None:
            return PictureProcessEnded(reason)
        code = child.poll()
        child.kill()
        try:
            child.wait(END_S)
        except (
            subprocess.TimeoutExpired
        ):  # the kernel has not let go of it; it runs no code of its own any more
            return PictureProcessEnded(reason)
        return PictureProcessEnded(reason if code is None else _reason_of(code))

    def _first_word(self) -> Ready:
        self._begin(START_S)
        try:
            said = _FIRST_WORDS.decode(self._receive())
        except msgspec.MsgspecError:
            raise self.end(EndReason.NONSENSE) from None
        if isinstance(said, Ready):
            return said
        self.end(EndReason.CRASHED)
        if said.is_input_missing:
            raise InputMissing(said.text)
        raise PicturesFailed(f"the process that decodes pictures does not start: {said.text}")

    def _begin(self, allowed_s: float) -> None:
        self._began = self._looked = self._clock.monotonic()
        self._waited, self._spent_s, self._allowed_s = self._waited_s(), 0.0, allowed_s

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._open_channel.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except OSError:
                raise self._ended() from None

    def _receive(self) -> bytes:
        try:
            return read_message(self._read, MOST_REPLY_BYTES)
        except EOFError:
            raise self._ended() from None
        except ValueError:
            raise self.end(EndReason.NONSENSE) from None

    def _read(self, most: int) -> bytes:
        while True:
            try:
                return self._open_channel.recv(most)
            except BlockingIOError:
                self._wait(select.POLLIN)
            except OSError:
                return b""

    def _wait(self, event: int) -> None:
        """Wait a moment for the channel; end the process where it has had its time."""
        poll = select.poll()
        poll.register(self._open_channel, event)
        if not poll.poll(_TICK_MS):
            now, waited = self._clock.monotonic(), self._waited_s()
            self._spent_s += max(0.0, min(now - self._looked, PAUSE_S) - (waited - self._waited))
            self._looked, self._waited = now, waited
            if self._spent_s > self._allowed_s or now - self._began > WALL_S:
                raise self.end(EndReason.TIMED_OUT)

    def _ended(self) -> PictureProcessEnded:
        """It has closed the channel: mostly because it is gone."""
        if self._child is not None:
            try:
                self._child.wait(END_S)
            except subprocess.TimeoutExpired:
                return self.end(EndReason.NONSENSE)
        return self.end(EndReason.CRASHED)

    def _has_spoken(self) -> bool:
        """Whether it has said something that nobody has asked for."""
        try:
            return bool(self._open_channel.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing is there, or it has gone, which sending will find
            return False

    @property
    def _open_channel(self) -> socket.socket:
        if self._channel is None:
            raise PictureProcessEnded(EndReason.CRASHED)
        return self._channel

    def _waited_s(self) -> float:
        """How long it has waited for a CPU so far; 0 where the kernel does not count."""
        try:
            _run_ns, wait_ns, _slices = (
                Path(f"/proc/{self.pid}/schedstat").read_text(encoding="ascii").split()
            )
        except (OSError, ValueError):
            return 0.0
        return int(wait_ns) / 1e9


def _clean_environment(ours: Mapping[str, str]) -> dict[str, str]:
    return dict(_ENVIRONMENT) | {name: ours[name] for name in _PASSED_ON if name in ours}


def _reason_of(code: int) -> EndReason:
    """Why a process has ended by itself, or by somebody else."""
    match -code:
        case Signals.SIGKILL:  # the kernel has no memory left, or an operator
            return EndReason.KILLED
        case Signals.SIGPROF:  # the CPU time of a picture
            return EndReason.TIMED_OUT
    return EndReason.CRASHED
