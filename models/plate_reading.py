"""The one object that reads plates: the plates worker and the bench both use it.

picture ─┬─ already a crop ──────────────────────────────► read
         ├─ plates found, small in it ─► rectify_plate ──► read, each
         ├─ a plate found that fills it ─────────────────► read
         └─ nothing found: a wide picture ───────────────► read; any other ─► nothing
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from models.plate_detector import READING_SCORE_MIN, Landmarks, PlateDetector
from models.plate_geometry import bordered, rectify_plate, squeezed
from models.plate_readers import ReaderA, ReaderB
from processors.plates.consensus import NOTHING_LEGIBLE, PlateReading, read_plate
from processors.vision.boxes import Picture

CORNERS_SCORE_MIN: Final = 0.3  # 1 % of real crops score less than 0.97
CORNERS_AREA_MIN: Final = 0.05  # share of the crop: a smaller find is a sticker or a part of a character
SMALLEST_PX: Final = 8  # of either side: below, there is nothing to read
LARGEST_WIDTH_PX: Final = 440  # twice what the readers see

CROP_WIDTH_MAX_PX: Final = 240  # a wide picture no larger than this is a crop: no scene fits into it
CROP_ASPECT_MIN: Final = 2.0  # width by height; scenes go to 1.9
FILLING_MIN: Final = 0.45  # share that a plate takes of its own crop: on 500 real ones, 0.56 and more
MOST_PLATES: Final = 8  # of one picture: bounds the time that a forged one can take


@dataclass(frozen=True, slots=True)
class PlateInPicture:
    """One plate of a picture.

    Attributes:
        reading: What it says.
        crop: (H, W, 3) BGR, uint8: the plate and nothing else, straightened; where no corners were found, the
            whole crop that was given.
    """

    reading: PlateReading
    crop: Picture


class PlateReader:
    """Reads plates.

    Args:
        cache: The folder for downloads, which has the weights.

    Raises:
        InputMissing: The weights are missing or are not the pinned ones.
    """

    def __init__(self, cache: Path) -> None:
        self._detector = PlateDetector(cache, score_min=CORNERS_SCORE_MIN)
        self._reader_a = ReaderA(cache)
        self._reader_b = ReaderB(cache)

    def read_picture(self, picture: Picture) -> tuple[PlateInPicture, ...]:
        """Read every plate of a picture, be it a plate's crop or a vehicle's front.

        Args:
            picture: (H, W, 3) BGR, uint8.

        Returns:
            Plates, the best detection first, at most 8; empty where none is found or legible.
        """
        found = []
        for given in self._crops(picture):
            crop, corners = self._looked_at(given)
            if (reading := self._reading(crop, corners)).text:
                found.append(
                    PlateInPicture(reading, crop if corners is None else rectify_plate(crop, corners))
                )
        return tuple(found)

    def read(self, crop: Picture) -> PlateReading:
        """Read a plate of one row.

        Args:
            crop: (H, W, 3) BGR, uint8: one plate with little around it, as a checkpoint or `rectify_plate` cuts
                it. Tilt and shear are straightened; the aspect ratio may be wrong.

        Returns:
            The reading; its text is empty where nothing is legible, or the crop is under 8 pixels.
        """
        return self._reading(*self._looked_at(crop))

    def _looked_at(self, crop: Picture) -> tuple[Picture, Landmarks | None]:
        """The crop at a size worth reading and its plate's corners; cut closer where the plate is small in it."""
        if min(crop.shape[:2]) < SMALLEST_PX:
            return crop, None
        seen = _at_most(crop, LARGEST_WIDTH_PX)
        corners = self._corners(seen)
        if corners is not None and _share(corners, seen) < FILLING_MIN:
            seen = rectify_plate(seen, corners)
            corners = self._corners(seen)
        return seen, corners

    def _reading(self, crop: Picture, corners: Landmarks | None) -> PlateReading:
        if min(crop.shape[:2]) < SMALLEST_PX:
            return NOTHING_LEGIBLE
        return read_plate(self._reader_a.lattice(crop), self._reader_b.lattice(crop, corners))

    def _crops(self, picture: Picture) -> list[Picture]:
        height, width = picture.shape[:2]
        is_wide = width >= CROP_ASPECT_MIN * height
        if is_wide and width <= CROP_WIDTH_MAX_PX:
            return [picture]
        found = self._detector.detect(picture)
        likely = found.landmarks[found.scores >= READING_SCORE_MIN][:MOST_PLATES]
        if not len(likely):
            return [picture] if is_wide else []
        if _share(likely[0], picture) >= FILLING_MIN:
            return [picture]
        return [rectify_plate(picture, landmarks) for landmarks in likely if _share(landmarks, picture) > 0]

    def _corners(self, crop: Picture) -> Landmarks | None:
        facing = bordered(crop)
        found = self._detector.detect(facing.picture)
        if not len(found):
            return None
        corners = facing.in_crop(found.landmarks[0])
        return corners if _share(corners, crop) >= CORNERS_AREA_MIN else None


def _at_most(crop: Picture, width_px: int) -> Picture:
    height, width = crop.shape[:2]
    if width <= width_px:
        return crop
    return squeezed(crop, (width_px, max(SMALLEST_PX, round(height * width_px / width))))


def _share(corners: Landmarks, picture: Picture) -> float:
    """Of a picture's area inside a quadrangle; negative where its corners go the wrong way round (a mirror)."""
    x, y = corners[:, 0], corners[:, 1]
    doubled = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)  # the shoelace formula
    return float(doubled / 2 / (picture.shape[0] * picture.shape[1]))
