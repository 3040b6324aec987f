"""The demo's pictures: made of nothing but a seed, and good enough for the shipped models."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from callbox.demo.pictures.plates import render_plate
from callbox.demo.pictures.scenes import checkpoint_scene, flame_frames, quiet_frames, video_frames
from models.plate_reading import PlateReader
from models.weights import weights_path
from processors.vision.boxes import Picture
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from schemas.errors import InputMissing

PLATES = ("皖A12345", "京PL3N67", "沪C21F13", "粤B0GJ76", "浙D335DZ", "苏E9CD08", "川X90621")


@pytest.fixture(scope="module")
def font(cache: Path) -> Path:
    try:
        return weights_path(cache, "cjk_font")
    except InputMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def reader(cache: Path) -> PlateReader:
    try:
        return PlateReader(cache)
    except InputMissing as error:
        pytest.skip(str(error))


def sent(picture: Picture) -> Picture:
    """A picture as it arrives: encoded and decoded."""
    return decode_jpeg(encode_jpeg(picture, 85))


def blue_card(width: int = 160) -> Picture:
    return np.full((width // 3, width, 3), (176, 76, 18), np.uint8)


def video(path: Path, pictures: int, rate: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (64, 48))
    for level in range(pictures):
        writer.write(np.full((48, 64, 3), level * 5, np.uint8))
    writer.release()
    return path


@pytest.mark.weights
@pytest.mark.parametrize(("text", "width"), list(product(PLATES, (94, 140, 190))))
def test_a_rendered_plate_is_really_read(reader: PlateReader, font: Path, text: str, width: int) -> None:
    (plate,) = reader.read_picture(sent(render_plate(text, font, width=width, seed=width)))
    assert plate.reading.text == text


@pytest.mark.weights
@pytest.mark.parametrize("text", PLATES)
def test_a_plate_on_a_rendered_car_is_found_and_read(reader: PlateReader, font: Path, text: str) -> None:
    scene = checkpoint_scene(render_plate(text, font, width=180), seed=3)
    (plate,) = reader.read_picture(sent(scene))
    assert plate.reading.text == text


@pytest.mark.weights
def test_a_plate_is_rendered_the_same_with_and_without_its_dot(font: Path) -> None:
    assert np.array_equal(render_plate("皖A·12345", font), render_plate("皖A12345", font))


@pytest.mark.weights
def test_a_plate_has_the_width_that_was_asked_for_and_another_wear_for_another_seed(font: Path) -> None:
    assert render_plate("皖A12345", font, width=94).shape == (30, 94, 3)
    assert not np.array_equal(render_plate("皖A12345", font, seed=1), render_plate("皖A12345", font, seed=2))


@pytest.mark.parametrize("text", ["", "皖A1234", "皖AD123456"])
def test_a_text_of_another_length_is_no_blue_plate(text: str) -> None:
    with pytest.raises(ValueError, match="seven"):
        render_plate(text, Path("font.ttc"))


def test_a_missing_font_is_named() -> None:
    with pytest.raises(InputMissing, match=r"no-such-font\.ttc"):
        render_plate("皖A12345", Path("no-such-font.ttc"))


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    one, same, other = (next(flame_frames(1, (320, 180), seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.array_equal(checkpoint_scene(blue_card(), seed=4), checkpoint_scene(blue_card(), seed=4))


def test_scenes_have_the_size_and_number_that_were_asked_for() -> None:
    assert [picture.shape for picture in flame_frames(3, (320, 180), 1)] == [(180, 320, 3)] * 3
    assert [picture.shape for picture in quiet_frames(2, (640, 480), 1)] == [(480, 640, 3)] * 2
    assert checkpoint_scene(blue_card(), (960, 540)).shape == (540, 960, 3)


def test_a_plate_too_large_for_the_scene_is_refused() -> None:
    with pytest.raises(ValueError, match="third"):
        checkpoint_scene(blue_card(600))


def test_a_video_is_read_at_even_steps(tmp_path: Path) -> None:
    frames = list(video_frames(video(tmp_path / "clip.mp4", 30, 10), every_s=0.5))
    assert [at_s for at_s, _ in frames] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    levels = [decode_jpeg(jpeg).mean() for _, jpeg in frames]
    assert levels == sorted(levels)
    assert levels[-1] == pytest.approx(25 * 5, abs=6)


def test_a_step_shorter_than_a_picture_gives_every_picture(tmp_path: Path) -> None:
    assert len(list(video_frames(video(tmp_path / "clip.mp4", 7, 10), every_s=0.001))) == 7


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputMissing, match=r"clip\.mp4"):
        list(video_frames(path, 0.5))
