"""Suppression against the greedy definition, one box after the other."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.nms import mask_nms, nms


def greedy(boxes, valid, threshold, limit, groups=None):
    """Returns positions that stay: the definition, with two loops."""
    kept = []
    for i in range(len(boxes)):
        if not valid[i] or len(kept) == limit:
            continue
        for k in kept:
            if groups is not None and groups[i] != groups[k]:
                continue
            low = np.maximum(boxes[i, :2], boxes[k, :2])
            high = np.minimum(boxes[i, 2:], boxes[k, 2:])
            overlap = np.prod(np.maximum(high - low, 0))
            area = [np.prod(np.maximum(boxes[j, 2:] - boxes[j, :2], 0)) for j in (i, k)]
            if overlap / max(sum(area) - overlap, 1e-12) > threshold:
                break
        else:
            kept.append(i)
    return kept


def run(boxes, valid, threshold, limit, groups=None, tile=256):
    positions, kept = nms(boxes, valid, threshold, limit, groups=groups, tile=tile)
    positions, kept = ops.convert_to_numpy(positions), ops.convert_to_numpy(kept)
    assert positions.shape == kept.shape == (len(boxes), limit)
    assert positions.dtype == np.int32 and kept.dtype == bool
    assert not positions[~kept].any()
    for row in kept:  # the kept ones come first
        assert not row[row.sum() :].any()
    return [list(p[k]) for p, k in zip(positions, kept)]


def random_case(seed, batch, count, share=0.9):
    random = np.random.default_rng(seed)
    corner = random.random((batch, count, 2))
    size = random.uniform(0, 0.4, (batch, count, 2))
    boxes = np.concatenate([corner, corner + size], axis=2).astype(np.float32)
    return boxes, random.random((batch, count)) < share, random.integers(0, 3, (batch, count))


@pytest.mark.parametrize(
    ("count", "limit", "threshold", "tile"),
    [
        (70, 20, 0.3, 16),  # K is no multiple of the tile
        (64, 64, 0.5, 16),
        (40, 100, 0.5, 256),  # more places than boxes
        (33, 5, 0.7, 32),
        (1, 1, 0.5, 256),
        (50, 50, 1.0, 8),  # nothing is above 1
        (50, 50, 0.0, 7),  # whatever touches goes
    ],
)
@pytest.mark.parametrize("grouped", [False, True])
def test_random_boxes(count, limit, threshold, tile, grouped):
    boxes, valid, groups = random_case(count, 3, count)
    groups = groups if grouped else None
    ours = run(boxes, valid, threshold, limit, groups, tile)
    for index in range(3):
        group = None if groups is None else groups[index]
        assert ours[index] == greedy(boxes[index], valid[index], threshold, limit, group)


def test_a_chain_in_which_each_box_suppresses_the_next():
    # 0 removes 1, so 1 cannot remove 2, and so on: the answer takes as many rounds as boxes.
    start = np.arange(40, dtype=np.float32) * 0.3
    boxes = np.stack([start, 0 * start, start + 1, 0 * start + 1], axis=1)[None]
    valid = np.ones((1, 40), bool)
    expected = greedy(boxes[0], valid[0], 0.5, 40)
    assert expected == list(range(0, 40, 2))
    assert run(boxes, valid, 0.5, 40) == [expected]


def test_identical_boxes_leave_the_first():
    boxes = np.tile(np.float32([0.1, 0.1, 0.5, 0.5]), (1, 30, 1))
    valid = np.ones((1, 30), bool)
    valid[0, 0] = False
    assert run(boxes, valid, 0.5, 10, tile=8) == [[1]]
    assert run(boxes, valid, 0.5, 10, np.arange(30)[None] % 4, tile=8) == [[1, 2, 3, 4]]


def test_nothing_valid_and_empty_boxes():
    boxes, _, _ = random_case(0, 2, 20)
    assert run(boxes, np.zeros((2, 20), bool), 0.5, 5) == [[], []]
    zero = np.zeros((1, 6, 4), np.float32)  # overlap nothing, not even each other
    assert run(zero, np.ones((1, 6), bool), 0.5, 4) == [[0, 1, 2, 3]]


def test_pictures_end_at_different_times():
    boxes, valid, _ = random_case(4, 2, 60)
    boxes[1] = boxes[1, :1]
    ours = run(boxes, valid, 0.2, 3, tile=8)
    assert ours[0] == greedy(boxes[0], valid[0], 0.2, 3)
    assert ours[1] == [int(np.argmax(valid[1]))]


def test_positions_beyond_2048_are_exact():
    # Products in half precision keep 11 bits; positions must not pass through them.
    count = 5000
    place = np.arange(count, dtype=np.float32) * 2
    boxes = np.stack([place, 0 * place, place + 1, 0 * place + 1], axis=1)[None]
    valid = np.zeros((1, count), bool)
    valid[0, 4001::3] = True
    assert run(boxes, valid, 0.5, 400) == [list(range(4001, count, 3))]


@pytest.mark.both_backends
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_masks_against_the_greedy_definition(threshold):
    random = np.random.default_rng(0)
    logits = np.full((3, 12, 10, 14), -3.0, np.float32)
    for image, mask in np.ndindex(3, 11):  # the last one is empty
        y, x = random.integers(0, 6, 2)
        logits[image, mask, y : y + random.integers(1, 6), x : x + random.integers(2, 9)] = 2.0
    found = ops.convert_to_numpy(mask_nms(logits, threshold))
    for masks, ours in zip(logits > 0, found):
        kept = []
        for number, mask in enumerate(masks):
            union = [max((mask | masks[k]).sum(), 1) for k in kept]
            shared = [(mask & masks[k]).sum() for k in kept]
            if all(a / b <= threshold for a, b in zip(shared, union)):
                kept.append(number)
        assert np.flatnonzero(ours).tolist() == kept and 11 in kept
    assert not found.all()
