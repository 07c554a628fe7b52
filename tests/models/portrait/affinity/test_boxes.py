"""Which boxes take part in the affinity step."""

from __future__ import annotations

import numpy as np

from tfseg.models.portrait.affinity.boxes import check_boxes, choose_boxes


def chosen(boxes, scores=None, size=(100, 100), **options):
    return choose_boxes(*check_boxes(boxes, scores), size, **options)


def test_low_scores_go_and_the_best_comes_first():
    boxes = [(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10)]
    assert chosen(boxes, [0.5, 0.49, 0.9, 0.5]).places.tolist() == [2, 0, 3]
    assert chosen(boxes, [0.5, 0.49, 0.9, 0.5], score_threshold=0.6).places.tolist() == [2]
    assert chosen(boxes).places.tolist() == [0, 1, 2, 3]


def test_doubles_go_above_the_limit_only():
    # 10 x 10 against 10 x 7 inside it: an overlap of exactly 0.7 stays.
    assert chosen([(0, 0, 10, 10), (0, 0, 10, 7)], [0.8, 0.9]).places.tolist() == [1, 0]
    assert chosen([(0, 0, 10, 10), (0, 0, 10, 7.1)], [0.8, 0.9]).places.tolist() == [1]
    both = [(0, 0, 10, 10)] * 2
    assert chosen(both).places.tolist() == [0]
    assert chosen(both, nms_iou=1.0).places.tolist() == [0, 1]


def test_a_box_that_was_suppressed_suppresses_nobody():
    boxes = [(0, 0, 10, 10), (0, 0, 10, 12), (0, 0, 10, 14.5)]
    assert chosen(boxes, [0.9, 0.8, 0.7]).places.tolist() == [0, 2]


def test_doubles_are_told_before_boxes_are_cut():
    boxes = [(0, 0, 10, 10), (0, 0, 30, 10)]
    assert chosen(boxes, [0.9, 0.8], size=(10, 10)).places.tolist() == [0, 1]


def test_boxes_are_cut_and_hold_the_pixels_with_their_centre_inside():
    found = chosen([(-5, 2.4, 7.6, 99), (50, 0, 60, 10), (3, 2.5, 9, 5.5)], size=(20, 8))
    assert found.places.tolist() == [0, 2]
    np.testing.assert_allclose(found.corners[0], (0, 2.4, 7.6, 8))
    assert found.rows.tolist() == [[0, 8], [3, 9]] and found.columns.tolist() == [[2, 8], [2, 5]]


def test_touching_is_no_intersection():
    assert not chosen([(0, 0, 5, 5), (5, 0, 9, 5), (0, 5, 9, 9)]).any_intersect()
    assert chosen([(0, 0, 5, 5), (4.99, 0, 9, 5)]).any_intersect()
    assert not chosen([(0, 0, 5, 5)]).any_intersect()
    assert not chosen([]).any_intersect()
