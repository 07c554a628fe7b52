"""Box arithmetic against hand-computed numbers and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops import boxes as box_ops


def random_boxes(random, count, extent=100.0):
    corner = random.uniform(0, extent, (count, 2))
    return np.concatenate([corner, corner + random.uniform(1, 40, (count, 2))], 1).astype("float32")


def slow_iou(a, b):
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    if height <= 0 or width <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return height * width / (area - height * width)


def test_deltas_of_the_specification():
    anchor, box = np.float32([100, 100, 164, 164]), np.float32([110, 96, 190, 160])
    plain = ops.convert_to_numpy(box_ops.box_deltas(anchor, box, None))
    np.testing.assert_allclose(plain, [0.28125, -0.0625, 0.223144, 0], atol=1e-6)
    divided = ops.convert_to_numpy(box_ops.box_deltas(anchor, box))
    np.testing.assert_allclose(divided, [2.8125, -0.625, 1.115718, 0], atol=1e-5)


@pytest.mark.parametrize("std", [None, box_ops.STD, (1.0, 2.0, 3.0, 4.0)])
def test_applying_deltas_undoes_them(std):
    random = np.random.default_rng(0)
    first, second = random_boxes(random, 50), random_boxes(random, 50)
    deltas = box_ops.box_deltas(first, second, std)
    moved = ops.convert_to_numpy(box_ops.apply_deltas(first, deltas, std))
    np.testing.assert_allclose(moved, second, rtol=1e-4, atol=1e-3)


def test_an_absurd_delta_gives_a_finite_box():
    box = np.float32([[0, 0, 1, 1]])
    moved = ops.convert_to_numpy(box_ops.apply_deltas(box, np.full((1, 4), 1e4, "float32")))
    assert np.isfinite(moved).all()
    assert moved[0, 2] - moved[0, 0] == pytest.approx(1000 / 16, rel=1e-3)


def test_deltas_of_padding_are_finite():
    zero = np.zeros((1, 4), np.float32)
    inside_out = np.float32([[0, 0, -0.1, -0.1]])
    for first, second in ((zero, zero), (zero, inside_out), (inside_out, zero)):
        assert np.isfinite(ops.convert_to_numpy(box_ops.box_deltas(first, second))).all()


def test_iou_against_a_loop():
    random = np.random.default_rng(1)
    first, second = random_boxes(random, 30), random_boxes(random, 20)
    second[3] = first[5]
    expected = [[slow_iou(a, b) for b in second] for a in first]
    ours = ops.convert_to_numpy(box_ops.iou_matrix(first, second))
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert ours[5, 3] == pytest.approx(1)


def test_iou_of_empty_and_inside_out_boxes_is_0():
    boxes = np.float32([[0, 0, 0, 0], [5, 5, 5, 9], [9, 9, 2, 2], [0, 0, 10, 10]])
    ours = ops.convert_to_numpy(box_ops.iou_matrix(boxes, boxes))
    expected = np.zeros((4, 4))
    expected[3, 3] = 1
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert box_ops.iou_matrix(boxes[:0], boxes).shape == (0, 4)


def test_normalised_units_are_those_of_matterport():
    boxes = np.float32([[0, 0, 512, 512], [10, 20, 30, 40]])
    expected = (boxes - [0, 0, 1, 1]) / 511.0
    np.testing.assert_allclose(box_ops.normalize(boxes, (512, 512)), expected, atol=1e-7)
    back = box_ops.denormalize(box_ops.normalize(boxes, (512, 300)), (512, 300))
    np.testing.assert_allclose(back, boxes, atol=1e-4)


def test_normalising_a_picture_of_one_pixel_does_not_divide_by_0():
    assert np.isfinite(box_ops.normalize(np.float32([[0, 0, 1, 1]]), (1, 1))).all()


def test_clip_against_numpy_and_by_picture():
    random = np.random.default_rng(2)
    boxes = random.uniform(-1, 2, (3, 5, 4)).astype("float32")
    ours = ops.convert_to_numpy(box_ops.clip(boxes, (0.0, 0.1, 0.8, 1.0)))
    low, high = np.float32([0, 0.1, 0, 0.1]), np.float32([0.8, 1, 0.8, 1])
    np.testing.assert_allclose(ours, np.clip(boxes, low, high))
    windows = np.float32([[0, 0, 1, 1], [0.2, 0.2, 0.4, 0.4], [0, 0, 0.5, 1]])
    ours = ops.convert_to_numpy(box_ops.clip(boxes, windows[:, None]))
    for index, window in enumerate(windows):
        expected = np.clip(boxes[index], window[[0, 1, 0, 1]], window[[2, 3, 2, 3]])
        np.testing.assert_allclose(ours[index], expected)


def test_areas():
    boxes = np.float32([[1, 2, 4, 8], [4, 4, 1, 9], [0, 0, 0, 0]])
    np.testing.assert_allclose(ops.convert_to_numpy(box_ops.areas(boxes)), [18, 0, 0])
