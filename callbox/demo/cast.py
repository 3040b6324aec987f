"""Who takes part: the vehicles with their plates and crops, what the cameras see. Drawn, or real where they are given.

no --data: rendered plates, a rendered car, a rendered yard with a fire
--data DIR: DIR/plates-cn (crops named by their plate), DIR/checkpoint, DIR/flame/*.mp4; the quiet yard is rendered
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import numpy as np

from callbox.demo.plates import render_plate
from callbox.demo.scenario import Scenario, VehicleRole
from callbox.demo.scenes import checkpoint_scene, flame_frames, quiet_frames, video_frames
from callbox.demo.steps import Scene, VideoStep
from models.weights import weights_path
from processors.boxes import Picture
from processors.pictures import encode_jpeg
from schemas.errors import InputMissing

QUALITY: Final = 90
FRAME_SIZE: Final = (640, 360)  # of rendered frames, pixels
FONT: Final = "cjk_font"


@dataclass(frozen=True)
class Vehicle:
    """A vehicle that passes. Its plate is not in the text form: it must not reach a log by accident.

    Attributes:
        role: Its part in the scenario.
        plate: What is on its plate.
        crop: JPEG of its plate.
    """

    role: VehicleRole
    plate: str
    crop: bytes

    def __repr__(self) -> str:
        return f"Vehicle({self.role.name})"


@dataclass(frozen=True)
class Cast:
    """Everybody and everything that the steps show.

    Attributes:
        vehicles: By the name of their role.
        fronts: Vehicles from the front, JPEG.
        scenes: Pictures of each scene in their order, JPEG.
    """

    vehicles: Mapping[str, Vehicle]
    fronts: Sequence[bytes]
    scenes: Mapping[Scene, Sequence[bytes]]


def make_cast(scenario: Scenario, data: Path | None, cache: Path) -> Cast:
    """Draw the cast, or take it from files.

    Args:
        scenario: Whom it needs.
        data: Folder with real pictures, or None.
        cache: Where the font is.

    Raises:
        InputMissing: A file is not there, or the font is not fetched.
    """
    videos = [step for step in scenario.steps if isinstance(step, VideoStep)]
    scenes = {step.scene: list(_scene(step, data)) for step in videos}
    if data is None:
        font = weights_path(cache, FONT)
        plates = {role.name: render_plate(role.plate, font) for role in scenario.vehicles}
        vehicles = {
            role.name: Vehicle(role, role.plate, _jpeg(plates[role.name])) for role in scenario.vehicles
        }
        fronts = [_jpeg(checkpoint_scene(plate)) for plate in list(plates.values())[-1:]]
        return Cast(vehicles, fronts, scenes)
    found = _files(data / "plates-cn")
    if len(found) < len(scenario.vehicles):
        raise InputMissing(f"{data / 'plates-cn'}: {len(scenario.vehicles)} crops are needed")
    vehicles = {
        role.name: Vehicle(role, path.stem, path.read_bytes())
        for role, path in zip(scenario.vehicles, found, strict=False)
    }
    return Cast(vehicles, [path.read_bytes() for path in _files(data / "checkpoint")], scenes)


def _scene(step: VideoStep, data: Path | None) -> Iterator[bytes]:
    """As many pictures as the step wants; a video that is too short begins again."""
    if step.scene is Scene.QUIET:
        return _jpegs(quiet_frames(step.times, FRAME_SIZE, seed=2))
    if data is None:
        return _jpegs(flame_frames(step.times, FRAME_SIZE, seed=1, every_s=step.every_s))
    video = next(iter(sorted((data / "flame").glob("*.mp4"))), None)
    if video is None:
        raise InputMissing(f"{data / 'flame'}: no video there")
    frames = (jpeg for _at_s, jpeg in video_frames(video, step.every_s))
    return islice(cycle(islice(frames, step.times)), step.times)


def _files(folder: Path) -> list[Path]:
    """The pictures of a folder, the largest first: they are read best."""
    found = sorted(folder.glob("*.jpg"), key=lambda path: (-path.stat().st_size, path.name))
    if not found:
        raise InputMissing(f"{folder}: no pictures there")
    return found


def _jpegs(pictures: Iterable[Picture]) -> Iterator[bytes]:
    return (_jpeg(picture) for picture in pictures)


def _jpeg(picture: Picture) -> bytes:
    return encode_jpeg(picture, QUALITY)


def truncated(jpeg: bytes) -> bytes:
    """The first half of a picture."""
    return jpeg[: len(jpeg) // 2]


def claims_50_megapixels() -> bytes:
    """A small picture whose frame header says 10,000 x 5,000 pixels."""
    jpeg = bytearray(encode_jpeg(np.zeros((8, 8, 3), np.uint8), QUALITY))
    header = jpeg.index(b"\xff\xc0")  # baseline frame header: marker, length, precision, height, width
    jpeg[header + 5 : header + 9] = (5_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    return bytes(jpeg)
