"""Pictures that the demo renders where no real ones are given: a yard, a fire in it, a car at a checkpoint.

Everything follows from the seed, so the same scenario gives the same bytes. The scenes are made to pass
through the shipped rules and models, not to fool anybody: the yard's fire must be seen by
`processors.flame`, and the plate on the car must be found by `models.plate_detector`.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.boxes import Picture
from processors.pictures import encode_jpeg
from schemas.errors import InputMissing

Field = NDArray[np.float32]  # (H, W), mostly 0 to 1
Bgr = tuple[float, float, float]

RISE_PER_S = 0.9  # flame heights that the pattern climbs in a second; real ones do 1 to 3
SENSOR_NOISE = 2.0  # standard deviation in levels, of an ordinary camera by day
VIDEO_QUALITY = 90

# Heat to colour (BGR), read off stills of wood fires: dark red at the rim, nearly white where it is hottest.
HEAT: tuple[tuple[float, Bgr], ...] = (
    (0.0, (10, 20, 120)),
    (0.3, (20, 70, 225)),
    (0.6, (40, 160, 255)),
    (0.85, (110, 225, 255)),
    (1.0, (200, 250, 255)),
)


def flame_frames(count: int, size: tuple[int, int], seed: int, *, every_s: float = 0.5) -> Iterator[Picture]:
    """Yield pictures of a yard with a fire burning in it.

    Args:
        count: Pictures.
        size: Width and height in pixels.
        seed: Of everything that varies.
        every_s: Seconds between two pictures.

    Yields:
        (H, W, 3) BGR pictures.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    yard = render_yard(size, rng)
    box = (int(width * 0.56), int(height * 0.42), int(width * 0.16), int(height * 0.38))
    pattern = smooth_noise((box[3] * 4, box[2]), rng)
    for index in range(count):
        heat = flame_heat(pattern, box[2:], at_s=index * every_s)
        yield with_noise(burn(yard, heat, box), rng)


def quiet_frames(count: int, size: tuple[int, int], seed: int) -> Iterator[Picture]:
    """Yield pictures of the same yard without a fire: nothing but the sensor's noise changes."""
    rng = np.random.default_rng(seed)
    yard = render_yard(size, rng)
    for _ in range(count):
        yield with_noise(yard, rng)


def render_yard(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Draw a yard by day: sky, a wall of bricks, gravel and a red door, which is no fire."""
    width, height = size
    yard = np.empty((height, width, 3), np.float32)
    horizon, ground = int(height * 0.3), int(height * 0.72)
    yard[:horizon] = (225, 205, 190)
    yard[horizon:ground] = (95, 110, 150)
    yard[ground:] = (120, 130, 135)
    yard *= 0.85 + 0.3 * smooth_noise((height, width), rng)[..., None]
    picture = np.clip(yard, 0, 255).astype(np.uint8)
    door = (int(width * 0.2), int(height * 0.44), int(width * 0.11), ground - int(height * 0.44))
    cv2.rectangle(picture, door, (45, 40, 165), cv2.FILLED)
    return picture


def flame_heat(pattern: Field, size: tuple[int, int], *, at_s: float) -> Field:
    """Return the heat of a flame at a time: an envelope that narrows upwards, eaten away by a rising pattern.

    Args:
        pattern: (>= H, W) noise, 0 to 1, that is read in a circle.
        size: Width and height of the flame in pixels.
        at_s: Seconds.

    Returns:
        (H, W), 0 where there is no flame.
    """
    width, height = size
    rows = (np.arange(height) + int(at_s * RISE_PER_S * height)) % len(pattern)
    above = np.linspace(1, 0, height, dtype=np.float32)[:, None]  # 0 at the foot, 1 at the top
    sway = 0.25 * np.sin(5.1 * at_s + 4 * above) * above
    across = np.abs(np.linspace(-1, 1, width, dtype=np.float32)[None, :] - sway)
    envelope = 1.25 - across / (1.02 - 0.75 * above) - 0.35 * above
    return np.clip(envelope - 1.1 * (0.15 + above) * pattern[rows], 0, 1).astype(np.float32)


def burn(scene: Picture, heat: Field, box: tuple[int, int, int, int]) -> Picture:
    """Lay a flame over a scene, with the light that it throws around itself.

    Args:
        scene: (H, W, 3) BGR.
        heat: (h, w) of the flame.
        box: x, y, width and height of the flame in the scene.
    """
    x, y, width, height = box
    lit = scene.astype(np.float32)
    levels, colours = zip(*HEAT, strict=True)
    flame = np.stack([np.interp(heat, levels, channel) for channel in zip(*colours, strict=True)], axis=-1)
    cover = np.clip(heat * 4, 0, 1)[..., None]
    part = lit[y : y + height, x : x + width]
    lit[y : y + height, x : x + width] = part * (1 - cover) + flame * cover
    glow = np.zeros(scene.shape[:2], np.float32)
    glow[y : y + height, x : x + width] = heat
    glow = cv2.GaussianBlur(glow, (0, 0), max(width, height) / 3)
    return np.clip(lit + glow[..., None] * np.array((15, 55, 110)), 0, 255).astype(np.uint8)


def with_noise(scene: Picture, rng: np.random.Generator, sigma: float = SENSOR_NOISE) -> Picture:
    """Add a sensor's noise, `sigma` levels strong."""
    noise = rng.normal(0, sigma, scene.shape)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def smooth_noise(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Smooth noise of four octaves, 0 to 1, the coarsest about a quarter of the shorter side."""
    height, width = shape
    coarse = max(4, min(shape) // 4)
    total = np.zeros(shape, np.float32)
    for octave in range(4):
        step = max(2, coarse >> octave)
        grid = rng.random((height // step + 2, width // step + 2), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = float(total.min()), float(total.max())
    return ((total - low) / (high - low)).astype(np.float32)


def video_frames(path: Path, every_s: float) -> Iterator[tuple[float, bytes]]:
    """Read a video at even steps.

    Args:
        path: A file that OpenCV can read, an mp4 for one.
        every_s: Seconds between two pictures.

    Yields:
        Seconds from the start, and the picture as JPEG.

    Raises:
        InputMissing: There is no such video, or it has no pictures.
    """
    video = cv2.VideoCapture(str(path))
    try:
        rate = video.get(cv2.CAP_PROP_FPS)
        if not video.isOpened() or rate <= 0:
            raise InputMissing(f"{path.name}: not a video that can be read")
        step = max(1, round(every_s * rate))
        index = 0
        while video.grab():
            if index % step == 0:
                read, picture = video.retrieve()
                if read:
                    yield index / rate, encode_jpeg(np.asarray(picture, dtype=np.uint8), VIDEO_QUALITY)
            index += 1
    finally:
        video.release()
