"""Mean intersection over union of class maps, from one table of pixels over the whole dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics.confusion import BACKGROUND
from tfseg.metrics.pairing import check_class_names
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.semantic import IGNORED, class_map, predicted_class_map

__all__ = ["MeanIoU", "class_ious", "class_maps", "count_pixels"]


def class_maps(
    sample: Sample, prediction: Prediction, class_count: int, score: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Returns truth and prediction of one image as class maps, each int32 `(H, W)`.

    Args:
        sample: The truth; its map is that of `structures.semantic.class_map`, with 255 for
            pixels that do not count.
        prediction: What was found in the same image, at its original size; its map is that of
            `structures.semantic.predicted_class_map`.
        class_count: The number of classes without the background.
        score: Objects below it do not count where the prediction has no class map of its own.

    Raises:
        DataError: If one of the two is of another type, the prediction has another size than
            the image, or a class id is out of range where the truth is not ignored.
    """
    if not isinstance(sample, Sample) or not isinstance(prediction, Prediction):
        raise DataError(
            f"update expects a Sample and a Prediction, got {type(sample).__name__} and "
            f"{type(prediction).__name__}."
        )
    truth, found = class_map(sample), predicted_class_map(prediction, score)
    if truth.shape != found.shape:
        raise DataError(
            f"{sample.where}: the image is {truth.shape[0]} x {truth.shape[1]} pixels, its "
            f"prediction {found.shape[0]} x {found.shape[1]}. Predict on the same image, at its "
            f"original size."
        )
    counted = truth != IGNORED
    for what, classes in (("truth", truth), ("prediction", found)):
        wrong = classes[counted & ((classes < 0) | (classes > class_count))]
        if wrong.size:
            raise DataError(
                f"{sample.where}: the {what}'s class map has a pixel of class {int(wrong[0])}, "
                f"expected 0 for background, 1 to {class_count} in the order of class_names, or "
                f"{IGNORED} for ignored pixels of the truth."
            )
    return truth, found


def count_pixels(truth: np.ndarray, predicted: np.ndarray, class_count: int) -> np.ndarray:
    """Returns the table of pixels, int64 `(C + 1, C + 1)`: row the true class, column the
    predicted one, 0 the background. Pixels whose truth is 255 are left out.

    Args:
        truth: int `(H, W)`, 0 to C or 255.
        predicted: int, the same shape, 0 to C.
        class_count: C, the number of classes without the background.
    """
    side = class_count + 1
    counted = truth != IGNORED
    places = truth[counted].astype(np.int64) * side + predicted[counted]
    return np.bincount(places, minlength=side * side).reshape(side, side).astype(np.int64)


def class_ious(counts: np.ndarray) -> np.ndarray:
    """Returns TP / (TP + FP + FN) of each class, float64 `(C + 1,)`; NaN for a class that neither
    the truth nor the prediction has."""
    hits = np.diagonal(counts).astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


class MeanIoU:
    """`miou`: the IoU of each class over all pixels of the set, background included, then the
    mean over the classes that truth or prediction has; and `pixel_accuracy`, the share of pixels
    that are right. Pixels with truth 255 do not count.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        score: See `class_maps`.
    """

    def __init__(self, class_names: Sequence[str], *, score: float = 0.5):
        self.class_names = check_class_names(class_names)
        self.score = score
        self.counts = np.zeros((len(self.class_names) + 1,) * 2, np.int64)

    def update(
        self,
        sample: Sample,
        prediction: Prediction,
        *,
        maps: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Adds one image and returns its own table of pixels.

        Args:
            sample: The truth.
            prediction: What was found.
            maps: The result of `class_maps` for the two, where a caller has it already.
        """
        count = len(self.class_names)
        truth, found = maps or class_maps(sample, prediction, count, self.score)
        counts = count_pixels(truth, found, count)
        self.counts += counts
        return counts

    def compute(self) -> Report:
        """Returns the two numbers, NaN where no pixel was counted; `iou` per class, the background
        included; and the table of pixels."""
        values = class_ious(self.counts)
        known = values[~np.isnan(values)]
        pixels = int(self.counts.sum())
        labels = [BACKGROUND, *self.class_names]
        metrics = {
            "miou": float(known.mean()) if known.size else math.nan,
            "pixel_accuracy": float(np.trace(self.counts)) / pixels if pixels else math.nan,
        }
        table = {"labels": labels, "counts": self.counts.tolist(), "unit": "pixels"}
        return Report(
            metrics, {"iou": dict(zip(labels, values.tolist(), strict=True))}, confusion=table
        )
