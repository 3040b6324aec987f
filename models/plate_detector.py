"""Find plates and their corners in a picture of a scene.

A single-shot detector: priors of two sizes stand on three grids (strides 8, 16, 32), and the network gives each a
score, a box and four corners relative to it. Recall by long side: 640 0.89, 960 0.94, 1280 0.96.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models.session import Session, Tensor
from models.weights import read_weights
from processors.vision.boxes import Boxes, Detections, Picture, Scores, non_max_suppression

MODEL: Final = "plate_detector"
REDACTION_SCORE_MIN: Final = 0.1  # foreign plates at 0.5: 54 to 72 % found; one missed leaves in the clear
READING_SCORE_MIN: Final = 0.5  # what is less of a plate than this is not worth two readers
LONG_SIDE_PX: Final = 1280

MEAN_BGR: Final = (104, 117, 123)  # what the training subtracted; also "nothing here" around a picture
IOU_MAX: Final = 0.4  # the publisher's
_STRIDES_AND_SIZES_PX: Final = ((8, (24, 48)), (16, (96, 192)), (32, (384, 768)))
_VARIANCES: Final = (0.1, 0.2)
_READING_ORDER: Final = [2, 3, 0, 1]  # the network says bottom-right, bottom-left, top-left, top-right

Landmarks: TypeAlias = NDArray[np.float32]  # (N, 4, 2) or (4, 2)
_Priors: TypeAlias = NDArray[np.float32]  # (M, 4) centre x, centre y, width, height; pixels


@dataclass(frozen=True, slots=True)
class PlateDetections:
    """Plates of one picture.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the picture that was given, inside it, x_max and y_max exclusive.
        scores: (N,) float32 in [0, 1], best first.
        landmarks: (N, 4, 2) float32, x and y of the corners top-left, top-right, bottom-right, bottom-left of the
            plate as it is read; they may lie outside the picture.
    """

    boxes_xyxy: Boxes
    scores: Scores
    landmarks: Landmarks

    def __len__(self) -> int:
        return len(self.scores)

    def without_landmarks(self) -> Detections:
        """The boxes alone, as redaction takes them."""
        return Detections(self.boxes_xyxy, self.scores)


class PlateDetector:
    """Finds plates.

    Args:
        cache: The folder for downloads, which has the weights.
        score_min: Detections from this score on are given. The default hides plates; to read them, take
            `READING_SCORE_MIN`.
        long_side: Pixels; larger pictures are made smaller first, smaller ones stay as they are.

    Raises:
        InputMissing: The weights are missing or are not the pinned ones.
    """

    def __init__(
        self, cache: Path, *, score_min: float = REDACTION_SCORE_MIN, long_side: int = LONG_SIDE_PX
    ) -> None:
        (model,) = read_weights(cache, MODEL).values()
        self._session = Session(model, MODEL)
        self._score_min = score_min
        self._long_side = long_side

    def detect(self, picture: Picture) -> PlateDetections:
        """Find plates.

        Args:
            picture: (H, W, 3) BGR, uint8.

        Returns:
            Plates in pixels of `picture`, best first.
        """
        height, width = picture.shape[:2]
        seen = _at_most(picture, self._long_side)
        seen_height, seen_width = seen.shape[:2]
        blob = cv2.dnn.blobFromImage(seen, mean=MEAN_BGR)
        outputs = self._session.run(np.asarray(blob, dtype=np.float32))
        found = _decoded(outputs, seen_height, seen_width, self._score_min)
        ratio = np.array([width / seen_width, height / seen_height], dtype=np.float32)
        limits = np.array([width, height] * 2, dtype=np.float32)
        boxes = np.clip(found.boxes_xyxy * np.tile(ratio, 2), 0, limits)
        return PlateDetections(boxes, found.scores, found.landmarks * ratio)


def _at_most(picture: Picture, long_side: int) -> Picture:
    height, width = picture.shape[:2]
    ratio = long_side / max(height, width)
    if ratio >= 1:
        return picture
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _decoded(outputs: dict[str, Tensor], height: int, width: int, score_min: float) -> PlateDetections:
    scores = outputs["conf"][0, :, 1]
    (likely,) = np.nonzero(scores >= score_min)
    priors = _priors(height, width)[likely]
    centres, sizes = priors[:, :2], priors[:, 2:]
    offsets = outputs["loc"][0, likely]
    box_centres = centres + offsets[:, :2] * _VARIANCES[0] * sizes
    half = sizes * np.exp(offsets[:, 2:] * _VARIANCES[1]) / 2
    corners = outputs["landms"][0, likely].reshape(-1, 4, 2) * _VARIANCES[0]
    landmarks = centres[:, None] + corners * sizes[:, None]
    boxes = np.concatenate([box_centres - half, box_centres + half], axis=1)
    kept = non_max_suppression(boxes, scores[likely], IOU_MAX)
    return PlateDetections(boxes[kept], scores[likely][kept], landmarks[kept][:, _READING_ORDER])


@lru_cache(maxsize=16)  # a camera sends one size; a station has few kinds of cameras
def _priors(height: int, width: int) -> _Priors:
    grids = []
    for stride, sizes in _STRIDES_AND_SIZES_PX:
        rows, columns = np.mgrid[: ceil(height / stride), : ceil(width / stride)]
        centres = (np.stack([columns, rows], axis=-1).reshape(-1, 1, 2) + 0.5) * stride
        squares = np.array(sizes, dtype=np.float32).reshape(1, -1, 1)
        shape = (len(centres), len(sizes), 2)
        grids.append(
            np.concatenate([np.broadcast_to(centres, shape), np.broadcast_to(squares, shape)], axis=2)
        )
    return np.concatenate([grid.reshape(-1, 4) for grid in grids]).astype(np.float32)
