"""As many picture processes as there are threads; each is replaced where a picture has ended it.

    ask ─► a process is free ─► reply ─► checked ─► result
                 ├─ killed by somebody else, or crashed after other pictures ─► once more, in a fresh process
                 └─ crashed as the first picture, too slow, nonsense ─────────► PICTURE_BROKE_DECODER
    a process that is gone is started before the next picture, the later the more have ended in a row

One process with one set of models for each thread, and not one for all threads: what ends it or holds it up is one
picture, and its time can be measured.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Final, TypeVar

import msgspec
import structlog

from schemas.errors import Cause, PictureError, PicturesFailed
from streams.clock import SYSTEM_CLOCK, Clock, pause
from streams.pictures.messages import RefusedReply
from streams.pictures.process import PICTURE_S, EndReason, PictureProcess, PictureProcessEnded
from streams.pictures.sandbox import KINDS
from streams.worker.metrics import Metrics

log = structlog.get_logger(__name__)

LEAST_S: Final = 2.0
"""What a picture may take however many before it have taken too long: a batch of eight such pictures must be done
within `runtime.give_up_s`."""

BACK_OFF_S: Final = 0.125
MOST_BACK_OFF_S: Final = 1.0
"""Longer would hold up the pictures of others more than the start of a process does, which takes 2 s."""

MOST_FAILED_STARTS: Final = 3
"""In a row; then the worker ends, and its service manager starts it when it sees fit."""

REFUSALS: Final = frozenset(
    {
        Cause.PICTURE_EMPTY,
        Cause.PICTURE_NOT_JPEG,
        Cause.PICTURE_TRUNCATED,
        Cause.PICTURE_TOO_LARGE,
        Cause.PICTURE_TOO_COMPLEX,
        Cause.PICTURE_UNSUPPORTED,
        Cause.PICTURE_BROKE_DECODER,
        Cause.PROCESSING_FAILED,
    }
)
"""What a process may say of a picture that it cannot use."""

ReplyT = TypeVar("ReplyT")
T = TypeVar("T")

_ENCODER: Final = msgspec.msgpack.Encoder()


class PictureBrokeDecoder(PictureError):
    """A picture has ended the process that looked at it.

    Attributes:
        reason: How.
    """

    def __init__(self, reason: EndReason) -> None:
        super().__init__(
            f"the process that decoded the picture has ended: {reason}", Cause.PICTURE_BROKE_DECODER
        )
        self.reason = reason


class _Slot:
    """A process, and how it and those before it have fared."""

    def __init__(self, process: PictureProcess) -> None:
        self.process = process
        self.answers = 0
        """Of this process."""
        self.ended_in_a_row = 0
        self.timed_out_in_a_row = 0
        self.failed_starts = 0

    def allowed_s(self, picture_s: float) -> float:
        """How long the next picture may take where one may take so long."""
        return max(min(LEAST_S, picture_s), picture_s * 0.5**self.timed_out_in_a_row)

    def note_answer(self) -> None:
        """It has answered as it should."""
        self.answers += 1
        self.ended_in_a_row = self.timed_out_in_a_row = 0

    def note_end(self, reason: EndReason) -> None:
        """It is gone."""
        self.answers = 0
        self.ended_in_a_row += 1
        if reason is EndReason.TIMED_OUT:
            self.timed_out_in_a_row += 1


class PicturePool:
    """Picture processes of one job.

    Args:
        job: "module:Class" of the `streams.pictures.child.Job`.
        cache: Where the model weights are.
        processes: How many; as many threads may ask at once without waiting.
        metrics: Counts what has ended, shows the sandbox.
        picture_s: How long a picture may take, without the time in which its process waits for a CPU.
        clock: Ours.
    """

    def __init__(
        self,
        job: str,
        cache: Path,
        processes: int,
        metrics: Metrics,
        *,
        picture_s: float = PICTURE_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._metrics, self._picture_s, self._is_closed = metrics, picture_s, False
        self._slots = [_Slot(PictureProcess(job, cache, clock)) for _ in range(processes)]
        self._free: LifoQueue[_Slot] = LifoQueue()
        for slot in self._slots:
            self._free.put(slot)
        self.missing = ""
        """Why the processes go without models; empty where they have them."""

    def start(self) -> None:
        """Start every process; blocks.

        Raises:
            InputMissing: A model that they need is not there.
            PicturesFailed: They do not start.
        """
        for slot in self._slots:
            self._make_ready(slot)

    def ask(self, request: msgspec.Struct, replies: type[ReplyT], accept: Callable[[ReplyT], T]) -> T:
        """Have a process look at a picture; blocks, with a bound.

        Args:
            request: What is asked.
            replies: The record that answers it.
            accept: Makes the result of the answer; ValueError where that cannot be true.

        Raises:
            PictureError: The picture cannot be used.
            PicturesFailed: No process starts.
        """
        message, answers = _ENCODER.encode(request), msgspec.msgpack.Decoder(replies | RefusedReply)
        with self._borrowed() as slot:
            self._make_ready(slot)
            is_fresh = slot.answers == 0
            try:
                return self._ask(slot, message, answers, accept)
            except PictureProcessEnded as ended:
                reason = ended.reason
            if reason is EndReason.KILLED or (reason is EndReason.CRASHED and not is_fresh):
                self._make_ready(slot)
                try:
                    return self._ask(slot, message, answers, accept)
                except PictureProcessEnded as ended:
                    reason = ended.reason
            raise PictureBrokeDecoder(reason)

    def close(self) -> None:
        """End every process; nothing is asked any more."""
        self._is_closed = True
        for slot in self._slots:
            slot.process.end(EndReason.KILLED)

    def _ask(
        self,
        slot: _Slot,
        message: bytes,
        answers: "msgspec.msgpack.Decoder[ReplyT | RefusedReply]",
        accept: Callable[[ReplyT], T],
    ) -> T:
        try:
            reply = slot.process.ask(message, slot.allowed_s(self._picture_s))
            try:
                result = _checked(answers.decode(reply), accept)
            except (msgspec.MsgspecError, ValueError, RecursionError, MemoryError):
                raise slot.process.end(EndReason.NONSENSE) from None
        except PictureProcessEnded as ended:
            self._note_end(slot, ended.reason)
            raise
        slot.note_answer()
        if isinstance(result, _Refused):
            raise PictureError("the picture cannot be used", result.cause)
        return result

    def _note_end(self, slot: _Slot, reason: EndReason) -> None:
        slot.note_end(reason)
        if not self._is_closed:
            self._metrics.picture_processes_ended.labels(reason).inc()
            log.warning("pictures.process_ended", reason=reason)

    def _make_ready(self, slot: _Slot) -> None:
        while not slot.process.is_running:
            if self._is_closed:
                raise PicturesFailed("the worker stops, and looks at no picture any more")
            if slot.ended_in_a_row > 1:
                pause(min(MOST_BACK_OFF_S, BACK_OFF_S * 2 ** (slot.ended_in_a_row - 1)))
            try:
                ready = slot.process.start()
            except PicturesFailed as error:
                slot.ended_in_a_row += 1
                slot.failed_starts += 1
                if slot.failed_starts >= MOST_FAILED_STARTS:
                    raise
                log.warning("pictures.start_failed", error=str(error))
                continue
            slot.failed_starts = 0
            self.missing = ready.missing
            self._show(ready.sandbox)

    def _show(self, sandbox: tuple[str, ...]) -> None:
        for kind in KINDS:
            self._metrics.picture_sandbox.labels(kind).set(kind in sandbox)
        lacks = [kind for kind in KINDS if kind not in sandbox]
        log.info("pictures.process_started", sandbox=[kind for kind in KINDS if kind in sandbox])
        if lacks:
            log.warning("pictures.sandbox_incomplete", lacks=lacks)
        if self.missing:
            log.error("pictures.models_missing", error=self.missing)

    @contextmanager
    def _borrowed(self) -> Iterator[_Slot]:
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)


class _Refused(msgspec.Struct, frozen=True):
    """The picture cannot be used, as its process says."""

    cause: Cause


def _checked(reply: ReplyT | RefusedReply, accept: Callable[[ReplyT], T]) -> T | _Refused:
    if not isinstance(reply, RefusedReply):
        return accept(reply)
    if reply.cause not in REFUSALS:
        raise ValueError("no picture is refused with this cause")
    return _Refused(reply.cause)
