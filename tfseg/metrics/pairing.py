"""One image's truth and predictions, checked, with their overlaps computed once."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.structures import Prediction, Sample, rle

__all__ = ["Pair", "check_class_names", "pair"]


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """What every measure needs to know of one image. `P` predictions, best score first, and
    `T` truths; either may be 0.

    Attributes:
        image_id: The image's id.
        size: `(H, W)` of the image.
        scores: float64 `(P,)`, falling; equal scores keep the order of the prediction.
        predicted_ids: int `(P,)`, classes from 1.
        predicted_rles: P run-length masks.
        predicted_boxes: float64 `(P, 4)`, `(y1, x1, y2, x2)` pixels.
        truth_ids: int `(T,)`, classes from 1.
        truth_rles: T run-length masks.
        truth_boxes: float64 `(T, 4)`, `(y1, x1, y2, x2)` pixels.
        crowd: bool `(T,)`, regions of many objects.
        iou: float64 `(P, T)`, intersection over union of the masks; for a crowd region the
            intersection over the predicted mask's area.
    """

    image_id: int | str
    size: tuple[int, int]
    scores: np.ndarray
    predicted_ids: np.ndarray
    predicted_rles: tuple[dict, ...]
    predicted_boxes: np.ndarray
    truth_ids: np.ndarray
    truth_rles: tuple[dict, ...]
    truth_boxes: np.ndarray
    crowd: np.ndarray
    iou: np.ndarray


def pair(sample: Sample, prediction: Prediction, class_count: int | None = None) -> Pair:
    """Returns truth and predictions of one image side by side.

    Args:
        sample: The truth.
        prediction: What was found in the same image, at its original size.
        class_count: The number of classes; None leaves the upper end unchecked.

    Raises:
        DataError: If the prediction has another size than the image, a class id is out of
            range, or a score or box is not finite.
    """
    _check(sample, prediction, class_count)
    order = np.argsort(-prediction.scores, kind="stable")
    found = tuple(prediction.rles[i] for i in order)
    truth = tuple(rle.encode(mask) for mask in sample.masks)
    return Pair(
        image_id=sample.image_id,
        size=sample.size,
        scores=prediction.scores[order].astype(np.float64),
        predicted_ids=prediction.class_ids[order],
        predicted_rles=found,
        predicted_boxes=prediction.boxes[order].astype(np.float64),
        truth_ids=sample.class_ids,
        truth_rles=truth,
        truth_boxes=sample.boxes.astype(np.float64),
        crowd=sample.is_crowd,
        iou=rle.iou(found, truth, sample.is_crowd),
    )


def check_class_names(class_names) -> tuple[str, ...]:
    """Returns the names as a tuple.

    Raises:
        ConfigError: If they are a single string, empty, or not unique: results are kept by name.
    """
    names = () if isinstance(class_names, str) else tuple(str(name) for name in class_names)
    if not names or len(set(names)) != len(names):
        raise ConfigError(
            f"class_names: expected a sequence of one or more different names without the "
            f"background, got {class_names!r}. Pass for instance dataset.class_names."
        )
    return names


def _check(sample: Sample, prediction: Prediction, class_count: int | None) -> None:
    if tuple(prediction.size) != tuple(sample.size):
        raise DataError(
            f"{sample.where}: the image is {sample.size[0]} x {sample.size[1]} pixels, its "
            f"prediction {prediction.size[0]} x {prediction.size[1]}. Predict on the same image, "
            f"at its original size."
        )
    for what, ids in (("truth", sample.class_ids), ("prediction", prediction.class_ids)):
        top = np.inf if class_count is None else class_count
        wrong = ids[(ids < 1) | (ids > top)]
        if len(wrong):
            raise DataError(
                f"{sample.where}: the {what} has class id {int(wrong[0])}, expected 1 to "
                f"{class_count or 'the number of classes'}. Ids count from 1 in the order of "
                f"class_names."
            )
    finite = np.isfinite(prediction.scores).all() and np.isfinite(prediction.boxes).all()
    if not finite or not np.isfinite(sample.boxes).all():
        owner = "truth" if finite else "prediction"
        raise DataError(
            f"{sample.where}: the {owner} has a score or box that is not finite. For a prediction "
            f"that usually means that training diverged; for truth, run tfseg doctor."
        )
