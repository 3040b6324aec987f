"""Find faces, so that they can be hidden. This is all that may ever be done with them.

CenterFace: one heat map of centres at a quarter of the picture's size, with a size and an offset at each cell.
Recall by height of a face at threshold 0.1: 12-16 px 0.82, 16-24 px 0.97, 24-40 px 0.99; at 0.5: 16-24 px 0.70.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from models.open_shapes import open_shapes
from models.session import Session, Tensor
from models.weights import read_weights
from processors.vision.boxes import Detections, Picture, non_max_suppression

MODEL: Final = "face_detector"
SCORE_MIN: Final = 0.1
LONG_SIDE_PX: Final = 1280
IOU_MAX: Final = 0.3  # the publisher's
_CHANNELS: Final = 3
_STRIDE_PX: Final = 4
_MULTIPLE_PX: Final = 32  # the network halves the picture five times
_CENTRE, _SIZE, _OFFSET = "537", "538", "539"  # the outputs' names in the file


class FaceDetector:
    """Finds faces, for redaction only.

    Args:
        cache: The folder for downloads, which has the weights.
        score_min: Detections from this score on are given.
        long_side: Pixels; larger pictures are made smaller first, smaller ones stay as they are.

    Raises:
        InputMissing: The weights are missing or are not the pinned ones.
    """

    def __init__(self, cache: Path, *, score_min: float = SCORE_MIN, long_side: int = LONG_SIDE_PX) -> None:
        (model,) = read_weights(cache, MODEL).values()
        self._session = Session(open_shapes(model, _CHANNELS), MODEL)
        self._score_min = score_min
        self._long_side = long_side

    def detect(self, picture: Picture) -> Detections:
        """Find faces.

        Args:
            picture: (H, W, 3) BGR, uint8.

        Returns:
            Boxes in pixels of `picture`, best first.
        """
        height, width = picture.shape[:2]
        ratio = min(self._long_side / max(height, width), 1.0)
        size = (_multiple(width * ratio), _multiple(height * ratio))
        shrinks = size[0] < width
        seen = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        outputs = self._session.run(np.asarray(cv2.dnn.blobFromImage(seen), dtype=np.float32))
        found = _decoded(outputs, self._score_min)
        ratios = np.array([width / size[0], height / size[1]] * 2, dtype=np.float32)
        limits = np.array([width, height] * 2, dtype=np.float32)
        return Detections(np.clip(found.boxes_xyxy * ratios, 0, limits), found.scores)


def _multiple(side_px: float) -> int:
    return max(1, round(side_px / _MULTIPLE_PX)) * _MULTIPLE_PX


def _decoded(outputs: dict[str, Tensor], score_min: float) -> Detections:
    scores = outputs[_CENTRE][0, 0]
    rows, columns = np.nonzero(scores >= score_min)
    cells = np.stack([columns, rows], axis=1).astype(np.float32)
    offsets = outputs[_OFFSET][0, ::-1, rows, columns]  # the network says y before x
    sizes = np.exp(outputs[_SIZE][0, ::-1, rows, columns]) * _STRIDE_PX
    centres = (cells + offsets + 0.5) * _STRIDE_PX
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)
    kept = non_max_suppression(boxes, scores[rows, columns], IOU_MAX)
    return Detections(boxes[kept], scores[rows, columns][kept])
