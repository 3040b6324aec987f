"""What `frames` asks of its picture processes, and what of their answers is believed.

An answer is bytes of a process that a picture may have taken over. It can say that there is no fire or that there is
one, for the pictures that it looks at from then on. It cannot change what is remembered of a camera, name another
time, size or kind of thing, or make the worker publish what is no small JPEG of pixels alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from processors.vision.flame import Observed
from processors.vision.flicker import Sight
from processors.vision.jpeg import JpegSize, check_jpeg, read_jpeg_size
from processors.vision.redaction import (
    Redaction,
    RedactionPolicy,
    Withheld,
    WithheldReason,
    accept_redacted,
)
from schemas.errors import PictureError
from schemas.feeds import CameraFrame
from schemas.units import EpochMs
from streams.pictures.messages import LookReply, LookRequest, RedactReply, RedactRequest, WithheldReply
from streams.pictures.pool import PictureBrokeDecoder, PicturePool
from streams.pictures.process import EndReason
from streams.pictures.sights import burning_of, sight_of, wire_sight
from streams.worker.metrics import Metrics

JOB: Final = "streams.pictures.frame_job:FrameJob"

MOST_EARLIER: Final = 2  # 0.2 s each; bounds the time of a redaction


class FramePictures:
    """Frames, looked at in other processes. Its methods block, with a bound.

    Args:
        cache: Where the model weights are.
        processes: How many are looked at at once.
        metrics: The worker's.
        job: What the processes do.

    Raises:
        PicturesFailed: No process starts.
    """

    def __init__(self, cache: Path, processes: int, metrics: Metrics, job: str = JOB) -> None:
        self._policy = RedactionPolicy()
        self._pool = PicturePool(job, cache, processes, metrics)
        self._pool.start()

    def look(self, jpeg: bytes, window: tuple[Sight, ...] | None, at: EpochMs) -> Observed:
        """Decode a frame, and look for a fire in it and those before it.

        Args:
            jpeg: The frame.
            window: As `processors.vision.flame.window_before` gives it.
            at: When the frame was taken.

        Raises:
            PictureError: It cannot be used.
            PicturesFailed: No process starts.
        """
        check_jpeg(jpeg)
        request = LookRequest(jpeg, None if window is None else tuple(map(wire_sight, window)))

        def accept(reply: LookReply) -> Observed:
            if (reply.sight is None) is not (window is None):
                raise ValueError("what was not asked for is seen, or nothing is seen")
            sight = None if reply.sight is None else sight_of(reply.sight, at)
            fire = None if reply.fire is None else burning_of(reply.fire)
            return Observed(reply.width, reply.height, sight, fire)

        return self._pool.ask(request, LookReply, accept)

    def redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        """Redact a frame.

        Args:
            frame: What may leave.
            earlier: Frames of the same camera before it: what is found in those of the last seconds is hidden too.

        Returns:
            The picture that may leave, or why there is none.

        Raises:
            PicturesFailed: No process starts.
        """
        recent = [old.jpeg for old in earlier if self._is_recent(old, frame)]
        request = RedactRequest(frame.jpeg, tuple(recent[-MOST_EARLIER:]))
        try:
            source = read_jpeg_size(frame.jpeg)
            return self._pool.ask(
                request,
                RedactReply | WithheldReply,  # type: ignore[arg-type] # a union is no type for mypy
                lambda reply: self._accepted(reply, source),
            )
        except PictureBrokeDecoder as error:
            is_slow = error.reason is EndReason.TIMED_OUT
            return Withheld(WithheldReason.TIMED_OUT if is_slow else WithheldReason.DECODER_ENDED)
        except PictureError:
            return Withheld(WithheldReason.PICTURE_UNUSABLE)

    def _accepted(self, reply: RedactReply | WithheldReply, source: JpegSize) -> Redaction:
        if isinstance(reply, WithheldReply):
            return Withheld(reply.reason)
        accepted = accept_redacted(
            reply.jpeg,
            source,
            self._policy,
            faces=reply.faces,
            plates=reply.plates,
            recent=reply.recent,
        )
        if isinstance(accepted, Withheld):
            raise ValueError("what was redacted is no redacted picture")  # noqa: TRY004 - a value, for the pool
        return accepted

    def _is_recent(self, old: CameraFrame, frame: CameraFrame) -> bool:
        return 0 < frame.captured_at - old.captured_at <= self._policy.recent_ms

    def close(self) -> None:
        """End the processes."""
        self._pool.close()
