"""Laws of redaction: it gives a result for any boxes, and nothing that a box covers is published."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.vision.boxes import Boxes, Detections, Picture
from processors.vision.jpeg import decode_jpeg
from processors.vision.redaction import FILL_BGR, RedactedPicture, RedactionPolicy, Withheld, redact

Row = tuple[float, float, float, float]

POLICY = RedactionPolicy()
JPEG_TOLERANCE = (
    96  # levels: ringing and halved colour at a fill's edge, where noise, the worst picture, meets it
)
SIDES = st.integers(2, 120)
ANY_ROWS = st.lists(st.tuples(*[st.floats(width=32)] * 4), max_size=4)  # any float: NaN, infinities, 1e38
COORDINATES = st.floats(-60, 180, width=32)


def sane(row: Row) -> Row:
    x_1, y_1, x_2, y_2 = row
    return min(x_1, x_2), min(y_1, y_2), max(x_1, x_2), max(y_1, y_2)


SANE_ROWS = st.lists(st.tuples(*[COORDINATES] * 4).map(sane), max_size=4)


def boxes(rows: list[Row]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(rows: list[Row]) -> Detections:
    return Detections(boxes(rows), np.full(len(rows), 0.5, np.float32))


def noise(width: int, height: int, seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(width=SIDES, height=SIDES, faces=ANY_ROWS, plates=ANY_ROWS, recent=st.lists(ANY_ROWS, max_size=2))
def test_any_boxes_get_an_answer(
    width: int, height: int, faces: list[Row], plates: list[Row], recent: list[list[Row]]
) -> None:
    earlier = [boxes(rows) for rows in recent]
    outcome = redact(noise(width, height, 0), found(faces), found(plates), POLICY, earlier)
    assert isinstance(outcome, RedactedPicture | Withheld)
    if not all(np.isfinite(rows).all() for rows in (boxes(faces), boxes(plates), *earlier)):
        assert isinstance(outcome, Withheld)


@settings(deadline=None)
@given(width=SIDES, height=SIDES, faces=SANE_ROWS, recent=SANE_ROWS, seed=st.integers(0, 1000))
def test_every_pixel_that_a_box_touches_is_filled(
    width: int, height: int, faces: list[Row], recent: list[Row], seed: int
) -> None:
    outcome = redact(noise(width, height, seed), found(faces), found([]), POLICY, [boxes(recent)])
    assert isinstance(outcome, RedactedPicture)
    picture = decode_jpeg(outcome.jpeg).astype(int)
    assert picture.shape == (outcome.height, outcome.width, 3)
    ratio = np.array([outcome.width / width, outcome.height / height] * 2)
    for row in [*faces, *recent]:
        x_min, y_min, x_max, y_max = np.array(row) * ratio
        low_x, low_y = max(0, int(np.floor(x_min))), max(0, int(np.floor(y_min)))
        high_x, high_y = max(0, int(np.ceil(x_max))), max(0, int(np.ceil(y_max)))
        covered = picture[low_y:high_y, low_x:high_x]
        assert np.abs(covered - FILL_BGR).max(initial=0) <= JPEG_TOLERANCE


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(*[COORDINATES] * 4).map(sane), min_size=1, max_size=3),
    seeds=st.tuples(SIDES, SIDES),
)
def test_what_is_under_a_box_has_no_effect_on_the_bytes(rows: list[Row], seeds: tuple[int, int]) -> None:
    hidden, other = noise(90, 70, seeds[0]), noise(90, 70, seeds[1])
    for x_min, y_min, x_max, y_max in rows:
        columns = slice(max(0, int(np.floor(x_min))), max(0, int(np.ceil(x_max))))
        lines = slice(max(0, int(np.floor(y_min))), max(0, int(np.ceil(y_max))))
        other_part = other[lines, columns]
        changed = hidden.copy()
        changed[lines, columns] = other_part
        assert redact(hidden, found(rows), found([]), POLICY) == redact(
            changed, found(rows), found([]), POLICY
        )
