"""The real weights on pictures that the project renders itself."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from callbox.demo.pictures.plates import render_plate
from models.face_detector import FaceDetector
from models.plate_detector import READING_SCORE_MIN, PlateDetector
from models.plate_geometry import rectify_plate
from models.plate_readers import ReaderA
from models.plate_reading import PlateReader
from models.weights import verify, weights_path
from processors.plates.consensus import NOTHING_LEGIBLE, PlateSeries
from processors.vision.boxes import Picture

pytestmark = pytest.mark.weights

PLATES = [
    "皖A12345",
    "京PL3N67",
    "沪C21F13",
    "粤B8K2M7",
    "浙D335DZ",
    "苏E90A41",
    "川A6R8G5",
    "鲁B7H190",
    "豫N4W268",
]


@pytest.fixture(scope="module")
def weights(cache: Path) -> Path:
    """The cache, with every model in it."""
    if faults := verify(cache):
        pytest.skip(f"{faults[0]}; run `callbox models fetch`")
    return cache


@pytest.fixture(scope="module")
def font(weights: Path) -> Path:
    return weights_path(weights, "cjk_font")


@pytest.fixture(scope="module")
def reader(weights: Path) -> PlateReader:
    return PlateReader(weights)


@pytest.fixture(scope="module")
def detector(weights: Path) -> PlateDetector:
    return PlateDetector(weights, score_min=READING_SCORE_MIN)


def scene(
    plate: Picture, *, at: tuple[int, int] = (420, 500), size: tuple[int, int] = (1280, 720)
) -> Picture:
    """A street without a street: light falling off downwards, a dark car's front, a plate on it."""
    width, height = size
    light = np.linspace(190, 70, height, dtype=np.uint8)
    picture = np.repeat(np.repeat(light[:, None, None], width, axis=1), 3, axis=2)
    x, y = at
    rows, columns = plate.shape[:2]
    picture[y - 160 : y + rows + 40, x - 180 : x + columns + 180] = (40, 38, 36)
    picture[y : y + rows, x : x + columns] = plate
    return picture


def slanted(plate: Picture) -> Picture:
    """A plate as a camera at the roadside sees it, in a crop around it."""
    height, width = plate.shape[:2]
    straight = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    slant = np.array(
        [(4, 3), (width - 2, 0.28 * height), (width + 6, 1.2 * height), (10, 0.95 * height)], dtype=np.float32
    )
    transform = cv2.getPerspectiveTransform(straight, slant)
    warped = cv2.warpPerspective(
        plate, transform, (width + 10, round(1.25 * height)), borderValue=(45, 45, 45), flags=cv2.INTER_AREA
    )
    return np.asarray(warped, dtype=np.uint8)


@pytest.mark.parametrize("text", PLATES)
def test_a_rendered_plate_is_read(text: str, reader: PlateReader, font: Path) -> None:
    reading = reader.read(render_plate(text, font))
    assert reading.text == text
    assert reading.series is PlateSeries.ORDINARY


@pytest.mark.parametrize("text", PLATES)
def test_a_slanted_plate_is_read(text: str, reader: PlateReader, font: Path) -> None:
    assert reader.read(slanted(render_plate(text, font))).text == text


@pytest.mark.parametrize("width", [94, 120, 240, 500])
def test_size_and_aspect_of_a_crop_do_not_matter(width: int, reader: PlateReader, font: Path) -> None:
    crop = cv2.resize(render_plate("皖A12345", font, width=190), (width, width // 4))
    assert reader.read(np.asarray(crop, dtype=np.uint8)).text == "皖A12345"


def test_reading_is_the_same_every_time(reader: PlateReader, font: Path) -> None:
    crop = render_plate("沪C21F13", font)
    assert reader.read(crop) == reader.read(crop.copy())


def test_a_crop_is_not_changed_by_reading(reader: PlateReader, font: Path) -> None:
    crop = render_plate("沪C21F13", font)
    before = crop.copy()
    reader.read_picture(crop)
    assert (crop == before).all()


def test_the_plate_in_a_scene_is_found_cut_out_and_read(
    reader: PlateReader, detector: PlateDetector, font: Path
) -> None:
    picture = scene(render_plate("皖A12345", font))
    found = detector.detect(picture)
    assert len(found) == 1
    assert found.boxes_xyxy[0] == pytest.approx([420, 500, 580, 551], abs=8)
    top_left, top_right, bottom_right, bottom_left = found.landmarks[0]
    assert top_left == pytest.approx([420, 500], abs=8)
    assert top_right == pytest.approx([580, 500], abs=8)
    assert bottom_right == pytest.approx([580, 551], abs=8)
    assert bottom_left == pytest.approx([420, 551], abs=8)
    assert reader.read(rectify_plate(picture, found.landmarks[0])).text == "皖A12345"


def test_a_picture_is_read_be_it_a_crop_or_a_scene(reader: PlateReader, font: Path) -> None:
    crop = render_plate("京PL3N67", font)
    for picture in (crop, scene(crop), scene(crop, at=(900, 300), size=(1920, 1080))):
        plates = reader.read_picture(picture)
        assert [plate.reading.text for plate in plates] == ["京PL3N67"]
        assert plates[0].crop.shape[0] <= 140  # the plate and nothing else


def test_two_plates_of_a_scene_are_both_read(reader: PlateReader, font: Path) -> None:
    one, other = render_plate("皖A12345", font), render_plate("沪C21F13", font, seed=1)
    picture = np.hstack([scene(one), scene(other)])
    assert {plate.reading.text for plate in reader.read_picture(picture)} == {"皖A12345", "沪C21F13"}


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (24, 94), (90, 90), (720, 1280)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_says_nothing(shape: tuple[int, int], level: int, reader: PlateReader) -> None:
    empty = np.full((*shape, 3), level, dtype=np.uint8)
    assert reader.read(empty) == NOTHING_LEGIBLE
    assert reader.read_picture(empty) == ()


def test_noise_says_nothing(reader: PlateReader) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        noise = rng.integers(0, 256, (24, 94, 3), dtype=np.uint8)
        assert not reader.read(noise).certain
        assert reader.read(noise).text == ""


def test_reader_a_by_itself_needs_no_grammar(weights: Path, font: Path) -> None:
    assert "12345" in ReaderA(weights).raw_text(render_plate("皖A12345", font))


def test_a_street_without_anybody_has_no_plates_and_no_faces(weights: Path, detector: PlateDetector) -> None:
    street = scene(np.full((51, 160, 3), 40, dtype=np.uint8))
    assert len(detector.detect(street)) == 0
    assert len(FaceDetector(weights).detect(street)) == 0


def drawn_face(size: int) -> Picture:
    """Skin, hair, eyes, nose and mouth: enough for a detector, and nobody's."""
    face = np.full((size, size, 3), (150, 140, 130), dtype=np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * size), round(y * size)

    cv2.ellipse(face, at(0.5, 0.45), at(0.30, 0.38), 0, 0, 360, (40, 50, 70), -1, cv2.LINE_AA)
    cv2.ellipse(face, at(0.5, 0.52), at(0.25, 0.33), 0, 0, 360, (140, 170, 215), -1, cv2.LINE_AA)
    for x in (0.4, 0.6):
        cv2.ellipse(face, at(x, 0.46), at(0.05, 0.025), 0, 0, 360, (245, 245, 245), -1, cv2.LINE_AA)
        cv2.circle(face, at(x, 0.46), round(0.022 * size), (40, 40, 50), -1, cv2.LINE_AA)
        cv2.ellipse(face, at(x, 0.40), at(0.06, 0.015), 0, 0, 360, (50, 60, 80), -1, cv2.LINE_AA)
    cv2.line(face, at(0.5, 0.48), at(0.48, 0.60), (110, 140, 185), max(1, size // 60), cv2.LINE_AA)
    cv2.line(face, at(0.47, 0.61), at(0.53, 0.61), (100, 130, 175), max(1, size // 60), cv2.LINE_AA)
    cv2.ellipse(face, at(0.5, 0.70), at(0.08, 0.025), 0, 0, 360, (90, 90, 180), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(face, (0, 0), size / 100), dtype=np.uint8)


def test_a_face_is_found_where_it_is(weights: Path) -> None:
    picture = np.full((736, 1280, 3), (150, 140, 130), dtype=np.uint8)
    picture[200:400, 500:700] = drawn_face(200)
    found = FaceDetector(weights).detect(picture)
    assert len(found) >= 1
    x_min, y_min, x_max, y_max = found.boxes_xyxy[0]
    assert 500 <= x_min < 580
    assert 620 < x_max <= 700
    assert 200 <= y_min < 300
    assert 320 < y_max <= 400


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (2000, 100)])
def test_detectors_take_pictures_of_any_size(weights: Path, size: tuple[int, int]) -> None:
    width, height = size
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for found in (FaceDetector(weights).detect(picture), PlateDetector(weights).detect(picture)):
        assert (found.boxes_xyxy >= 0).all()
        assert (found.boxes_xyxy <= [width, height] * 2).all()
