"""Arrays and boxes that the picture processors and the models share.

Pictures are BGR, height x width x 3, uint8, as OpenCV decodes them.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]  # (H, W, 3) BGR
Boxes: TypeAlias = NDArray[np.float32]  # (N, 4) x_min, y_min, x_max, y_max; pixels, max exclusive
Scores: TypeAlias = NDArray[np.float32]  # (N,) in [0, 1]


@dataclass(frozen=True, slots=True)
class Detections:
    """What one detector found in one picture.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the picture that was given, x_max and y_max exclusive.
        scores: (N,) float32 in [0, 1], best first.
    """

    boxes_xyxy: Boxes
    scores: Scores

    def __len__(self) -> int:
        return len(self.scores)
