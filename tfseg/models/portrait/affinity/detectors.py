"""Boxes of persons from whatever finds them: our Mask R-CNN, or any callable."""

from __future__ import annotations

import numpy as np

from tfseg.errors import DataError
from tfseg.models.portrait.affinity.boxes import check_boxes
from tfseg.structures import Prediction

__all__ = ["boxes_of", "check_detector", "detect"]


def boxes_of(prediction: Prediction, name: str = "person") -> tuple[np.ndarray, np.ndarray]:
    """Returns the boxes, float32 `(K, 4)`, and the scores, float32 `(K,)`, of one class.

    Raises:
        DataError: If the prediction's model does not know the class.
    """
    if name not in prediction.class_names:
        known = ", ".join(prediction.class_names) or "no names"
        raise DataError(
            f"the detector has no class {name!r} (it has {known}). Take one that finds persons, "
            "or give the boxes."
        )
    chosen = prediction.class_ids == prediction.class_names.index(name) + 1
    return prediction.boxes[chosen], prediction.scores[chosen]


def check_detector(detector) -> None:
    """Raises DataError for what is neither a model with the verb `predict` nor a callable."""
    if not (hasattr(detector, "predict") or callable(detector)):
        raise DataError(
            "expected a detector with a verb predict, or a callable image -> (boxes, scores), "
            f"got {type(detector).__name__}."
        )


def detect(detector, image: np.ndarray, name: str = "person") -> tuple[np.ndarray, np.ndarray]:
    """Returns the boxes and scores that a detector finds in an image, float32 `(K, 4)` and `(K,)`.

    Args:
        detector: A model with the verb `predict`, such as `tfseg.MaskRCNN`, or a callable
            `image -> (boxes, scores)` or `image -> Prediction`. Boxes are `(y1, x1, y2, x2)` in
            pixels of the image, ends exclusive.
        image: uint8 `(H, W, 3)`, RGB.
        name: The class to take from a `Prediction`.

    Raises:
        DataError: If the detector is neither, or answers with something else.
    """
    check_detector(detector)
    found = detector.predict([image])[0] if hasattr(detector, "predict") else detector(image)
    if isinstance(found, Prediction):
        found = boxes_of(found, name)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise DataError(
            "expected a pair (boxes, scores) or a Prediction from the detector, got "
            f"{type(found).__name__}."
        )
    boxes, scores = check_boxes(*found)
    return boxes.astype(np.float32), scores.astype(np.float32)
