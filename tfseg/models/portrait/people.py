"""Persons in place of one mask: boxes from whoever has them, and the affinity step."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.models.portrait import affinity
from tfseg.models.portrait.affinity.boxes import as_numbers
from tfseg.models.portrait.config import PortraitConfig
from tfseg.structures import Prediction

_LOG = logging.getLogger(__name__)

__all__ = [
    "Finder",
    "divide",
    "finder",
    "paired_boxes",
    "scored",
    "warn_of_low_scores",
    "wrong_number",
]

Finder = Callable[[object], tuple[np.ndarray, np.ndarray | None] | None]
"""`(sample or picture with .image) -> (boxes, scores)`; None where nobody says. No scores: all of
the boxes are persons."""


def finder(boxes, detector, config: PortraitConfig) -> Finder | None:
    """Returns what tells the boxes of a sample; None if nothing does.

    Args:
        boxes: "truth" for the annotated boxes of the foreground class, crowd regions excepted; or
            None.
        detector: See `affinity.detect`, or None.
        config: Which class is the foreground.

    Raises:
        ConfigError: If both are given, or `boxes` is something else.
    """
    if boxes is not None and detector is not None:
        raise ConfigError("boxes and detector: give one of them.")
    if detector is not None:
        return lambda item: affinity.detect(detector, item.image, config.foreground_name)
    if boxes is None:
        return None
    if not isinstance(boxes, str) or boxes != "truth":
        raise ConfigError(
            "boxes: a dataset is measured with boxes='truth', which takes its own boxes, or with "
            f"detector=...; got {boxes!r}."
        )

    def truth(sample):
        wanted = ~sample.is_crowd & (sample.class_ids == config.foreground_id)
        return sample.boxes[wanted], None

    return truth


def paired_boxes(boxes, count: int | None) -> list[tuple[np.ndarray, np.ndarray | None] | None]:
    """Returns `(boxes, scores)` for each image.

    Args:
        boxes: For each image boxes `(K, 4)`, with scores `(K, 5)`, a pair of both, or None. For
            one image its boxes alone will do.
        count: Number of images, None if not known.

    Raises:
        DataError: If there are not as many as images.
    """
    if not isinstance(boxes, Iterable) or isinstance(boxes, (str, bytes, dict)):
        got = repr(boxes) if isinstance(boxes, str) else type(boxes).__name__
        raise DataError(
            f"boxes: expected boxes (K, 4) for each image, got {got}. 'truth', the annotated "
            "ones, is for evaluate."
        )
    boxes = boxes if isinstance(boxes, (np.ndarray, tuple)) else list(boxes)
    if count == 1 and (_is_one(boxes) or _is_pair(boxes)):
        boxes = [boxes]
    boxes = list(boxes)
    if count is not None and len(boxes) != count:
        raise wrong_number(boxes, count)
    return list(map(scored, boxes))


def wrong_number(boxes: Sequence, count: int | str) -> DataError:
    """Returns the error that boxes are not those of so many images."""
    return DataError(
        f"boxes: expected them for each of {count} images, got {len(boxes)}. Each image "
        "has a list of boxes, and one box is a list too: [[[y1, x1, y2, x2]], ...]."
    )


def _is_one(boxes) -> bool:
    """True for the boxes of one image, rather than a list of such."""
    try:
        array = np.asarray(boxes, np.float64)
    except (TypeError, ValueError):
        return False
    return array.ndim == 2 or array.shape == (0,)


def _is_pair(boxes) -> bool:
    """True for boxes `(K, 4)` with scores `(K,)` beside them."""
    if not isinstance(boxes, (tuple, list)) or len(boxes) != 2:
        return False
    try:
        return np.ndim(boxes[0]) == 2 and np.ndim(boxes[1]) == 1
    except ValueError:  # lists of lists of different lengths
        return False


def scored(boxes) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Returns boxes `(K, 4)` and their scores `(K,)`, None where all are sure.

    Raises:
        DataError: If they are no numbers in rows of equal length.
    """
    if boxes is None:
        return None
    if _is_pair(boxes):
        return as_numbers(boxes[0]), as_numbers(boxes[1])
    array = as_numbers(boxes)
    if array.ndim == 2 and array.shape[1] == 5:
        return array[:, :4], array[:, 4]
    return array, None


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
        score first; a box without foreground gives none.

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
    return Prediction(
        size=prediction.size,
        boxes=people.boxes,
        class_ids=np.full(len(people), config.foreground_id, np.int32),
        scores=people.scores,
        rles=people.rles,
        class_names=prediction.class_names,
        image_id=prediction.image_id,
        path=prediction.path,
        label_maps=prediction.label_maps,
    )
