"""Boxes by centre and size: their corners and generalised overlap, by hand and by a loop."""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes_cxcywh import from_corners, generalized_iou, to_corners


def test_corners_and_back():
    boxes = np.float32([[0.3, 0.6, 0.2, 0.4]])
    corners = ops.convert_to_numpy(to_corners(boxes))
    np.testing.assert_allclose(corners, [[0.4, 0.2, 0.8, 0.4]], atol=1e-7)
    np.testing.assert_allclose(ops.convert_to_numpy(from_corners(corners)), boxes, atol=1e-7)


def slow(a, b):
    ax1, ay1, ax2, ay2 = a[0] - a[2] / 2, a[1] - a[3] / 2, a[0] + a[2] / 2, a[1] + a[3] / 2
    bx1, by1, bx2, by2 = b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2
    overlap = max(min(ax2, bx2) - max(ax1, bx1), 0) * max(min(ay2, by2) - max(ay1, by1), 0)
    union = a[2] * a[3] + b[2] * b[3] - overlap
    hull = (max(ax2, bx2) - min(ax1, bx1)) * (max(ay2, by2) - min(ay1, by1))
    return overlap / union - (hull - union) / hull


def test_generalised_overlap_of_all_pairs_against_a_loop():
    random = np.random.default_rng(0)
    a, b = (random.uniform(0.05, 0.9, (n, 4)).astype(np.float32) for n in (7, 5))
    ours = ops.convert_to_numpy(generalized_iou(a[:, None], b[None]))
    expected = [[slow(one, other) for other in b.astype(float)] for one in a.astype(float)]
    assert (ours < 0).any() and (ours > 0).any()
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_boxes_without_extent_are_finite():
    point = np.float32([[0.5, 0.5, 0, 0], [0.2, 0.5, 0, 0], [0.5, 0.5, 0.2, 0.2]])
    ours = ops.convert_to_numpy(generalized_iou(point[:, None], point[None]))
    np.testing.assert_allclose(ours, [[0, 0, 0], [0, 0, -0.5], [0, -0.5, 1]], atol=1e-6)
