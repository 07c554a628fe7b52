"""Whatever finds persons can be plugged in."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.models.portrait.affinity import boxes_of, detect
from tfseg.structures import Prediction

IMAGE = np.zeros((20, 20, 3), np.uint8)


def prediction(names=("dog", "person")):
    masks = np.zeros((3, 20, 20), bool)
    masks[:, 2:5, 3:9] = True
    boxes = [(2, 3, 5, 9), (0, 0, 5, 9), (1, 1, 2, 2)]
    return Prediction.from_masks(
        masks, boxes=boxes, class_ids=[2, 1, 2], scores=[0.9, 0.8, 0.7], class_names=names
    )


def test_a_prediction_gives_its_persons():
    boxes, scores = boxes_of(prediction())
    assert boxes.tolist() == [[2, 3, 5, 9], [1, 1, 2, 2]]
    np.testing.assert_allclose(scores, (0.9, 0.7))
    with pytest.raises(DataError, match="no class 'person'.*dress"):
        boxes_of(prediction(("dress", "jeans")))


class Model:
    def predict(self, images):
        assert len(images) == 1 and images[0] is IMAGE
        return [prediction()]


@pytest.mark.parametrize(
    "detector",
    [
        Model(),
        lambda image: prediction(),
        lambda image: ([(2, 3, 5, 9), (1, 1, 2, 2)], (0.9, 0.7)),
        lambda image: [np.array([(2, 3, 5, 9), (1, 1, 2, 2)]), np.array([0.9, 0.7])],
    ],
    ids=["a model", "a Prediction", "lists", "arrays"],
)
def test_every_kind_of_detector(detector):
    boxes, scores = detect(detector, IMAGE)
    assert boxes.tolist() == [[2, 3, 5, 9], [1, 1, 2, 2]] and boxes.dtype == np.float32
    np.testing.assert_allclose(scores, (0.9, 0.7))


def test_a_detector_may_find_nobody():
    boxes, scores = detect(lambda image: ([], []), IMAGE)
    assert boxes.shape == (0, 4) and scores.shape == (0,)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ("yolo", "got str"),
        (lambda image: None, "got NoneType"),
        (lambda image: ([(0, 0, np.nan, 1)], [0.5]), "finite"),
        (lambda image: ([(0, 0, 1, 1)], [0.5, 0.6]), "a score for each"),
    ],
)
def test_bad_detectors(detector, message):
    with pytest.raises(DataError, match=message):
        detect(detector, IMAGE)
