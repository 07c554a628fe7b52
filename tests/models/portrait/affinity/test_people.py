"""Persons as objects, ready for a prediction."""

from __future__ import annotations

import numpy as np

from tfseg.models.portrait.affinity import instances, split
from tfseg.structures import Prediction

BOXES = [(0, 0, 12, 8), (0, 20, 12, 30), (0, 8, 12, 20)]
SCORES = [0.6, 0.9, 0.8]


def test_persons_come_best_first_with_tight_boxes_and_the_boxes_scores():
    mask = np.zeros((12, 30), bool)
    mask[2:9, 1:7] = mask[3:5, 10:15] = True
    image = np.zeros((12, 30, 3), np.uint8)
    found = instances(image, mask, BOXES, SCORES)
    assert len(found) == 2 and found.indices.tolist() == [2, 0]  # nothing in the second box
    np.testing.assert_allclose(found.scores, (0.8, 0.6))
    assert found.boxes.tolist() == [[3, 10, 5, 15], [2, 1, 9, 7]]
    np.testing.assert_array_equal(found.labels, split(image, mask, BOXES, SCORES))
    np.testing.assert_array_equal(found.masks.any(axis=0), mask)
    prediction = Prediction(
        size=mask.shape,
        boxes=found.boxes,
        class_ids=np.ones(len(found)),
        scores=found.scores,
        rles=found.rles,
        class_names=("person",),
    )
    np.testing.assert_array_equal(prediction.masks, found.masks)


def test_nobody():
    image = np.zeros((12, 30, 3), np.uint8)
    for mask, boxes in ((np.zeros((12, 30), bool), BOXES), (np.ones((12, 30), bool), [])):
        found = instances(image, mask, boxes)
        assert len(found) == 0 and found.masks.shape == (0, 12, 30)
        assert found.boxes.shape == (0, 4) and found.rles == ()
