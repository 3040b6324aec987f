import numpy as np
import pytest

from processors.vision.boxes import Boxes, Scores, non_max_suppression


def boxes(*corners: tuple[float, float, float, float]) -> Boxes:
    return np.array(corners, dtype=np.float32).reshape(-1, 4)


def scores(*values: float) -> Scores:
    return np.array(values, dtype=np.float32)


def test_the_better_of_two_overlapping_boxes_is_kept() -> None:
    kept = non_max_suppression(boxes((0, 0, 10, 10), (1, 0, 11, 10)), scores(0.5, 0.9), 0.4)
    assert kept.tolist() == [1]


def test_boxes_apart_are_all_kept_best_first() -> None:
    kept = non_max_suppression(
        boxes((0, 0, 4, 4), (9, 9, 12, 12), (20, 0, 24, 4)), scores(0.2, 0.9, 0.5), 0.4
    )
    assert kept.tolist() == [1, 2, 0]


def test_of_equal_scores_the_lower_index_is_kept() -> None:
    kept = non_max_suppression(boxes((0, 0, 10, 10), (0, 0, 10, 10)), scores(0.7, 0.7), 0.4)
    assert kept.tolist() == [0]


def test_an_overlap_of_exactly_the_threshold_is_two_objects() -> None:
    # 10 x 10 each, 5 x 10 shared: intersection over union is 50 / 150.
    pair = boxes((0, 0, 10, 10), (5, 0, 15, 10))
    assert len(non_max_suppression(pair, scores(0.9, 0.8), 1 / 3 + 1e-6)) == 2
    assert len(non_max_suppression(pair, scores(0.9, 0.8), 1 / 3 - 1e-6)) == 1


def test_a_dropped_box_does_not_drop_the_boxes_that_it_overlaps() -> None:
    chain = boxes((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10))
    assert non_max_suppression(chain, scores(0.9, 0.8, 0.7), 0.3).tolist() == [0, 2]


def test_boxes_without_an_area_overlap_nothing() -> None:
    kept = non_max_suppression(boxes((5, 5, 5, 5), (5, 5, 5, 5)), scores(0.9, 0.8), 0.4)
    assert kept.tolist() == [0, 1]


def test_nothing_found_is_nothing_kept() -> None:
    kept = non_max_suppression(boxes(), scores(), 0.4)
    assert kept.tolist() == []
    assert kept.dtype == np.int64


def test_boxes_and_scores_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="1 boxes, but 2 scores"):
        non_max_suppression(boxes((0, 0, 1, 1)), scores(0.1, 0.2), 0.4)
