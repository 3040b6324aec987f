"""What is kept of a picture, between a worker and its picture processes."""

from typing import Final

import numpy as np

from processors.vision.flicker import HEIGHT, WIDTH, Burning, Sight
from schemas.units import EpochMs
from streams.pictures.messages import WireBurning, WireSight

_UNKNOWN_TIME: Final = EpochMs(0)  # the rule's pixels need none


def sight_of(sent: WireSight, at: EpochMs = _UNKNOWN_TIME) -> Sight:
    """What is kept of a picture, as it was before it was sent.

    Args:
        sent: Its planes.
        at: When it was taken.

    Raises:
        ValueError: A plane has another size.
    """
    green = np.frombuffer(sent.green, np.uint8).reshape(HEIGHT, WIDTH)
    bits = np.unpackbits(np.frombuffer(sent.colour, np.uint8))
    return Sight(at, green, bits.reshape(HEIGHT, WIDTH).astype(np.bool_))


def wire_sight(sight: Sight) -> WireSight:
    """What is kept of a picture, as it is sent."""
    return WireSight(sight.green.tobytes(), np.packbits(sight.colour).tobytes())


def wire_burning(fire: Burning) -> WireBurning:
    """What burns, as it is sent: numbers of Python, and not of numpy."""
    x_min, y_min, x_max, y_max = map(float, fire.box)
    return WireBurning(float(fire.area), (x_min, y_min, x_max, y_max))


def burning_of(sent: WireBurning) -> Burning:
    """What burns, as it was before it was sent.

    Raises:
        ValueError: Its box is empty or the wrong way round.
    """
    x_min, y_min, x_max, y_max = sent.box
    if not (x_min < x_max and y_min < y_max and sent.area > 0):
        raise ValueError("a box is empty")
    return Burning(sent.area, sent.box)
