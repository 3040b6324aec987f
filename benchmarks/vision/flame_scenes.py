"""Rendered clips for benchmarks.vision.flame: scenes that resemble a fire without being one, and some fires.

Each scene is a function of (seconds, random generator) to a picture, so a clip of any step and length can be made of
it. The hard ones are here on purpose: a rule of colour and flicker cannot distinguish cloth and leaves in the colours
of fire that move in the wind, and the low sun on water, from a fire.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from callbox.demo.pictures.scenes import (
    Bgr,
    FloatImage,
    burn,
    flame_heat,
    render_yard,
    smooth_noise,
    with_noise,
)
from processors.vision.boxes import Picture
from processors.vision.jpeg import decode_jpeg

SIZE = (640, 360)
Scene = Callable[[float, np.random.Generator], Picture]

NIGHT_LIGHT = 0.18  # of the day's
NIGHT_NOISE = 7.0  # levels: high gain


def clip(scene: Scene, seconds: float, every_s: float, seed: int) -> Iterator[tuple[float, Picture]]:
    """Yield (seconds, picture) of a scene at even steps."""
    rng = np.random.default_rng(seed)
    for index in range(round(seconds / every_s)):
        yield index * every_s, scene(index * every_s, rng)


def quiet_scenes(pictures: Path | None, seed: int) -> dict[str, Scene]:
    """Return the scenes without a fire by name; with a folder of real JPEGs, those shaken, too."""
    yard = render_yard(SIZE, np.random.default_rng(seed))
    night = (yard * NIGHT_LIGHT).astype(np.uint8)
    scenes: dict[str, Scene] = {
        "still_yard": lambda _at, rng: with_noise(yard, rng),
        "noisy_night": lambda _at, rng: with_noise(night, rng, NIGHT_NOISE),
        "red_car_fast": lambda at, rng: _with_car(yard, at, 220.0, (30, 30, 200), rng),
        "red_car_slow": lambda at, rng: _with_car(yard, at, 12.0, (30, 30, 200), rng),
        "orange_truck": lambda at, rng: _with_car(yard, at, 40.0, (20, 110, 240), rng),
        "queue_of_cars": lambda at, rng: _with_queue(yard, at, rng),
        "swinging_lamp": lambda at, rng: _with_lamp(night, (320 + 90 * np.sin(1.7 * at), 150), 1.0, rng),
        "flickering_lamp": lambda _at, rng: _with_lamp(night, (320, 150), float(rng.uniform(0.4, 1)), rng),
        "failing_neon": lambda _at, rng: _with_sign(night, rng.random(4) > 0.3, rng),
        "amber_beacon": lambda at, rng: _with_lamp(night, (420, 120), float(int(at * 1.6) % 2), rng),
        "turn_signal": lambda at, rng: _with_signal(yard, at, rng),
        "sunset": _sunset,
        "exposure_hunting": lambda at, rng: _exposed(yard, at, rng),
        "red_flag": lambda at, rng: _with_flag(yard, at, (25, 25, 215), rng),
        "orange_flag": lambda at, rng: _with_flag(yard, at, (20, 120, 250), rng),
        "autumn_tree": lambda at, rng: _with_tree(yard, at, rng),
        "sun_on_water": _sun_on_water,
        "high_visibility_vest": lambda at, rng: _with_vest(yard, at, rng),
    }
    for path in sorted(pictures.glob("*.jpg")) if pictures else ():
        still = _landscape(decode_jpeg(path.read_bytes()))
        scenes[f"shaken_{path.stem}"] = _shaking(still, 2.0)
        scenes[f"shaken_hard_{path.stem}"] = _shaking(still, 6.0)
    return scenes


def fire_scenes(seed: int) -> dict[str, Scene]:
    """Return rendered fires by name: near and far, by day and by night, and one on a shaking pole."""
    rng = np.random.default_rng(seed)
    yard = render_yard(SIZE, rng)
    night = (yard * NIGHT_LIGHT).astype(np.uint8)
    pattern = smooth_noise((600, 200), rng)
    near = _burning(yard, pattern, (260, 90, 150, 200))
    return {
        "fire_near": near,
        "fire_middle": _burning(yard, pattern, (300, 150, 60, 90)),
        "fire_far": _burning(yard, pattern, (310, 180, 26, 36)),
        "fire_night": _burning(night, pattern, (300, 150, 60, 90)),
        "fire_night_far": _burning(night, pattern, (310, 180, 26, 36)),
        "fire_shaken": _then(near, _shake(2.0)),
    }


def _burning(scene: Picture, pattern: FloatImage, box: tuple[int, int, int, int]) -> Scene:
    def at(at_s: float, rng: np.random.Generator) -> Picture:
        heat = flame_heat(cv2.resize(pattern, (box[2], box[3] * 4)).astype(np.float32), box[2:], at_s=at_s)
        return with_noise(burn(scene, heat, box), rng)

    return at


def _with_car(
    yard: Picture, at_s: float, pixels_per_s: float, paint: Bgr, rng: np.random.Generator
) -> Picture:
    return with_noise(_car(yard, (at_s * pixels_per_s) % 900 - 200, paint), rng)


def _car(yard: Picture, x: float, paint: Bgr) -> Picture:
    scene = yard.copy()
    left = int(x)
    cv2.rectangle(scene, (left, 215), (left + 170, 270), paint, cv2.FILLED)
    cv2.rectangle(scene, (left + 35, 180), (left + 135, 215), paint, cv2.FILLED)
    cv2.rectangle(scene, (left + 45, 188), (left + 125, 213), (70, 60, 55), cv2.FILLED)
    cv2.line(scene, (left, 238), (left + 170, 238), tuple(0.6 * level for level in paint), 3)
    cv2.rectangle(scene, (left, 222), (left + 12, 236), (40, 150, 255), cv2.FILLED)  # a lamp
    for wheel in (left + 35, left + 135):
        cv2.circle(scene, (wheel, 270), 18, (35, 35, 35), cv2.FILLED)
    return scene


def _with_queue(yard: Picture, at_s: float, rng: np.random.Generator) -> Picture:
    """Cars of all colours that stop and go, so that the same place changes its colour again and again."""
    scene = yard
    for place, paint in enumerate([(30, 30, 200), (200, 200, 200), (20, 120, 240), (60, 40, 30)] * 2):
        scene = _car(scene, 700 - place * 190 + 60 * int(at_s) % 1500 - 300, paint)
    return with_noise(scene, rng)


def _with_lamp(
    night: Picture, centre: tuple[float, float], power: float, rng: np.random.Generator
) -> Picture:
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    far = np.hypot(x - centre[0], y - centre[1])
    light = power * (np.exp(-((far / 14) ** 2)) + 0.35 * np.exp(-((far / 60) ** 2)))
    lit = night + light[..., None] * np.array((120, 210, 330))
    return with_noise(np.clip(lit, 0, 255).astype(np.uint8), rng, NIGHT_NOISE / 2)


def _with_sign(night: Picture, lit: NDArray[np.bool_], rng: np.random.Generator) -> Picture:
    """Draw a sign of four orange letters of which each goes dark by itself."""
    scene = night.copy()
    for place, on in enumerate(lit):
        if on:
            origin = (240 + 45 * place, 150)
            cv2.putText(scene, "BARS"[place], origin, cv2.FONT_HERSHEY_DUPLEX, 1.8, (40, 120, 255), 6)
    return with_noise(scene, rng, NIGHT_NOISE / 2)


def _with_signal(yard: Picture, at_s: float, rng: np.random.Generator) -> Picture:
    scene = _car(yard, 200, (150, 150, 155))
    if int(at_s * 3) % 2:
        cv2.rectangle(scene, (200, 222), (222, 240), (30, 160, 255), cv2.FILLED)
    return with_noise(scene, rng)


def _sunset(at_s: float, rng: np.random.Generator) -> Picture:
    rows = np.linspace(0, 1, SIZE[1], dtype=np.float32)[:, None]
    sky = np.stack([90 - 60 * rows, 90 + 70 * rows, 170 + 85 * rows], axis=-1) * np.ones((1, SIZE[0], 1))
    sun = np.hypot(*(np.mgrid[0 : SIZE[1], 0 : SIZE[0]] - np.array((230 + at_s, 330)).reshape(2, 1, 1)))
    sky += np.exp(-((sun / 45) ** 2))[..., None] * np.array((120, 120, 80))
    sky[250:] *= 0.15
    return with_noise(np.clip(sky * (1 - 0.004 * at_s), 0, 255).astype(np.uint8), rng)


def _exposed(yard: Picture, at_s: float, rng: np.random.Generator) -> Picture:
    """A parked orange van under a camera whose exposure swings."""
    scene = _car(yard, 250, (20, 120, 245)) * (0.8 + 0.2 * np.sin(2.3 * at_s))
    return with_noise(scene.astype(np.uint8), rng)


def _with_flag(yard: Picture, at_s: float, paint: Bgr, rng: np.random.Generator) -> Picture:
    """Draw cloth in the wind: waves run through it, its folds shade it, its end beats."""
    scene = yard.astype(np.float32)
    along = np.arange(110)
    phase = 0.11 * along - 7.3 * at_s
    drop = (12 * np.sin(phase) * along / 110 + 6 * np.sin(0.7 * phase + 1.3) * along / 110).astype(int)
    shade = 0.8 + 0.3 * np.cos(phase)
    for column in along:
        top = 90 + drop[column]
        scene[top : top + 60, 300 + column] = np.array(paint) * shade[column]
    return with_noise(np.clip(scene, 0, 255).astype(np.uint8), rng)


def _with_tree(yard: Picture, at_s: float, rng: np.random.Generator) -> Picture:
    """Draw a tree in autumn: a crown of small orange and yellow leaves, each moved by gusts."""
    leaves = np.random.default_rng(7)
    scene = yard.copy()
    for _ in range(900):
        angle, far, phase = leaves.uniform(0, 2 * np.pi), 75 * leaves.random() ** 0.5, leaves.uniform(0, 6)
        paint = (30 * leaves.random(), 90 + 90 * leaves.random(), 190 + 60 * leaves.random())
        gust = 3 * np.sin(2.1 * at_s + phase) + 2 * np.sin(5.3 * at_s + 2 * phase)
        centre = (int(420 + far * np.cos(angle) + gust), int(150 + far * np.sin(angle) + gust / 2))
        cv2.circle(scene, centre, 4, paint, cv2.FILLED)
    return with_noise(scene, rng)


def _sun_on_water(_at: float, rng: np.random.Generator) -> Picture:
    """Draw the low sun's track on water: each glint lives for one picture."""
    scene = np.full((SIZE[1], SIZE[0], 3), (70, 60, 60), np.float32)
    scene[:140] = (90, 150, 240)
    for _ in range(250):
        x, y = int(rng.normal(320, 40)), int(rng.uniform(145, 350))
        cv2.ellipse(scene, (x, y), (7, 2), 0, 0, 360, (110, 200, 255), cv2.FILLED)
    return with_noise(scene.astype(np.uint8), rng)


def _with_vest(yard: Picture, at_s: float, rng: np.random.Generator) -> Picture:
    """Draw a road worker in orange who bends and turns at one place."""
    scene = yard.copy()
    lean = 9 * np.sin(1.9 * at_s)
    body = np.array([(330 + lean, 170), (362 + lean, 172), (358, 235), (334, 235)], np.int32)
    cv2.rectangle(scene, (334, 235), (358, 295), (60, 50, 45), cv2.FILLED)
    cv2.fillPoly(scene, [body], (25, 110, 255))
    arm = (int(346 + 34 * np.cos(2.7 * at_s)), int(200 + 30 * np.sin(2.7 * at_s)))
    cv2.line(scene, (int(346 + lean), 182), arm, (25, 110, 255), 10)
    return with_noise(scene, rng)


def _landscape(picture: Picture) -> Picture:
    """Cut the widest 16:9 part out of a picture, where a car's lamps are, and bring it to the scenes' size."""
    rows = picture.shape[1] * SIZE[1] // SIZE[0]
    top = (picture.shape[0] - rows) // 4
    return np.asarray(cv2.resize(picture[top : top + rows], SIZE), dtype=np.uint8)


def _shaking(still: Picture, sigma: float) -> Scene:
    return _then(lambda _at, rng: with_noise(still, rng), _shake(sigma))


def _shake(sigma: float) -> Callable[[Picture, np.random.Generator], Picture]:
    def shake(picture: Picture, rng: np.random.Generator) -> Picture:
        x, y = rng.normal(0, sigma, 2)
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        moved = cv2.warpAffine(picture, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.uint8)

    return shake


def _then(scene: Scene, change: Callable[[Picture, np.random.Generator], Picture]) -> Scene:
    return lambda at, rng: change(scene(at, rng), rng)
