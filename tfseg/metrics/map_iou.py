"""The two mean IoUs of a task of human parsing, from its label maps alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics.confusion import BACKGROUND
from tfseg.metrics.mean_iou import class_ious, count_pixels
from tfseg.metrics.pairing import check_class_names
from tfseg.structures import Report
from tfseg.structures.semantic import IGNORED

__all__ = ["MapIoU"]


class MapIoU:
    """`miou`: the IoU of each class over all pixels of the set, background included, then the mean
    over the classes that truth or prediction has. `miou_image`: the same in each image, then the
    mean over images. Pixels with truth 255 do not count.

    Published tables of human parsing mix the two; never compare one with the other.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        name: Put before the names of the numbers, such as "color_".
    """

    def __init__(self, class_names: Sequence[str], *, name: str = ""):
        self.class_names = check_class_names(class_names)
        self.name = name
        self.counts = np.zeros((len(self.class_names) + 1,) * 2, np.int64)
        self._images: list[float] = []

    def update(self, truth: np.ndarray, found: np.ndarray) -> None:
        """Adds one image.

        Args:
            truth: int `(H, W)`, 0 for background, 1 to C, or 255.
            found: int, the same size, 0 to C.

        Raises:
            DataError: If sizes differ or a class is out of range.
        """
        truth, found = np.asarray(truth), np.asarray(found)
        if truth.shape != found.shape:
            raise DataError(
                f"the true map is {truth.shape} and the found one {found.shape}. Predict on the "
                "same image, at its original size."
            )
        count = len(self.class_names)
        counted = truth != IGNORED
        for what, classes in (("true", truth[counted]), ("found", found[counted])):
            if classes.size and not 0 <= int(classes.min()) <= int(classes.max()) <= count:
                raise DataError(
                    f"the {what} map has a pixel of class {int(classes.max())}, expected 0 for "
                    f"background, 1 to {count} in the order of class_names, or {IGNORED}."
                )
        counts = count_pixels(truth, found, count)
        self.counts += counts
        if counts.any():
            self._images.append(float(np.nanmean(class_ious(counts))))

    def compute(self) -> Report:
        """Returns both means, NaN where no pixel was counted, `pixel_accuracy`, `mean_accuracy`
        (share of right pixels of each true class, mean), and `iou` per class."""
        values, pixels = class_ious(self.counts), self.counts.sum(axis=1)
        hits = np.diagonal(self.counts)
        there = pixels > 0
        metrics = {
            "miou": float(np.nanmean(values)) if there.any() else math.nan,
            "miou_image": float(np.mean(self._images)) if self._images else math.nan,
            "pixel_accuracy": float(hits.sum() / pixels.sum()) if there.any() else math.nan,
            "mean_accuracy": float((hits[there] / pixels[there]).mean())
            if there.any()
            else math.nan,
        }
        metrics = {f"{self.name}{name}": value for name, value in metrics.items()}
        labels = [BACKGROUND, *self.class_names]
        by_class = dict(zip(labels, values.tolist(), strict=True))
        return Report(
            metrics,
            {f"{self.name}iou": by_class},
            confusion={"labels": labels, "counts": self.counts.tolist(), "unit": "pixels"},
            details={"images": len(self._images)},
        )
