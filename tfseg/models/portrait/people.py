"""Persons in place of one mask: the affinity step on a prediction and its boxes."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np

from tfseg.errors import DataError
from tfseg.models.portrait import affinity
from tfseg.models.portrait.config import PortraitConfig
from tfseg.structures import Prediction

_LOG = logging.getLogger(__name__)

__all__ = ["divide", "warn_of_low_scores"]


def warn_of_low_scores(found, prediction: Prediction, config: PortraitConfig) -> None:
    """Says which of a user's boxes `divide` will leave out."""
    if found is None or found[1] is None:
        return
    low = np.flatnonzero(found[1] < config.affinity.score_threshold)
    if low.size:
        _LOG.warning(
            "%s: left out for scores below %g (affinity__score_threshold): box %s.",
            _place(prediction),
            config.affinity.score_threshold,
            ", ".join(map(str, low)),
        )


def _place(prediction: Prediction) -> str:
    return prediction.path or f"image {prediction.image_id}"


def divide(image: np.ndarray, prediction: Prediction, found, config: PortraitConfig) -> Prediction:
    """Returns the prediction with one object per person in place of one per class.

    Args:
        image: uint8 `(H, W, 3)`.
        prediction: Of the same image, with its class map.
        found: `(boxes, scores)`, or None, which changes nothing. Boxes without scores were not
            detected but stated: each is a person, however much two of them overlap.
        config: Which class, and how.

    Returns:
        Class map and alpha as before; objects of the foreground class with tight boxes, best
        score first, without scores in the order of the boxes. A box without foreground gives
        none; of stated boxes it is told which.

    Raises:
        DataError: Naming the image, if the boxes are none.
    """
    if found is None:
        return prediction
    mask = prediction.label_maps["classes"] == config.foreground_id
    boxes, scores = found
    settings = config.affinity
    if scores is None:
        settings = dataclasses.replace(settings, nms_iou=1.0)
    try:
        people = affinity.instances(image, mask, boxes, scores, config=settings)
    except DataError as error:
        raise DataError(f"{_place(prediction)}: {error}") from error
    if scores is None and len(people) < len(boxes):
        lost = sorted(set(range(len(boxes))) - set(people.indices.tolist()))
        _LOG.warning(
            "%s: nobody was found in box %s; the others are in their order.",
            _place(prediction),
            ", ".join(map(str, lost)),
        )
    return dataclasses.replace(
        prediction,
        boxes=people.boxes,
        class_ids=np.full(len(people), config.foreground_id, np.int32),
        scores=people.scores,
        rles=people.rles,
    )
