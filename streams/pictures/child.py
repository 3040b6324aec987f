"""The picture process: it loads its models, gives up everything else, and then answers one request after the other.

    started ─► models loaded ─► warmed up ─► sandbox ─► Ready ─► request ─► reply ─► request ...
                     └─ a file is missing ─► CannotStart                       the channel is closed ─► end

It is started with an empty environment and no descriptor but the channel, which is its standard input. It prints and
logs nothing: what a decoder says of a picture may quote it.
"""

import os
import signal
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

import msgspec

from schemas.errors import Cause, InputMissing, PictureError
from streams.pictures.messages import (
    MOST_REQUEST_BYTES,
    CannotStart,
    Ready,
    RefusedReply,
    framed,
    read_message,
)
from streams.pictures.sandbox import end_with, give_up_everything

CHANNEL: Final = 0

CPU_S: Final = 15.0
"""CPU time of one picture, after which the process ends by itself: the worker ends it sooner (`PICTURE_S` of
streams/pictures/process.py), unless it is gone or stopped."""

_ENCODER: Final = msgspec.msgpack.Encoder()


class Job(Protocol):
    """What a picture process does.

    Attributes:
        missing: Why it goes without models; empty where it has them.
    """

    missing: str

    def warm_up(self) -> None:
        """Do everything once, so that nothing has to be opened, imported or started later."""

    def answer(self, request: bytes) -> msgspec.Struct:
        """Answer one request.

        Raises:
            PictureError: The picture cannot be used.
        """


def main(job: str, cache: str, parent: str) -> None:
    """Run until the channel is closed. Does not return.

    Args:
        job: "module:Class" of the `Job`, which takes the folder of the models.
        cache: That folder.
        parent: The process id of the worker.
    """
    end_with(int(parent))
    module, _, attribute = job.partition(":")
    try:
        working: Job = getattr(import_module(module), attribute)(Path(cache))
        working.warm_up()
        _write(Ready(give_up_everything(), working.missing[:500]))
    except InputMissing as error:
        _write(CannotStart(str(error)[:500], is_input_missing=True))
    except Exception as error:  # noqa: BLE001 - said to the worker, which says it to the operator
        _write(CannotStart(f"{type(error).__name__}: {error}"[:500], is_input_missing=False))
    else:
        with suppress(OSError):  # the worker has gone
            _serve(working)
    os._exit(0)


def _serve(job: Job) -> None:
    while True:
        try:
            request = read_message(lambda most: os.read(CHANNEL, most), MOST_REQUEST_BYTES)
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, CPU_S)  # SIGPROF is not handled: it ends the process
        reply = _answer(job, request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(reply)


def _answer(job: Job, request: bytes) -> bytes:
    try:
        return _ENCODER.encode(job.answer(request))
    except PictureError as error:
        cause = error.cause
    except MemoryError:
        cause = Cause.PICTURE_BROKE_DECODER
    except Exception:  # noqa: BLE001 - a picture that our own code fails on; its text may quote the picture
        cause = Cause.PROCESSING_FAILED
    return _ENCODER.encode(RefusedReply(cause))


def _write(message: msgspec.Struct) -> None:
    _send(_ENCODER.encode(message))


def _send(message: bytes) -> None:
    data = framed(message)
    while data:
        data = data[os.write(CHANNEL, data) :]
