"""Runs the redaction models beside the event loop, and fails closed: on any doubt there is no picture."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from models.face_detector import FaceDetector
from models.plate_detector import PlateDetector
from processors.vision.jpeg import decode_jpeg
from processors.vision.redaction import Redaction, RedactionPolicy, Withheld, WithheldReason, redact
from schemas.errors import InputMissing, PictureError
from schemas.feeds import CameraFrame

if TYPE_CHECKING:
    from processors.vision.boxes import Boxes

log = structlog.get_logger(__name__)

TIME_OUT_S = 10.0  # both detectors on 40 megapixels take under 1 s on a free core; this is a core that is not


class Redactor:
    """Finds faces and plates and hides them.

    Args:
        cache: Where the model weights are.
    """

    def __init__(self, cache: Path) -> None:
        self._policy = RedactionPolicy()
        self._faces: FaceDetector | None = None
        self._plates: PlateDetector | None = None
        try:
            self._faces = FaceDetector(cache)
            self._plates = PlateDetector(cache)
        except InputMissing as error:  # alerts go out all the same, without pictures
            log.error("redaction.models_missing", error=str(error))  # noqa: TRY400 - the text says it all

    async def redact(
        self, frame: CameraFrame, earlier: Sequence[CameraFrame], executor: Executor
    ) -> Redaction:
        """Redact one frame.

        Args:
            frame: What may leave.
            earlier: Frames of the same camera before it: what is found in those of the last seconds is hidden too,
                because a detector blinks and a face does not.
            executor: Where the models run.

        Returns:
            The picture that may leave, or why there is none. It never raises.
        """
        if self._faces is None or self._plates is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        work = asyncio.get_running_loop().run_in_executor(executor, self._redact, frame, earlier)
        try:
            return await asyncio.wait_for(work, TIME_OUT_S)
        except TimeoutError:
            return Withheld(WithheldReason.TIMED_OUT)
        except Exception as error:  # noqa: BLE001 - whatever fails, no picture leaves
            log.error("redaction.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            return Withheld(WithheldReason.DETECTION_FAILED)

    def _redact(self, frame: CameraFrame, earlier: Sequence[CameraFrame]) -> Redaction:
        if self._faces is None or self._plates is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        try:
            picture = decode_jpeg(frame.jpeg)
            before = [decode_jpeg(old.jpeg) for old in earlier if self._is_recent(old, frame)]
        except PictureError:
            return Withheld(WithheldReason.PICTURE_UNUSABLE)
        recent: list[Boxes] = []
        for old in before:
            if old.shape == picture.shape:  # else the camera was set anew, and its boxes mean nothing here
                recent += [detector.detect(old).boxes_xyxy for detector in (self._faces, self._plates)]
        faces = self._faces.detect(picture)
        plates = self._plates.detect(picture).without_landmarks()
        return redact(picture, faces, plates, self._policy, recent)

    def _is_recent(self, old: CameraFrame, frame: CameraFrame) -> bool:
        return 0 < frame.captured_at - old.captured_at <= self._policy.recent_ms
