import cv2
import numpy as np
import pytest

from models.plate_detector import MEAN_BGR
from models.plate_geometry import bordered, rectify_plate, squeezed
from processors.vision.boxes import Picture

RED, GREEN, BLUE, WHITE = (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)


def scene_with_quarters(corners: list[tuple[float, float]]) -> Picture:
    """A gray scene with a slanted plate whose quarters are red, green, blue and white, clockwise from top left."""
    plate = np.zeros((140, 440, 3), dtype=np.uint8)
    plate[:70, :220], plate[:70, 220:], plate[70:, 220:], plate[70:, :220] = RED, GREEN, BLUE, WHITE
    upright = np.array([(0, 0), (440, 0), (440, 140), (0, 140)], dtype=np.float32)
    transform = cv2.getPerspectiveTransform(upright, np.array(corners, dtype=np.float32))
    scene = np.full((400, 600, 3), 128, dtype=np.uint8)
    cv2.warpPerspective(plate, transform, (600, 400), dst=scene, borderMode=cv2.BORDER_TRANSPARENT)
    return scene


def test_a_slanted_plate_is_cut_out_upright() -> None:
    corners = [(150.0, 120.0), (420.0, 180.0), (410.0, 280.0), (140.0, 210.0)]
    plate = rectify_plate(scene_with_quarters(corners), np.array(corners, dtype=np.float32))
    assert plate.shape == (140, 440, 3)
    quarters = [plate[35, 110], plate[35, 330], plate[105, 330], plate[105, 110]]
    for seen, painted in zip(quarters, (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(seen.astype(int) - painted).max() < 10
    assert np.abs(plate[2, 2].astype(int) - 128).max() < 10  # the margin


def test_corners_outside_the_picture_repeat_its_edge() -> None:
    picture = np.full((50, 100, 3), 77, dtype=np.uint8)
    corners = np.array([(-20, -10), (120, -10), (120, 60), (-20, 60)], dtype=np.float32)
    assert (rectify_plate(picture, corners) == 77).all()


@pytest.mark.parametrize("shape", [(24, 94), (300, 900), (8, 8), (1, 40), (500, 9)])
def test_a_crop_of_any_shape_is_squeezed_to_the_size(shape: tuple[int, int]) -> None:
    crop = np.full((*shape, 3), 200, dtype=np.uint8)
    assert squeezed(crop, (220, 48), (0.06, 0.05)).shape == (48, 220, 3)


def test_padding_repeats_the_edge() -> None:
    crop = np.zeros((24, 94, 3), dtype=np.uint8)
    crop[:, -1] = 255
    padded = squeezed(crop, (220, 48), (0.06, 0.05))
    assert (padded[24, -8:] > 200).all()
    assert (padded[24, :8] < 50).all()


@pytest.mark.parametrize("shape", [(24, 94), (100, 100), (300, 900), (2000, 90)])
def test_landmarks_of_a_bordered_crop_come_back_to_the_crop(shape: tuple[int, int]) -> None:
    height, width = shape
    facing = bordered(np.zeros((height, width, 3), dtype=np.uint8))
    inner_height = facing.picture.shape[0] - 40
    corners = np.array(
        [(20, 20), (208, 20), (208, 20 + inner_height), (20, 20 + inner_height)], dtype=np.float32
    )
    expected = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    assert facing.in_crop(corners) == pytest.approx(expected, rel=1e-5)
    assert facing.picture[0, 0].tolist() == list(MEAN_BGR)
    assert facing.picture.shape[0] <= 180
