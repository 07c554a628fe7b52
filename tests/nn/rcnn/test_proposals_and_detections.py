"""Both ends of the region pipeline against slow NumPy versions of the same steps."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.anchors import pyramid_anchors
from tfseg.nn.ops.boxes import normalize
from tfseg.nn.rcnn.detections import detect, detect_every_class
from tfseg.nn.rcnn.proposals import propose, propose_per_level

STD = np.array([0.1, 0.1, 0.2, 0.2])


def slow_move(box, delta):
    height, width = box[2:] - box[:2]
    y, x = box[:2] + 0.5 * (box[2:] - box[:2])
    dy, dx, dh, dw = delta * STD
    y, x = y + dy * height, x + dx * width
    height, width = height * np.exp(dh), width * np.exp(dw)
    return np.array([y - height / 2, x - width / 2, y + height / 2, x + width / 2])


def slow_iou(a, b):
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    overlap = size.prod()
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - overlap
    return overlap / max(union, 1e-12)


def slow_nms(boxes, threshold, limit):
    kept = []
    for box in boxes:
        if len(kept) < limit and all(slow_iou(box, other) <= threshold for other in kept):
            kept.append(box)
    return kept


ANCHORS = normalize(pyramid_anchors((64, 64), (16, 32), (0.5, 1, 2), (8, 16)), (64, 64))


def anchors_case(seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (2, len(ANCHORS), 2)).astype(np.float32)
    deltas = random.normal(0, 1, (2, len(ANCHORS), 4)).astype(np.float32)
    return logits, deltas


@pytest.mark.parametrize(
    ("pre_nms", "post_nms", "threshold"), [(80, 20, 0.5), (10**6, 60, 0.7), (30, 100, 0.3)]
)
def test_proposals_against_numpy(pre_nms, post_nms, threshold):
    logits, deltas = anchors_case()
    ours, valid = propose(
        logits, deltas, ANCHORS, pre_nms=pre_nms, post_nms=post_nms, iou_threshold=threshold
    )
    ours, valid = ops.convert_to_numpy(ours), ops.convert_to_numpy(valid)
    assert ours.shape == (2, post_nms, 4)
    for b in range(2):
        probability = 1 / (1 + np.exp(logits[b, :, 0] - logits[b, :, 1].astype(np.float64)))
        order = np.argsort(-probability, kind="stable")[:pre_nms]
        moved = [slow_move(ANCHORS[i].astype(float), deltas[b, i]).clip(0, 1) for i in order]
        expected = slow_nms(moved, threshold, post_nms)
        assert valid[b].sum() == len(expected)
        np.testing.assert_allclose(ours[b, : len(expected)], expected, atol=1e-5)
        assert not ours[b, len(expected) :].any() and not valid[b, len(expected) :].any()


def test_saturated_scores_keep_their_order():
    # As float32 probabilities both are 1; the logits still tell them apart.
    logits = np.zeros((1, len(ANCHORS), 2), np.float32)
    logits[0, :, 0] = 50
    logits[0, 10, 1], logits[0, 90, 1] = 100, 101
    zero = np.zeros((1, len(ANCHORS), 4), np.float32)
    ours, _ = propose(logits, zero, ANCHORS, pre_nms=2, post_nms=2, iou_threshold=0.99)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours)[0], ANCHORS[[90, 10]].clip(0, 1), atol=1e-6
    )


def proposals_case(seed=0, count=60, classes=4):
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 0.8, (2, count, 2))
    size = random.uniform(0.05, 0.5, (2, count, 2))
    proposals = np.concatenate([corner, corner + size], 2).astype(np.float32)
    logits = random.normal(0, 2, (2, count, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    deltas = random.normal(0, 1, (2, count, classes, 4)).astype(np.float32)
    window = np.float32([[0.1, 0, 0.9, 1], [0, 0.25, 1, 0.75]])
    valid = random.random((2, count)) < 0.9
    return proposals, valid, probabilities.astype(np.float32), deltas, window


def run(case, limit=20, min_score=0.4, threshold=0.3):
    result = detect(*case, limit=limit, min_score=min_score, iou_threshold=threshold)
    return tuple(ops.convert_to_numpy(value) for value in result)


@pytest.mark.parametrize(
    ("limit", "min_score", "threshold"), [(20, 0.4, 0.3), (3, 0.0, 0.5), (100, 0.7, 0.3)]
)
def test_detections_against_numpy(limit, min_score, threshold):
    case = proposals_case()
    boxes, ids, scores = run(case, limit, min_score, threshold)
    assert boxes.shape == (2, limit, 4) and ids.dtype == np.int32
    proposals, valid, probabilities, deltas, window = case
    for b in range(2):
        found = []
        for p in range(60):
            label = int(probabilities[b, p].argmax())
            score = probabilities[b, p, label]
            if valid[b, p] and label > 0 and score >= min_score:
                box = slow_move(proposals[b, p].astype(float), deltas[b, p, label])
                low, high = window[b][[0, 1, 0, 1]], window[b][[2, 3, 2, 3]]
                found.append((score, label, box.clip(low, high)))
        kept = []
        for label in range(1, 4):
            own = sorted((f for f in found if f[1] == label), key=lambda f: -f[0])
            survivors = slow_nms([f[2] for f in own], threshold, limit)
            kept += [f for f in own if any(f[2] is s for s in survivors)]
        kept = sorted(kept, key=lambda f: -f[0])[:limit]
        count = len(kept)
        assert count and (ids[b] > 0).sum() == count
        np.testing.assert_allclose(scores[b, :count], [k[0] for k in kept], atol=1e-6)
        np.testing.assert_array_equal(ids[b, :count], [k[1] for k in kept])
        np.testing.assert_allclose(boxes[b, :count], [k[2] for k in kept], atol=1e-5)
        assert not boxes[b, count:].any() and not scores[b, count:].any()


def test_nothing_above_the_bound_gives_zeros():
    for value in run(proposals_case(), min_score=1.0):
        assert not value.any()


def test_a_picture_of_background_gives_zeros():
    case = list(proposals_case())
    case[2] = np.zeros_like(case[2])
    case[2][..., 0] = 1
    for value in run(case, min_score=0.0):
        assert not value.any()


def test_a_lower_bound_only_adds_detections_behind():
    case = proposals_case()
    high, low = run(case, min_score=0.7), run(case, min_score=0.3)
    for b in range(2):
        count = (high[1][b] > 0).sum()
        assert 0 < count < (low[1][b] > 0).sum()
        for one, other in zip(high, low):
            np.testing.assert_array_equal(one[b, :count], other[b, :count])


LEVELS = (8 * 8 * 3, 4 * 4 * 3)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(("pre_nms", "post_nms", "threshold"), [(40, 30, 0.5), (10**6, 200, 0.7)])
def test_proposals_per_level_against_numpy(columns, pre_nms, post_nms, threshold):
    logits, deltas = anchors_case(1)
    logits = logits[..., :columns]
    window = np.float32([[0, 0, 1, 0.6], [0, 0, 0.5, 1]])
    ours, valid = propose_per_level(
        logits,
        deltas,
        ANCHORS,
        counts=LEVELS,
        pre_nms=pre_nms,
        post_nms=post_nms,
        iou_threshold=threshold,
        window=window,
        min_size=0.01,
        std=STD.astype(np.float32),
    )
    ours, valid = ops.convert_to_numpy(ours), ops.convert_to_numpy(valid)
    for b in range(2):
        score = logits[b, :, 0] if columns == 1 else logits[b, :, 1] - logits[b, :, 0]
        found, start = [], 0
        for count in LEVELS:
            order = start + np.argsort(-score[start : start + count], kind="stable")[:pre_nms]
            low, high = window[b][[0, 1, 0, 1]], window[b][[2, 3, 2, 3]]
            moved = [slow_move(ANCHORS[i].astype(float), deltas[b, i]) for i in order]
            moved = [(score[i], box.clip(low, high)) for i, box in zip(order, moved)]
            moved = [m for m in moved if (m[1][2:] - m[1][:2]).min() >= 0.01]
            survivors = slow_nms([m[1] for m in moved], threshold, 10**6)
            found += [m for m in moved if any(m[1] is s for s in survivors)]
            start += count
        found = sorted(found, key=lambda m: -m[0])[:post_nms]
        assert valid[b].sum() == len(found) > 10
        np.testing.assert_allclose(ours[b, : len(found)], [m[1] for m in found], atol=1e-5)
        assert not ours[b, len(found) :].any()


@pytest.mark.parametrize(
    ("limit", "min_score", "threshold"), [(30, 0.2, 0.5), (200, 0.0, 0.5), (100, 0.45, 0.3)]
)
def test_detections_of_every_class_against_numpy(limit, min_score, threshold):
    proposals, valid, probabilities, deltas, window = proposals_case(2)
    result = detect_every_class(
        proposals,
        valid,
        probabilities,
        deltas,
        window,
        limit=limit,
        min_score=min_score,
        iou_threshold=threshold,
        min_size=0.02,
    )
    boxes, ids, scores = (ops.convert_to_numpy(value) for value in result)
    for b in range(2):
        low, high = window[b][[0, 1, 0, 1]], window[b][[2, 3, 2, 3]]
        kept = []
        for label in range(1, 4):
            own = []
            for p in range(60):
                score = probabilities[b, p, label]
                box = slow_move(proposals[b, p].astype(float), deltas[b, p, label])
                box = box.clip(low, high)
                if valid[b, p] and score > min_score and (box[2:] - box[:2]).min() >= 0.02:
                    own.append((score, label, box))
            own.sort(key=lambda f: -f[0])
            survivors = slow_nms([f[2] for f in own], threshold, 10**6)
            kept += [f for f in own if any(f[2] is s for s in survivors)]
        kept = sorted(kept, key=lambda f: -f[0])[:limit]
        count = len(kept)
        assert count and (ids[b] > 0).sum() == count
        np.testing.assert_allclose(scores[b, :count], [k[0] for k in kept], atol=1e-6)
        np.testing.assert_array_equal(ids[b, :count], [k[1] for k in kept])
        np.testing.assert_allclose(boxes[b, :count], [k[2] for k in kept], atol=1e-5)
        assert not boxes[b, count:].any() and not scores[b, count:].any()


@pytest.mark.parametrize("rule", [detect, detect_every_class])
def test_without_regression_the_proposals_stay_where_they_are(rule):
    proposals, valid, probabilities, deltas, window = proposals_case(3)
    settings = dict(limit=20, min_score=0.2, iou_threshold=0.5)
    if rule is detect_every_class:
        settings["min_size"] = 0.01
    one, other = (
        [
            ops.convert_to_numpy(v)
            for v in rule(proposals, valid, probabilities, d, window, **settings)
        ]
        for d in (None, np.zeros_like(deltas))
    )
    assert (one[1] > 0).any()
    for a, b in zip(one, other):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_one_proposal_can_be_several_classes_and_the_bound_itself_is_too_low():
    probabilities = np.float32([[[0.1, 0.4, 0.25, 0.25]]])
    box = np.float32([[[0.2, 0.2, 0.6, 0.6]]])
    _, ids, scores = detect_every_class(
        box,
        np.ones((1, 1), bool),
        probabilities,
        np.zeros((1, 1, 4, 4), np.float32),
        np.float32([[0, 0, 1, 1]]),
        limit=3,
        min_score=0.24,
        iou_threshold=0.5,
        min_size=0.01,
    )
    assert ops.convert_to_numpy(ids)[0].tolist() == [1, 2, 3]
    _, ids, _ = detect_every_class(
        box,
        np.ones((1, 1), bool),
        probabilities,
        np.zeros((1, 1, 4, 4), np.float32),
        np.float32([[0, 0, 1, 1]]),
        limit=3,
        min_score=0.25,
        iou_threshold=0.5,
        min_size=0.01,
    )
    assert ops.convert_to_numpy(ids)[0].tolist() == [1, 0, 0]
