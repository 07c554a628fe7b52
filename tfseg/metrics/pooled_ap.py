"""Average precision per class over the predictions of all images in one list."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.metrics.matching import IGNORED, envelope_area, match
from tfseg.metrics.pairing import Pair, check_class_names, pair
from tfseg.structures import Prediction, Report, Sample

__all__ = ["PooledAP"]


class PooledAP:
    """`map50_class`: for each class one list of all predictions by score, the area under its
    precision-recall curve at mask IoU 0.5 (every recall, not COCO's 101), then the mean over the
    classes that have truth. Equal scores keep the order in which images were added.

    Args:
        class_names: Name of class id k at position k - 1.
    """

    def __init__(self, class_names: Sequence[str]):
        self.class_names = check_class_names(class_names)
        self._truths = np.zeros(len(self.class_names), np.int64)
        self._lists: list[list] = [[] for _ in self.class_names]

    def update(self, sample: Sample, prediction: Prediction, *, paired: Pair | None = None):
        """Adds one image; `paired` as in `CocoAP.update`."""
        paired = paired or pair(sample, prediction, len(self.class_names))
        np.add.at(self._truths, paired.truth_ids[~paired.crowd] - 1, 1)
        found = match(paired)
        for class_id, score, truth in zip(
            paired.predicted_ids.tolist(), paired.scores.tolist(), found.tolist(), strict=True
        ):
            if truth != IGNORED:
                self._lists[class_id - 1].append((score, truth >= 0))

    def compute(self) -> Report:
        """Returns the mean, and the AP of each class; NaN for a class without truth."""
        values = {}
        for name, rows, truths in zip(self.class_names, self._lists, self._truths, strict=True):
            ordered = sorted(rows, key=lambda row: -row[0])  # stable
            values[name] = envelope_area(np.array([hit for _, hit in ordered], bool), int(truths))
        known = [value for value in values.values() if not math.isnan(value)]
        mean = float(np.mean(known)) if known else math.nan
        return Report({"map50_class": mean}, {"map50_class": values})
