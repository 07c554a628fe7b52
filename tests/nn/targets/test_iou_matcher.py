"""Matching by overlap against the rules, written as loops."""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.targets.iou_matcher import match_anchors, match_proposals


def as_numpy(matches):
    return tuple(ops.convert_to_numpy(value) for value in matches)


def slow_anchors(iou, truth, crowd):
    """Returns the two masks and the best truth of one image."""
    count = len(iou)
    positive, negative = np.zeros(count, bool), np.zeros(count, bool)
    index = np.zeros(count, int)
    real = np.flatnonzero(truth)
    for a in range(count):
        best = max((iou[a, g] for g in real), default=-1)
        if len(real):
            index[a] = real[np.argmax(iou[a, real])]
        champion = any(iou[a, g] == iou[:, g].max() > 0 for g in real)
        positive[a] = best >= 0.7 or champion
        negative[a] = best < 0.3 and crowd[a] < 0.001 and not positive[a]
    return positive, negative, index


def test_anchors_against_a_loop():
    random = np.random.default_rng(0)
    iou = (random.random((4, 200, 6)) ** 3).astype(np.float32)
    iou[1, :, 2] = 0  # a truth that overlaps no anchor
    iou[2, 5, :] = iou[2, 9, :] = 0.69  # perhaps ties
    iou[2, :, 1] = np.minimum(iou[2, :, 1], 0.69)
    truth = random.random((4, 6)) < 0.7
    truth[2] = True
    truth[3] = False
    crowd = np.where(random.random((4, 200)) < 0.3, 0.2, 0).astype(np.float32)
    ours = as_numpy(match_anchors(iou, truth, crowd))
    for b in range(4):
        positive, negative, index = slow_anchors(iou[b], truth[b], crowd[b])
        np.testing.assert_array_equal(ours[0][b], positive)
        np.testing.assert_array_equal(ours[1][b], negative)
        np.testing.assert_array_equal(ours[2][b][positive], index[positive])


def test_all_anchors_that_tie_for_a_truth_learn_it():
    iou = np.float32([[[0.4], [0.2], [0.4], [0.4 - 1e-7], [0.399]]])
    positive, negative, _ = as_numpy(match_anchors(iou, np.ones((1, 1), bool), np.zeros((1, 5))))
    assert positive.tolist() == [[True, False, True, True, False]]
    assert negative.tolist() == [[False, True, False, False, False]]


def test_a_champion_in_a_crowd_region_stays_positive():
    iou = np.float32([[[0.4], [0.1]]])
    crowd = np.float32([[0.5, 0.5]])
    positive, negative, _ = as_numpy(match_anchors(iou, np.ones((1, 1), bool), crowd))
    assert positive.tolist() == [[True, False]]
    assert negative.tolist() == [[False, False]]


def test_bounds_belong_to_the_upper_side():
    iou = np.float32([[[0.9], [0.7], [0.3], [np.nextafter(np.float32(0.3), np.float32(0))]]])
    positive, negative, _ = as_numpy(match_anchors(iou, np.ones((1, 1), bool), np.zeros((1, 4))))
    assert positive.tolist() == [[True, True, False, False]]
    assert negative.tolist() == [[False, False, False, True]]


def test_no_truth_leaves_only_negatives():
    iou = np.random.default_rng(1).random((1, 9, 3)).astype(np.float32)
    none = np.zeros((1, 3), bool)
    positive, negative, _ = as_numpy(match_anchors(iou, none, np.zeros((1, 9))))
    assert not positive.any() and negative.all()
    crowd = np.full((1, 9), 0.5, np.float32)
    positive, negative, _ = as_numpy(match_anchors(iou, none, crowd))
    assert not positive.any() and not negative.any()


def test_proposals_against_a_loop():
    random = np.random.default_rng(2)
    iou = random.random((3, 80, 5)).astype(np.float32)
    truth = random.random((3, 5)) < 0.5
    truth[2] = False
    crowd = np.where(random.random((3, 80)) < 0.3, 0.001, 0.0009).astype(np.float32)
    valid = random.random((3, 80)) < 0.8
    positive, negative, index = as_numpy(match_proposals(iou, truth, crowd, valid))
    for b in range(3):
        for p in range(80):
            real = np.flatnonzero(truth[b])
            best = max((iou[b, p, g] for g in real), default=-1)
            assert positive[b, p] == (valid[b, p] and best >= 0.5)
            assert negative[b, p] == (valid[b, p] and best < 0.5 and crowd[b, p] < 0.001)
            if positive[b, p]:
                assert index[b, p] == real[np.argmax(iou[b, p, real])]


def test_a_proposal_at_exactly_one_half_is_positive():
    ours = match_proposals(
        np.float32([[[0.5]]]), np.ones((1, 1), bool), np.zeros((1, 1)), np.ones((1, 1), bool)
    )
    positive, negative, _ = as_numpy(ours)
    assert positive.all() and not negative.any()
