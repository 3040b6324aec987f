"""Jobs of a picture process that a picture has taken over: they try what they may not, crash, stall and lie."""

import ctypes
import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from processors.vision.flicker import HEIGHT, WIDTH
from processors.vision.redaction import WithheldReason
from schemas.errors import Cause, InputMissing
from streams.pictures.messages import (
    LookReply,
    LookRequest,
    PlatesReply,
    PlatesRequest,
    RedactReply,
    RedactRequest,
    RefusedReply,
    WirePlate,
    WireSight,
    WithheldReply,
    framed,
)
from tests.support.hostile_pictures import jpeg, segment, with_segments

PROBE: Final = "tests.support.picture_jobs:Probe"
LIAR: Final = "tests.support.picture_jobs:Liar"
NEEDY: Final = "tests.support.picture_jobs:Needy"
BROKEN: Final = "tests.support.picture_jobs:Broken"


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """What a `Probe` is to do."""

    what: str
    about: str = ""


class Said(msgspec.Struct, frozen=True, tag="said"):
    """What came of it."""

    text: str


def _exec() -> object:
    return os.execv("/bin/true", ["/bin/true"])


def _fork() -> object:
    if (pid := os.fork()) == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


def _system_call(number: int, *arguments: int) -> object:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return "done"


def _connect(port: str) -> object:
    with socket.socket() as tcp:
        return tcp.connect(("127.0.0.1", int(port)))


def _threads() -> object:
    thread = threading.Thread(target=int)
    thread.start()
    return thread


ATTEMPTS: Final[dict[str, Callable[[str], object]]] = {
    "read": lambda path: Path(path).read_bytes(),
    "write": lambda path: Path(path).write_bytes(b"a picture"),
    "list": lambda path: os.listdir(path),  # noqa: PTH208, PLW0108 - the call itself
    "stat": lambda path: os.stat(path),  # noqa: PTH116, PLW0108
    "unlink": lambda path: os.unlink(path),  # noqa: PTH108, PLW0108
    "memory of the worker": lambda _: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY)),
    "environment of the worker": lambda _: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "socket": lambda _: socket.socket(),
    "udp": lambda _: socket.socket(type=socket.SOCK_DGRAM),
    "unix": lambda _: socket.socket(socket.AF_UNIX),
    "connect": _connect,
    "exec": lambda _: _exec(),
    "fork": lambda _: _fork(),
    "thread": lambda _: _threads(),
    "kill the worker": lambda _: os.kill(os.getppid(), 0),
    "trace the worker": lambda _: _system_call(101, 16, os.getppid(), 0, 0),  # ptrace, PTRACE_ATTACH
    "more files": lambda _: _system_call(160, 7, 0),  # setrlimit
    "io_uring": lambda _: _system_call(425, 1, 0),
    "executable memory": lambda _: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "environ": lambda _: dict(os.environ),
    "nothing": lambda _: "nothing",
    "memory": lambda _: len(bytearray(4 << 30)),
    "crash": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(3),
    "sleep": lambda _: time.sleep(1_000),
    "nap": lambda _: time.sleep(0.5),
    "nice": lambda _: os.nice(0),
}


class Probe:
    """Tries what it is asked to try, and says what came of it."""

    missing = ""

    def __init__(self, _cache: Path) -> None:
        self._asked = msgspec.msgpack.Decoder(Ask)

    def warm_up(self) -> None:
        """It has nothing."""

    def answer(self, request: bytes) -> msgspec.Struct:
        """Try it."""
        ask = self._asked.decode(request)
        if ask.what == "spin":
            while True:
                pass
        if ask.what == "raw":
            os.write(0, bytes.fromhex(ask.about))
            time.sleep(1_000)
        if ask.what == "surplus":
            os.write(0, framed(msgspec.msgpack.encode(Said("done"))))
        if ask.what == "close":
            os.close(0)
            time.sleep(1_000)
        if ask.what == "cause":
            return RefusedReply(Cause(ask.about))
        try:
            return Said(f"done: {ATTEMPTS[ask.what](ask.about)}"[:400])
        except OSError as error:
            return Said(f"refused: {type(error).__name__}")
        except RuntimeError as error:  # of a thread
            return Said(f"refused: {error}")


LIES: Final[dict[str, Callable[[], bytes]]] = {
    "exif": lambda: with_segments(jpeg(48, 32), segment(0xE1, b"Exif\0\0a face")),
    "comment": lambda: with_segments(jpeg(48, 32), segment(0xFE, b"a face")),
    "tail": lambda: jpeg(48, 32) + b"a face",
    "thumbnail": lambda: with_segments(jpeg(48, 32), segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1" + b"fac")),
    "large": lambda: jpeg(96, 64),
    "small": lambda: jpeg(47, 32),
    "text": lambda: b"a face",
    "progressive": lambda: jpeg(48, 32, progressive=True),
    "empty": lambda: b"",
}


class Liar:
    """Answers as the last bytes of the picture say."""

    missing = ""

    def __init__(self, _cache: Path) -> None:
        self._asked = msgspec.msgpack.Decoder(LookRequest | RedactRequest | PlatesRequest)
        self._lies = {lie: make() for lie, make in LIES.items()}
        self._crop = jpeg(44, 14)

    def warm_up(self) -> None:
        """It has done so."""

    def answer(self, request: bytes) -> msgspec.Struct:
        """Lie."""
        asked = self._asked.decode(request)
        lie = asked.jpeg.rpartition(b"lie:")[2].decode(errors="replace")
        if isinstance(asked, RedactRequest):
            if lie in self._lies:
                return RedactReply(self._lies[lie], 0, 0, 0)
            return WithheldReply(WithheldReason(lie))
        if isinstance(asked, PlatesRequest):
            text, _, picture = lie.partition("/")
            return PlatesReply((WirePlate(text, is_certain=True, jpeg=self._lies.get(picture, self._crop)),))
        green, colour = bytes(WIDTH * HEIGHT), bytes(WIDTH * HEIGHT // 8)
        sights = {
            "no sight": None,
            "short plane": WireSight(green[1:], colour),
            "long plane": WireSight(green, colour + b"a face"),
        }
        return LookReply(48, 32, sights.get(lie, WireSight(green, colour)))


class Needy:
    """Needs a model that is not there."""

    def __init__(self, cache: Path) -> None:
        raise InputMissing("the weights are not there")


class Broken:
    """Does not start."""

    def __init__(self, cache: Path) -> None:
        struct.unpack(">I", b"")
