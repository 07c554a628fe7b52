"""Targets of the anchors: numbers, balance, crowds, and no truth."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.anchors import pyramid_anchors
from tfseg.nn.rcnn.rpn_targets import crowd_overlap, rpn_targets

ANCHORS = pyramid_anchors((128, 128), (16, 32, 64, 96, 128), (0.5, 1, 2), (4, 8, 16, 32, 64))
BOXES = np.float32([[20, 30, 60, 60], [64, 64, 128, 128], [2, 100, 18, 116], [0, 0, 0, 0]])


def run(ids, count=256, seed=0, boxes=BOXES):
    ids = np.asarray(ids, np.int32)
    boxes = np.broadcast_to(boxes, (len(ids), *boxes.shape))
    result = rpn_targets(ANCHORS, boxes, ids, count=count, seed=seed)
    return tuple(ops.convert_to_numpy(value) for value in result)


def slow_iou(a, b):
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    overlap = size.prod()
    return overlap / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - overlap)


def test_deltas_lead_from_each_positive_anchor_to_its_best_truth():
    match, deltas = run([[1, 2, 3, 0]], count=10**6)
    assert match.dtype == np.int32 and deltas.shape == (1, len(ANCHORS), 4)
    assert (match == 1).sum() >= 3
    for anchor in np.flatnonzero(match[0] == 1):
        a = ANCHORS[anchor].astype(np.float64)
        box = max(BOXES[:3].astype(np.float64), key=lambda b: slow_iou(a, b))
        sides, target = a[2:] - a[:2], box[2:] - box[:2]
        move = ((box[2:] + box[:2]) - (a[2:] + a[:2])) / 2 / sides
        expected = [*(move / 0.1), *(np.log(target / sides) / 0.2)]
        np.testing.assert_allclose(deltas[0, anchor], expected, atol=1e-4)
    assert not deltas[match != 1].any()


def test_the_anchor_of_the_specification():
    # Anchor (100, 100, 164, 164), box (110, 96, 190, 160).
    anchors = np.float32([[100, 100, 164, 164]])
    truth = np.float32([[[110, 96, 190, 160]]])
    match, deltas = rpn_targets(anchors, truth, np.int32([[1]]), count=2)
    assert ops.convert_to_numpy(match).tolist() == [[1]]
    expected = [2.8125, -0.625, 1.115718, 0]
    np.testing.assert_allclose(ops.convert_to_numpy(deltas)[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("count", [4, 20, 256])
def test_a_picture_has_exactly_count_anchors_and_at_most_half_positive(count):
    everything, _ = run([[1, 2, 3, 0]], count=10**6)
    found = int((everything == 1).sum())
    match, _ = run([[1, 2, 3, 0]], count=count)
    positive, negative = (match == 1).sum(), (match == -1).sum()
    assert positive == min(found, count // 2)
    assert positive + negative == count
    assert (everything[match == 1] == 1).all() and (everything[match == -1] == -1).all()


def test_no_truth_gives_background_alone():
    match, deltas = run([[0, 0, 0, 0]])
    assert (match == -1).sum() == 256 and not (match == 1).any()
    assert not deltas.any()


def test_anchors_in_a_crowd_region_are_left_out():
    match, _ = run([[1, -2, 0, 0]], count=10**6)
    inside = np.array([slow_iou(a, BOXES[1]) >= 0.001 for a in ANCHORS.astype(np.float64)])
    assert inside.any()
    assert not (match[0][inside] == -1).any()
    assert (match[0][~inside] != 0).mean() > 0.8


def test_crowd_overlap():
    iou = np.float32([[[0.1, 0.5, 0.9], [0.3, 0, 0.2]]])
    ours = crowd_overlap(iou, np.int32([[-1, 1, -3]]))
    np.testing.assert_allclose(ops.convert_to_numpy(ours), [[0.9, 0.3]])
    ours = crowd_overlap(iou, np.int32([[2, 1, 0]]))
    np.testing.assert_allclose(ops.convert_to_numpy(ours), [[0, 0]])


def test_the_seed_decides_and_pictures_differ():
    ids = [[1, 2, 3, 0], [1, 2, 3, 0]]
    first, _ = run(ids, 20, keras.random.SeedGenerator(3))
    again, _ = run(ids, 20, keras.random.SeedGenerator(3))
    other, _ = run(ids, 20, keras.random.SeedGenerator(4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first[0] != first[1]).any()
