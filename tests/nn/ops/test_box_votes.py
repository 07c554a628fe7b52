"""Boxes voted for by cells: the facts of CoMask's specification, its ways out, and round trips.

Boxes here are (y1, x1, y2, x2); the specification writes (x1, y1, x2, y2).
"""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.losses.box_iou import box_iou, iou_loss
from tfseg.nn.ops.box_votes import (
    offset_targets,
    pooled,
    vote_average,
    vote_boxes,
    vote_weights,
)

ROI = np.array([[20, 10, 60, 50]], np.float32)
OFFSETS = np.array(
    [
        [
            [[0.30, 0.20, 0.70, 0.85], [0.70, 0.30, 0.35, 0.70]],
            [[0.20, 0.80, 0.80, 0.20], [0.60, 0.60, 0.40, 0.40]],
        ]
    ],
    np.float32,
)
SHARES = np.array([[[0.9, 0.6], [0.8, 0.4]]], np.float32)


def average(masks, offsets=OFFSETS, roi=ROI):
    weights = vote_weights(masks, offsets.shape[-2])
    return ops.convert_to_numpy(vote_average(roi, vote_boxes(roi, offsets), weights))


def test_votes_and_their_weighted_mean_by_hand():
    votes = ops.convert_to_numpy(vote_boxes(ROI, OFFSETS))[0].reshape(-1, 4)
    expected = [(22, 8, 64, 48), (18, 12, 58, 54), (18, 12, 58, 52), (26, 16, 66, 56)]
    np.testing.assert_allclose(votes, expected, atol=1e-4)
    found = average(SHARES)[0]
    np.testing.assert_allclose(found, (19.565217, 10.434783, 60.347826, 50.956522), atol=1e-4)
    every = ops.convert_to_numpy(vote_average(ROI, vote_boxes(ROI, OFFSETS), SHARES))[0]
    np.testing.assert_allclose(every, (20.518519, 11.259259, 61.185185, 51.703704), atol=1e-4)
    equal = average(np.where(SHARES > 0.5, 0.7, 0.1).astype(np.float32))[0]
    np.testing.assert_allclose(equal, (19.333333, 10.666667, 60, 51.333333), atol=1e-4)


def test_the_ways_out_region_by_region():
    """In one batch: below the threshold everywhere, at it, and nothing at all."""
    masks = np.stack([np.full((2, 2), v, np.float32) for v in (0.3, 0.0)])
    masks = np.concatenate([masks, [[[0.5, 0.6], [0.5, 0.5]]]]).astype(np.float32)
    rois, offsets = np.repeat(ROI, 3, axis=0), np.repeat(OFFSETS, 3, axis=0)
    votes = ops.convert_to_numpy(vote_boxes(rois, offsets))
    found = average(masks, offsets, rois)
    np.testing.assert_allclose(found[0], votes[0].reshape(-1, 4).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[1], ROI[0])  # no cell says anything: the region stays
    np.testing.assert_allclose(found[2], votes[2, 0, 1], rtol=1e-5)  # one half is not above it


def test_equal_votes_give_their_box_and_targets_lead_back():
    random = np.random.default_rng(0)
    low = random.uniform(0, 50, (6, 2))
    rois = np.concatenate([low, low + random.uniform(5, 60, (6, 2))], axis=1).astype(np.float32)
    low = random.uniform(-20, 90, (6, 2))
    boxes = np.concatenate([low, low + random.uniform(1, 90, (6, 2))], axis=1).astype(np.float32)
    votes = ops.convert_to_numpy(vote_boxes(rois, offset_targets(rois, boxes, 7)))
    np.testing.assert_allclose(votes, np.broadcast_to(boxes[:, None, None], votes.shape), atol=1e-3)
    masks = random.uniform(0, 1, (6, 28, 28)).astype(np.float32)
    found = ops.convert_to_numpy(vote_average(rois, votes, vote_weights(masks, 7)))
    np.testing.assert_allclose(found, boxes, atol=1e-3)


def test_a_target_by_hand():
    roi = np.array([[10, 0, 50, 40]], np.float32)  # its middle cell lies at (30, 20)
    found = ops.convert_to_numpy(offset_targets(roi, np.array([[24, 8, 58, 46]], np.float32), 7))
    np.testing.assert_allclose(found[0, 3, 3], (0.30, 0.15, 0.65, 0.70), atol=1e-6)


def test_pooling_by_hand():
    mask = np.zeros((1, 28, 28), np.float32)
    mask[..., :14] = 1
    share = ops.convert_to_numpy(pooled(mask, 7))[0]
    np.testing.assert_array_equal(share, np.tile([1, 1, 1, 0.5, 0, 0, 0], (7, 1)))
    weights = ops.convert_to_numpy(vote_weights(mask, 7))[0]
    np.testing.assert_array_equal(weights, np.tile([1, 1, 1, 0, 0, 0, 0], (7, 1)))


def test_iou_and_its_loss():
    first = np.array([20, 10, 60, 50], np.float32)
    second = np.array([25, 15, 65, 55], np.float32)
    assert float(box_iou(first, second)) == pytest.approx(0.620253, abs=1e-6)
    assert float(iou_loss(first, second)) == pytest.approx(0.477628, abs=1e-6)
    assert float(iou_loss(first, first + 100)) == pytest.approx(-np.log(1e-6), rel=1e-4)
    assert float(box_iou(first * 0, first * 0)) == 0
