"""Finds what must not leave and hides it, and fails closed; runs in a picture process."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.face_detector import FaceDetector
from models.plate_detector import PlateDetector
from processors.vision.jpeg import decode_jpeg
from processors.vision.redaction import Redaction, RedactionPolicy, Withheld, WithheldReason, redact
from schemas.errors import InputMissing, PictureError

if TYPE_CHECKING:
    from processors.vision.boxes import Boxes


class Redactor:
    """Finds faces and plates and hides them.

    Args:
        cache: Where the model weights are.
    """

    def __init__(self, cache: Path) -> None:
        self._policy = RedactionPolicy()
        self._faces: FaceDetector | None = None
        self._plates: PlateDetector | None = None
        self.missing = ""
        """Why it withholds every picture: alerts go out all the same."""
        try:
            self._faces = FaceDetector(cache)
            self._plates = PlateDetector(cache)
        except InputMissing as error:
            self.missing = str(error)

    def redact(self, jpeg: bytes, earlier: Sequence[bytes]) -> Redaction:
        """Redact one frame.

        Args:
            jpeg: What may leave.
            earlier: Frames of the same camera of the last seconds: what is found in them is hidden too, because a
                detector blinks and a face does not.

        Returns:
            The picture that may leave, or why there is none.

        Raises:
            MemoryError: There is not enough memory for it.
        """
        if self._faces is None or self._plates is None:
            return Withheld(WithheldReason.MODEL_MISSING)
        try:
            picture = decode_jpeg(jpeg)
            before = [decode_jpeg(old) for old in earlier]
        except PictureError:
            return Withheld(WithheldReason.PICTURE_UNUSABLE)
        try:
            recent: list[Boxes] = []
            for old in before:
                if (
                    old.shape == picture.shape
                ):  # else the camera was set anew, and its boxes mean nothing here
                    recent += [detector.detect(old).boxes_xyxy for detector in (self._faces, self._plates)]
            faces = self._faces.detect(picture)
            plates = self._plates.detect(picture).without_landmarks()
        except Exception:  # noqa: BLE001 - whatever fails, no picture leaves
            return Withheld(WithheldReason.DETECTION_FAILED)
        return redact(picture, faces, plates, self._policy, recent)
