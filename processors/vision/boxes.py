"""Array types and boxes that the picture processors and the models share.

Pictures are BGR, height x width x 3, uint8, as OpenCV decodes them.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]  # (H, W, 3) BGR
Boxes: TypeAlias = NDArray[np.float32]  # (N, 4) x_min, y_min, x_max, y_max; pixels, max exclusive
Scores: TypeAlias = NDArray[np.float32]  # (N,) in [0, 1]
Indices: TypeAlias = NDArray[np.int64]  # (K,)


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections of one detector in one picture.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the given picture, x_max and y_max exclusive.
        scores: (N,) float32 in [0, 1], best first.
    """

    boxes_xyxy: Boxes
    scores: Scores

    def __len__(self) -> int:
        return len(self.scores)


def non_max_suppression(boxes_xyxy: Boxes, scores: Scores, iou_threshold: float) -> Indices:
    """Keep the best box of every overlapping group.

    Args:
        boxes_xyxy: (N, 4) float32, pixels, x_max exclusive.
        scores: (N,) float32 in [0, 1].
        iou_threshold: Boxes whose IoU is above this are one object.

    Returns:
        (K,) int64 indices into `boxes_xyxy`, best score first; ties keep the lower index.

    Raises:
        ValueError: `boxes_xyxy` and `scores` differ in length.
    """
    if len(boxes_xyxy) != len(scores):
        raise ValueError(f"{len(boxes_xyxy)} boxes, but {len(scores)} scores")
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, others = waiting[0], waiting[1:]
        kept.append(int(best))
        waiting = others[_iou(boxes_xyxy[best], boxes_xyxy[others]) <= iou_threshold]
    return np.array(kept, dtype=np.int64)


def _iou(box_xyxy: Boxes, boxes_xyxy: Boxes) -> NDArray[np.float32]:
    """Intersection over union of one box, (4,), with each of (N, 4); 0 where both are empty."""
    low = np.maximum(box_xyxy[:2], boxes_xyxy[:, :2])
    high = np.minimum(box_xyxy[2:], boxes_xyxy[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = _area(box_xyxy) + _area(boxes_xyxy) - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.asarray(iou, dtype=np.float32)


def _area(boxes_xyxy: Boxes) -> NDArray[np.float32]:
    sides = np.clip(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1], dtype=np.float32)
