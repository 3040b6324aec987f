"""Runs the redaction models beside the event loop, and fails closed: on any doubt there is no picture."""

import asyncio
from concurrent.futures import Executor
from pathlib import Path

import structlog
from models.face_detector import FaceDetector
from models.plate_detector import PlateDetector

from processors.boxes import Boxes
from processors.pictures import decode_jpeg
from processors.redaction import Redaction, RedactionPolicy, Withheld, WithheldReason, redact
from schemas.errors import InputMissing, PictureError
from schemas.feeds import CameraFrame

log = structlog.get_logger(__name__)

TIME_OUT_S = 10.0  # both detectors on 40 megapixels take under 1 s on a free core; this is a core that is not


class Redactor:
    """Finds faces and plates and hides them.

    Args:
        cache: Where the model weights are.
    """

    def __init__(self, cache: Path) -> None:
        self._policy = RedactionPolicy()
        self._recent: dict[str, tuple[int, Boxes]] = {}
        self._faces: FaceDetector | None = None
        self._plates: PlateDetector | None = None
        try:
            self._faces = FaceDetector(cache)
            self._plates = PlateDetector(cache)
        except InputMissing as error:  # alerts go out all the same, without pictures
            log.error("redaction.models_missing", error=str(error))  # noqa: TRY400 - the text says it all

    async def redact(self, frame: CameraFrame, executor: Executor) -> Redaction:
        """Redact one frame.

        Returns:
            The picture that may leave, or why there is none. It never raises.
        """
        if self._faces is None or self._plates is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        work = asyncio.get_running_loop().run_in_executor(executor, self._redact, frame)
        try:
            return await asyncio.wait_for(work, TIME_OUT_S)
        except TimeoutError:
            return Withheld(WithheldReason.TIMED_OUT)
        except Exception as error:  # noqa: BLE001 - whatever fails, no picture leaves
            log.error("redaction.failed", error_type=type(error).__name__)  # noqa: TRY400 - a trace may quote
            return Withheld(WithheldReason.DETECTION_FAILED)

    def _redact(self, frame: CameraFrame) -> Redaction:
        if self._faces is None or self._plates is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        try:
            picture = decode_jpeg(frame.jpeg)
        except PictureError:
            return Withheld(WithheldReason.PICTURE_UNUSABLE)
        faces = self._faces.detect(picture)
        plates = self._plates.detect(picture)
        return redact(picture, faces, plates, self._policy)
