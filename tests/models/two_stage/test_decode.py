"""Detections in the square become a prediction in the image."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.geometry.resize import SquareResize
from tfseg.models.two_stage.decode import decode

PLAN = SquareResize(128, 128).plan((50, 100))  # scale 1.28, 64 x 128, 32 rows above


def detections(*rows):
    table = np.zeros((6, 6), np.float32)
    for index, row in enumerate(rows):
        table[index] = row
    return table


FULL = np.ones((6, 28, 28), np.float32)


def test_boxes_masks_and_scores_in_the_picture():
    found = detections((32 + 12.8, 25.6, 32 + 38.4, 76.8, 2, 0.9), (32, 0, 96, 128, 1, 0.6))
    masks = FULL.copy()
    masks[1, :, 14:] = 0.1  # the left half
    ours = decode(found, masks, PLAN, class_names=("a", "b"), image_id=7, path="x.jpg")
    np.testing.assert_allclose(ours.boxes, [[10, 20, 30, 60], [0, 0, 50, 100]], atol=1e-3)
    assert ours.class_ids.tolist() == [2, 1] and list(ours.names) == ["b", "a"]
    np.testing.assert_allclose(ours.scores, [0.9, 0.6], rtol=1e-6)
    assert (ours.size, ours.image_id, ours.path) == ((50, 100), 7, "x.jpg")
    expected = np.zeros((2, 50, 100), bool)
    expected[0, 10:30, 20:60] = True
    expected[1, :, :50] = True
    assert (ours.masks != expected).mean() < 0.01
    np.testing.assert_array_equal(ours.masks[0], expected[0])


def test_padding_gives_an_empty_prediction():
    ours = decode(detections(), FULL, PLAN, class_names=("a",))
    assert len(ours) == 0 and ours.masks.shape == (0, 50, 100) and ours.boxes.shape == (0, 4)


def test_the_threshold_keeps_what_scores_exactly_it():
    rows = [(40, 10, 60, 30, 1, score) for score in (0.75, 0.5, 0.25)]
    assert len(decode(detections(*rows), FULL, PLAN)) == 3
    assert len(decode(detections(*rows), FULL, PLAN, score_threshold=0.5)) == 2
    assert len(decode(detections(*rows), FULL, PLAN, score_threshold=1.0)) == 0


def test_boxes_are_cut_to_the_picture():
    ours = decode(detections((0, -20, 128, 300, 1, 0.9)), FULL, PLAN)
    np.testing.assert_allclose(ours.boxes, [[0, 0, 50, 100]])
    assert ours.masks.all()


def test_objects_without_a_pixel_are_dropped():
    rows = (
        (50, 50, 50.1, 50.1, 1, 0.9),  # rounds to no pixel
        (0, 0, 20, 20, 1, 0.8),  # in the padding above the image
        (40, 10, 60, 30, 2, 0.7),  # the only one to stay
    )
    ours = decode(detections(*rows), FULL, PLAN)
    assert ours.class_ids.tolist() == [2]
    assert len(ours.rles) == 1 and ours.masks[0].any()


def test_a_box_counts_also_where_its_mask_is_empty():
    masks = np.full((6, 28, 28), 0.49, np.float32)
    ours = decode(detections((40, 10, 60, 30, 1, 0.6)), masks, PLAN)
    assert len(ours) == 1 and not ours.masks.any()


def test_a_pixel_at_one_half_belongs_to_the_mask():
    found = detections((40, 10, 60, 30, 1, 0.9))
    assert decode(found, np.full((6, 28, 28), 0.5, np.float32), PLAN).masks.any()


def test_numbers_that_are_not_finite_are_no_detections():
    found = detections((np.nan, 0, 10, 10, 1, 0.9), (40, 10, np.inf, 30, 1, 0.8))
    ours = decode(found, FULL, PLAN)
    assert np.isfinite(ours.boxes).all()
    assert len(ours) in (0, 1)


@pytest.mark.parametrize("size", [(1, 1), (10000, 10)])
def test_odd_pictures(size):
    plan = SquareResize(128, 128).plan(size)
    y1, x1, y2, x2 = plan.window
    ours = decode(detections((y1, x1, y2, x2, 1, 0.9)), FULL, plan)
    assert ours.size == size and ours.masks.all()
