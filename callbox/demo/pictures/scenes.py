"""Scenes that the demo renders if no real pictures are given: a yard, a fire in it, a car at a checkpoint.

Everything is made from the seed, so the same scenario gives the same bytes. The scenes are not meant to look real, but
to pass through the shipped rules and models: `processors.vision.flame` must see the yard's fire, and
`models.plate_detector` must find the plate on the car.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.vision.boxes import Picture
from processors.vision.jpeg import encode_jpeg
from schemas.errors import InputMissing

FloatImage = NDArray[np.float32]  # (H, W), mostly 0 to 1
Bgr = tuple[float, float, float]

RISE_PER_S = 0.9  # flame heights that the pattern climbs in a second; real ones do 1 to 3
SENSOR_NOISE = 2.0  # standard deviation in levels, of an ordinary camera by day
VIDEO_QUALITY = 90
GLOW_GRID = (96, 54)

# Heat to colour (BGR), read off stills of wood fires: dark red at the rim, nearly white where it is hottest.
HEAT: tuple[tuple[float, Bgr], ...] = (
    (0.0, (10, 20, 120)),
    (0.3, (20, 70, 225)),
    (0.6, (40, 160, 255)),
    (0.85, (110, 225, 255)),
    (1.0, (200, 250, 255)),
)

# The left half of a car's front in parts of the scene, from the back to the front; the right half mirrors it.
CAR_FRONT: tuple[tuple[list[tuple[float, float]], Bgr], ...] = (
    ([(0.24, 0.88), (0.24, 0.97), (0.32, 0.97), (0.32, 0.88)], (25, 25, 25)),  # wheels
    ([(0.34, 0.12), (0.29, 0.36)], (45, 42, 40)),  # windscreen
    ([(0.29, 0.36), (0.23, 0.45), (0.21, 0.6), (0.21, 0.86), (0.26, 0.91)], (205, 205, 210)),  # body
    ([(0.29, 0.36), (0.27, 0.46), (0.37, 0.48)], (190, 190, 196)),  # bonnet
    ([(0.37, 0.48), (0.39, 0.6)], (40, 40, 42)),  # grille
    ([(0.27, 0.83), (0.3, 0.88)], (60, 60, 62)),  # lower intake
)
HEADLAMP: list[tuple[float, float]] = [(0.235, 0.48), (0.35, 0.51), (0.35, 0.57), (0.24, 0.56)]
PLATE_Y = 0.72  # of the scene's height


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


def flame_heat(pattern: FloatImage, size: tuple[int, int], *, at_s: float) -> FloatImage:
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
    heat = envelope - 1.1 * (0.15 + above) * pattern[rows]
    return np.asarray(np.clip(heat, 0, 1), dtype=np.float32)


def burn(scene: Picture, heat: FloatImage, box: tuple[int, int, int, int]) -> Picture:
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
    source = np.zeros(scene.shape[:2], np.float32)
    source[y : y + height, x : x + width] = heat
    coarse = cv2.resize(source, GLOW_GRID, interpolation=cv2.INTER_AREA)  # light is smooth: a few cells do
    sigma = max(width / scene.shape[1] * GLOW_GRID[0], height / scene.shape[0] * GLOW_GRID[1]) / 3
    glow = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), sigma), scene.shape[1::-1])
    lit += glow[..., None] * np.array((15, 55, 110), np.float32)
    return np.asarray(np.clip(lit, 0, 255), dtype=np.uint8)


def with_noise(scene: Picture, rng: np.random.Generator, sigma: float = SENSOR_NOISE) -> Picture:
    """Add a sensor's noise, `sigma` levels strong."""
    noise = rng.normal(0, sigma, scene.shape)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def checkpoint_scene(plate: Picture, size: tuple[int, int] = (1280, 720), seed: int = 0) -> Picture:
    """Draw the front of a car at a checkpoint with a plate on its bumper.

    Args:
        plate: (h, w, 3) BGR, drawn in its own size; narrower than a third of the scene.
        size: Width and height in pixels.
        seed: Of the road's surface, the light and the noise.

    Raises:
        ValueError: The plate is too large for the scene.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    if plate.shape[1] * 3 > width or plate.shape[0] * 6 > height:
        raise ValueError("the plate is wider than a third of the scene or higher than a sixth")
    scene = np.empty((height, width, 3), np.uint8)
    scene[:] = (105, 108, 110)
    scene[: height // 5] = (185, 180, 170)

    for outline, paint in CAR_FRONT:
        mirrored = [(1 - x, y) for x, y in reversed(outline)]
        cv2.fillPoly(scene, [_pixels([*outline, *mirrored], size)], paint)
    for lamp in (HEADLAMP, [(1 - x, y) for x, y in HEADLAMP]):
        cv2.fillPoly(scene, [_pixels(lamp, size)], (235, 235, 230))
    for bar in np.linspace(0.5, 0.58, 6):
        cv2.polylines(scene, [_pixels([(0.38, bar), (0.62, bar)], size)], isClosed=False, color=(90, 90, 90))
    soft = cv2.GaussianBlur(scene, (0, 0), 1.5)
    light = 0.85 + 0.3 * smooth_noise((height, width), rng)
    lit = np.asarray(np.clip(soft * light[..., None], 0, 255), dtype=np.uint8)
    top, left = round(height * PLATE_Y) - plate.shape[0] // 2, (width - plate.shape[1]) // 2
    lit[top : top + plate.shape[0], left : left + plate.shape[1]] = plate
    return with_noise(lit, rng)


def _pixels(points: list[tuple[float, float]], size: tuple[int, int]) -> NDArray[np.int32]:
    return np.round(np.array(points) * size).astype(np.int32)


def smooth_noise(shape: tuple[int, int], rng: np.random.Generator) -> FloatImage:
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
