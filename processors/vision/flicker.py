"""The flicker rule: what burns in five pictures of one camera has the colour of fire, stays in place and flickers.

A pixel is alive where all of these hold:
    colour       red is high, above green, and green is above blue (Chen, Wu and Chiou, ICIP 2004, without their
                 saturation test, which changed nothing measurable), because a flame emits light,
    persistence  the colour is there in at least 3 of the 5 pictures, which excludes things that pass by,
    flicker      green goes up and down while red stays high. A flame alternates between red and yellow; a fold in
                 red cloth, a shadow on a red car or a lamp that goes out changes both channels.
A group of adjacent alive pixels burns if it is large enough and if its pixels do not all vary together: the light of a
failing lamp rises and falls everywhere at once, so that one principal component explains all of it.

The rule must hold in aligned pictures (phase correlation) too, because a pole in the wind makes every edge flicker.
It detects neither smoke nor embers nor a flame that is hidden from view.
"""

from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple, TypeAlias

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from processors.vision.boxes import Picture
from schemas.units import EpochMs

Plane: TypeAlias = NDArray[np.uint8]  # (HEIGHT, WIDTH)
PixelMask: TypeAlias = NDArray[np.bool_]  # (HEIGHT, WIDTH)
Box: TypeAlias = tuple[int, int, int, int]  # x_min, y_min, x_max, y_max; pixels, max exclusive

WIDTH, HEIGHT = 240, 135  # small enough for every frame of every camera, large enough for a fire 30 px high
WINDOW = 5  # pictures
PERSISTENT = 3  # of them: fewer cannot go up and down again; checked first, because it is cheap
ALIGNED_MIN = 0.1  # response of the phase correlation; below it the peak is noise
SHIFT_MAX = 24.0  # pixels of 240: a camera that moves further shows another scene
NEAR = 7  # pixels: alive pixels this close are one fire
GROUP_MIN = 3  # pixels, below which a principal component means nothing
HANNING: Final = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)


class FlickerPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the rule. Defaults: `python -m benchmarks.vision.flame`, one real clip and the rendered scenes.

    Attributes:
        red_min: Level of red from which on a pixel may be a flame. At 130 a brick wall in daylight qualified.
        red_over_blue_min: Least difference of the levels of red and blue. A lower one admits white lamps and clouds.
        flicker_min: Least number of levels by which green goes up and down again over the window.
        area_min: Least share of the picture that is alive.
        incoherence_min: Least share of the variation that the first principal component does not explain. Rendered
            lamps leave 0.00 to 0.13, the real fire 0.36 to 0.60.
    """

    red_min: Annotated[int, msgspec.Meta(ge=0, le=255)] = 190
    red_over_blue_min: Annotated[int, msgspec.Meta(ge=0, le=255)] = 40
    flicker_min: Annotated[int, msgspec.Meta(ge=1, le=1020)] = 36
    area_min: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.00025
    incoherence_min: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.18


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is kept of one picture, 65 kB.

    Attributes:
        at: When it was taken.
        green: (HEIGHT, WIDTH) uint8, the green channel.
        colour: (HEIGHT, WIDTH) bool, true where a pixel has the colour of fire.
    """

    at: EpochMs
    green: Plane
    colour: PixelMask


class Burning(NamedTuple):
    """A group of alive pixels.

    Attributes:
        area: Share of the picture that the group covers, 0 to 1.
        box: x_min, y_min, x_max, y_max as shares of width and height, 0 to 1.
    """

    area: float
    box: tuple[float, float, float, float]


def see(picture: Picture, at: EpochMs, policy: FlickerPolicy) -> Sight:
    """Reduce a picture to what the rule needs.

    Args:
        picture: (H, W, 3) BGR, uint8, of any size; the aspect ratio is not kept.
        at: When it was taken.
        policy: The limits of the colour.
    """
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    blue, green, red = (small[..., channel].astype(np.int16) for channel in range(3))
    colour = (
        (red >= policy.red_min) & (red >= green) & (green > blue) & (red - blue >= policy.red_over_blue_min)
    )
    return Sight(at, np.ascontiguousarray(small[..., 1], dtype=np.uint8), colour)


def burning(window: tuple[Sight, ...], policy: FlickerPolicy) -> Burning | None:
    """Find the largest group of pixels that burns, both in the pictures as they are and in the aligned ones.

    Both are required, because either can be wrong: without alignment a shaking camera looks like fire, and with it a
    lamp at night does, because the lamp is all that there is to align by.

    Args:
        window: WINDOW pictures, oldest first.
        policy: The limits.

    Returns:
        The group in the aligned pictures, or None where nothing burns.
    """
    greens = np.stack([sight.green for sight in window])
    colours = np.stack([sight.colour for sight in window])
    if _largest_fire(greens, colours, policy) is None:
        return None
    group = _largest_fire(*_aligned(window), policy)
    if group is None:
        return None
    (top, left), (bottom, right) = group.min(axis=0), group.max(axis=0) + 1
    return Burning(
        area=len(group) / (WIDTH * HEIGHT),
        box=(left / WIDTH, top / HEIGHT, right / WIDTH, bottom / HEIGHT),
    )


def _largest_fire(
    greens: NDArray[np.uint8], colours: NDArray[np.bool_], policy: FlickerPolicy
) -> NDArray[np.int64] | None:
    """The rows and columns, (K, 2), of the largest group that burns in (WINDOW, HEIGHT, WIDTH) planes, or None."""
    needed = max(GROUP_MIN, policy.area_min * WIDTH * HEIGHT)
    persistent = colours.sum(axis=0, dtype=np.uint8) >= PERSISTENT
    if np.count_nonzero(persistent) < needed:
        return None
    rows, columns = np.nonzero(persistent)
    levels = greens[:, rows, columns].astype(np.int32)
    lit = colours[:, rows, columns]
    steps = np.diff(levels, axis=0) * (lit[1:] & lit[:-1])
    flicker = np.abs(steps).sum(axis=0) - np.abs(steps.sum(axis=0))  # 0 where green only rises or only falls
    alive = flicker >= policy.flicker_min
    found = [
        np.stack([rows[alive][group], columns[alive][group]], axis=1)
        for group in _groups(rows[alive], columns[alive])
        if len(group) >= needed and _incoherence(levels[:, alive][:, group]) >= policy.incoherence_min
    ]
    return max(found, key=len) if found else None


def _aligned(window: tuple[Sight, ...]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Align all pictures to the newest one: (WINDOW, HEIGHT, WIDTH) of green, and of colour."""
    newest = window[-1].green.astype(np.float32)
    greens, colours = [], []
    for sight in window:
        (x, y), response = cv2.phaseCorrelate(sight.green.astype(np.float32), newest, HANNING)
        if response < ALIGNED_MIN or max(abs(x), abs(y)) > SHIFT_MAX:
            x, y = 0.0, 0.0
        move = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
        greens.append(cv2.warpAffine(sight.green, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE))
        colour = cv2.warpAffine(sight.colour.astype(np.uint8) * 255, move, (WIDTH, HEIGHT))
        colours.append(colour > 127)  # noqa: PLR2004 -- more than half of the pixel
    return np.stack(greens).astype(np.uint8), np.stack(colours)


def _groups(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split pixels into groups of adjacent ones; each group is an array of indices into `rows` and `columns`."""
    plane = np.zeros((HEIGHT, WIDTH), np.uint8)
    plane[rows, columns] = 1
    _, labels = cv2.connectedComponents(cv2.dilate(plane, np.ones((NEAR, NEAR), np.uint8)))
    of_each = labels[rows, columns]
    return [np.flatnonzero(of_each == label) for label in np.unique(of_each)]


def _incoherence(levels: NDArray[np.int32]) -> float:
    """Share of the variation of (WINDOW, K) levels over time that is not common to all K pixels, 0 to 1."""
    centred = (levels - levels.mean(axis=0)).astype(np.float64)
    powers = np.linalg.eigvalsh(centred @ centred.T)
    total = float(powers.sum())
    return 1 - float(powers[-1]) / total if total > 0 else 0.0
