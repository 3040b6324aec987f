"""The fixtures of a scenario: vehicles with their plates and pictures, and the scenes that the cameras see.

    no --data: rendered plates, a rendered car, a rendered yard with a fire
    --data DIR: DIR/plates-cn (crops named by their plate), DIR/checkpoint, DIR/flame/*.mp4; the quiet yard is rendered

Each picture is one that the shipped models read right: that a plate is found on no list proves nothing if its picture
cannot be read. How many pictures they read right is measured by `benchmarks.vision.plates`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from callbox.demo.pictures.plates import render_plate
from callbox.demo.pictures.scenes import checkpoint_scene, flame_frames, quiet_frames, video_frames
from callbox.demo.scenario import ListedAs, Scenario
from callbox.demo.steps import Scene, VideoStep
from models.weights import weights_path
from processors.vision.boxes import Picture
from processors.vision.jpeg import encode_jpeg
from schemas.errors import InputMissing
from streams.pictures.plate_pictures import PlatePictures
from streams.worker.metrics import Metrics

QUALITY: Final = 90
FRAME_SIZE: Final = (640, 360)  # of rendered frames, pixels
FONT: Final = "cjk_font"


@dataclass(frozen=True)
class Vehicle:
    """A vehicle that passes a checkpoint. Its repr leaves out what must not reach a log.

    Attributes:
        name: Its name in the scenario.
        plate: The text of its plate.
        picture: JPEG of its plate, or of its front.
        entry: Its entry in the hotlist, or None.
    """

    name: str
    plate: str = field(repr=False)
    picture: bytes = field(repr=False)
    entry: ListedAs | None = None


@dataclass(frozen=True)
class Fixtures:
    """What the records of the steps show.

    Attributes:
        vehicles: Vehicles by name, with pictures of their plates.
        fronts: Vehicles on no list, with pictures from the front.
        scenes: The pictures of each scene in their order, JPEG.
    """

    vehicles: Mapping[str, Vehicle]
    fronts: Sequence[Vehicle]
    scenes: Mapping[Scene, Sequence[bytes]]

    @property
    def all_vehicles(self) -> list[Vehicle]:
        """Every vehicle that passes a checkpoint."""
        return [*self.vehicles.values(), *self.fronts]


def make_fixtures(scenario: Scenario, data: Path | None, cache: Path) -> Fixtures:
    """Draw the fixtures, or take them from files.

    Args:
        scenario: The scenario that needs them.
        data: Folder with real pictures, or None.
        cache: Where the models and the font are.

    Raises:
        InputMissing: A file is not there, the models are not fetched, or they do not read a plate.
        PicturesFailed: The process that reads the plates does not start.
    """
    reader = PlatePictures(cache, 1, Metrics())
    try:
        return _made(scenario, data, cache, reader)
    finally:
        reader.close()


def _made(scenario: Scenario, data: Path | None, cache: Path, reader: PlatePictures) -> Fixtures:
    scenes = {step.scene: list(_scene(step, data)) for step in scenario.steps if isinstance(step, VideoStep)}
    if data is None:
        vehicles, fronts = _drawn(scenario, weights_path(cache, FONT))
    else:
        vehicles, fronts = _real_vehicles(scenario, data, reader), _real_fronts(data, reader)
    if unread := [
        vehicle.name for vehicle in [*vehicles, *fronts] if vehicle.plate not in _read(vehicle, reader)
    ]:
        raise InputMissing(f"the models do not read the plates of the vehicles {', '.join(unread)}")
    return Fixtures({vehicle.name: vehicle for vehicle in vehicles}, fronts, scenes)


def _drawn(scenario: Scenario, font: Path) -> tuple[list[Vehicle], list[Vehicle]]:
    """The vehicles of the scenario, and the last of them also from the front."""
    plates = [render_plate(role.plate, font) for role in scenario.vehicles]
    vehicles = [
        Vehicle(role.name, role.plate, _jpeg(plate), role.entry)
        for role, plate in zip(scenario.vehicles, plates, strict=True)
    ]
    fronts = [
        Vehicle(f"{v.name} front", v.plate, _jpeg(checkpoint_scene(p)))
        for v, p in zip(vehicles, plates, strict=True)
    ]
    return vehicles, fronts[-1:]


def _real_vehicles(scenario: Scenario, data: Path, reader: PlatePictures) -> list[Vehicle]:
    """The first crops whose reading is their name."""
    folder = data / "plates-cn"
    crops = (Vehicle(path.stem, path.stem, path.read_bytes()) for path in _files(folder))
    legible = list(
        islice((crop for crop in crops if _read(crop, reader) == [crop.plate]), len(scenario.vehicles))
    )
    if len(legible) < len(scenario.vehicles):
        raise InputMissing(f"{folder}: {len(scenario.vehicles)} crops are needed that the models read right")
    return [
        Vehicle(role.name, crop.plate, crop.picture, role.entry)
        for role, crop in zip(scenario.vehicles, legible, strict=True)
    ]


def _real_fronts(data: Path, reader: PlatePictures) -> list[Vehicle]:
    """Every picture in which a plate is read. These pictures have no labels, so the reading counts as the plate."""
    pictures = [path.read_bytes() for path in _files(data / "checkpoint")]
    seen = [reader.read(picture) for picture in pictures]
    return [
        Vehicle(f"front {number}", plates[0].text, picture)
        for number, (picture, plates) in enumerate(zip(pictures, seen, strict=True), start=1)
        if plates
    ]


def _read(vehicle: Vehicle, reader: PlatePictures) -> list[str]:
    return [plate.text for plate in reader.read(vehicle.picture)]


def _scene(step: VideoStep, data: Path | None) -> Iterator[bytes]:
    """As many pictures as the step has; a video that is too short is repeated."""
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
    """The pictures of a folder, sorted by name.

    Raises:
        InputMissing: There are none.
    """
    found = sorted(folder.glob("*.jpg"))
    if not found:
        raise InputMissing(f"{folder}: no pictures there")
    return found


def _jpegs(pictures: Iterable[Picture]) -> Iterator[bytes]:
    return (_jpeg(picture) for picture in pictures)


def _jpeg(picture: Picture) -> bytes:
    return encode_jpeg(picture, QUALITY)
