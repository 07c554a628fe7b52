"""What places are told, against loops."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.detr.proposal_detector import place_boxes
from tfseg.nn.losses.centers import center_losses, center_targets

pytestmark = pytest.mark.both_backends
RANDOM = np.random.default_rng(0)
PADDING = np.zeros((2, 4, 6), bool)
PADDING[1, 3:], PADDING[1, :, 4:] = True, True  # the second image is 3 x 4 places
SIZE = np.array([[6, 4], [4, 3]], np.float32)
LABELS = np.array([[0, 1, -1], [1, -1, -1]], np.int32)
BOXES = np.zeros((2, 3, 4), np.float32)
BOXES[0, :2] = (0.4, 0.6, 0.5, 0.7), (0.45, 0.95, 0.1, 0.1)
BOXES[1, 0] = (0.99, 0.99, 0.02, 0.02)


def geometry():
    places, inside = place_boxes(PADDING)
    return places[..., :2], inside, SIZE


def test_an_object_has_the_place_of_its_centre():
    index, bell = (ops.convert_to_numpy(x) for x in center_targets(*geometry(), LABELS, BOXES, 2))
    # Of 4 rows and 6 columns: (0.4 * 6, 0.6 * 4) is in row 2 and column 2, and so on.
    assert index[0, :2].tolist() == [2 * 6 + 2, 3 * 6 + 2] and index[1, 0] == 2 * 6 + 3
    assert bell.shape == (2, 24, 2)
    assert np.argwhere(bell == 1).tolist() == [[0, 14, 0], [0, 20, 1], [1, 15, 1]]
    for row, column in np.ndindex(4, 6):
        if (row, column) != (2, 2):
            x, y = (column + 0.5) / 6, (row + 0.5) / 4
            deviation = max(0.09 * 0.5, 0.35 / 6), max(0.09 * 0.7, 0.35 / 4)
            square = ((x - 0.4) / deviation[0]) ** 2 + ((y - 0.6) / deviation[1]) ** 2
            assert bell[0, 6 * row + column, 0] == pytest.approx(np.exp(-square / 2), abs=1e-5)


def test_losses_of_places_against_loops():
    logits = RANDOM.normal(size=(2, 24, 2)).astype(np.float32)
    boxes = RANDOM.uniform(0.2, 0.8, (2, 24, 4)).astype(np.float32)
    found = center_losses(logits, boxes, *geometry(), LABELS, BOXES)
    index, bell = (ops.convert_to_numpy(x) for x in center_targets(*geometry(), LABELS, BOXES, 2))
    focal = 0.0
    for image, place, label in np.ndindex(2, 24, 2):
        if not PADDING[image].ravel()[place]:
            p, near = (
                1 / (1 + np.exp(-float(logits[image, place, label]))),
                bell[image, place, label],
            )
            if near == 1:
                focal -= (1 - p) ** 2 * np.log(p)
            else:
                focal -= (1 - near) ** 4 * p**2 * np.log(1 - p)
    pairs = [(0, 0), (0, 1), (1, 0)]
    l1 = sum(np.abs(boxes[i, index[i, n]] - BOXES[i, n]).sum() for i, n in pairs)
    assert float(found["class"]) == pytest.approx(focal / 3, rel=1e-4)
    assert float(found["l1"]) == pytest.approx(l1 / 3, rel=1e-4)
    # Places that say what is true have next to no loss; without objects boxes have none at all.
    sure = np.where(bell == 1, 12.0, -12.0).astype(np.float32)
    for image, n in pairs:
        boxes[image, index[image, n]] = BOXES[image, n]
    found = center_losses(sure, boxes, *geometry(), LABELS, BOXES)
    assert all(0 <= float(value) < 1e-3 for value in found.values())
    nobody = center_losses(sure, boxes, *geometry(), np.full((2, 3), -1), BOXES)
    assert float(nobody["l1"]) == float(nobody["giou"]) == 0 and float(nobody["class"]) > 1
