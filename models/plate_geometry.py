"""Bring a plate into the shape that a detector or a reader expects.

whole picture + landmarks ──rectify_plate──► crop ──┬─bordered─► detector ─► corners in the crop
                                                    ├─squeezed─► reader A (tolerates tilt, needs a margin)
                                                    └─straightened by the corners─► reader B (tolerates no tilt)
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.plate_detector import MEAN_BGR, Landmarks
from processors.vision.boxes import Picture

RECTIFIED_PX: Final = (440, 140)  # one pixel for each millimetre of the ordinary plate
RECTIFIED_MARGIN: Final = 0.06  # margin around the plate, which readers and the next detection need
FACING_WIDTH_PX: Final = (
    188  # twice the width of the crops that readers are trained on: best for the detector
)
FACING_HEIGHTS_PX: Final = (60, 140)  # 188 x 60 has a plate's aspect ratio, whatever the crop's is
FACING_BORDER_PX: Final = 20


@dataclass(frozen=True, slots=True)
class BorderedCrop:
    """A crop with a border that the detector sees as empty.

    Attributes:
        picture: (H, W, 3) BGR, uint8.
        ratio: (2,) pixels of the crop per pixel of `picture`, x and y.
    """

    picture: Picture
    ratio: NDArray[np.float32]

    def in_crop(self, landmarks: Landmarks) -> Landmarks:
        """Landmarks of `picture` in pixels of the crop."""
        return (landmarks - FACING_BORDER_PX) * self.ratio


def rectify_plate(picture: Picture, landmarks: Landmarks) -> Picture:
    """Cut a plate out of a picture of a scene and straighten it.

    Args:
        picture: (H, W, 3) BGR, uint8.
        landmarks: (4, 2) corners top-left, top-right, bottom-right, bottom-left, pixels; they may lie outside.

    Returns:
        (140, 440, 3) BGR, uint8: the plate and a margin of 6 % around it.
    """
    return straightened(picture, landmarks, RECTIFIED_PX, RECTIFIED_MARGIN)


def straightened(picture: Picture, landmarks: Landmarks, size: tuple[int, int], margin: float) -> Picture:
    """Warp four corners onto an upright rectangle.

    Args:
        picture: (H, W, 3) BGR, uint8.
        landmarks: (4, 2) as for `rectify_plate`.
        size: Width and height of the result, pixels.
        margin: Share of each side that stays outside the corners.

    Returns:
        (height, width, 3) BGR, uint8; what lies outside the picture repeats its edge.
    """
    width, height = size
    x, y = width * margin, height * margin
    upright = np.array([[x, y], [width - x, y], [width - x, height - y], [x, height - y]], dtype=np.float32)
    transform = cv2.getPerspectiveTransform(np.ascontiguousarray(landmarks, dtype=np.float32), upright)
    warped = cv2.warpPerspective(
        picture, transform, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


def squeezed(crop: Picture, size: tuple[int, int], padding: tuple[float, float] = (0.0, 0.0)) -> Picture:
    """Resize a crop to a size, with its own edge repeated around it.

    Args:
        crop: (H, W, 3) BGR, uint8.
        size: Width and height of the result, pixels.
        padding: Share of width and height that is edge, on each side.

    Returns:
        (height, width, 3) BGR, uint8.
    """
    (width, height), (across, down) = size, padding
    inner = (round(width * (1 - 2 * across)), round(height * (1 - 2 * down)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    bordered = cv2.copyMakeBorder(
        _resized(crop, inner),
        top,
        height - inner[1] - top,
        left,
        width - inner[0] - left,
        cv2.BORDER_REPLICATE,
    )
    return np.asarray(bordered, dtype=np.uint8)


def bordered(crop: Picture) -> BorderedCrop:
    """Put a border around a crop, so that the detector sees a plate in a scene.

    Args:
        crop: (H, W, 3) BGR, uint8, mostly plate.

    Returns:
        At most 228 x 180 pixels, so that detection costs a millisecond.
    """
    height, width = crop.shape[:2]
    facing_height = int(np.clip(FACING_WIDTH_PX * height / width, *FACING_HEIGHTS_PX))
    around = FACING_BORDER_PX
    picture = cv2.copyMakeBorder(
        _resized(crop, (FACING_WIDTH_PX, facing_height)),
        around,
        around,
        around,
        around,
        cv2.BORDER_CONSTANT,
        value=MEAN_BGR,
    )
    ratio = np.array([width / FACING_WIDTH_PX, height / facing_height], dtype=np.float32)
    return BorderedCrop(np.asarray(picture, dtype=np.uint8), ratio)


def _resized(crop: Picture, size: tuple[int, int]) -> Picture:
    shrinks = size[0] < crop.shape[1]
    resized = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)
