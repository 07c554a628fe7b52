"""Which class was taken for which, what was missed, and what was seen where nothing is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.errors import ConfigError
from tfseg.metrics.matching import IGNORED, match
from tfseg.metrics.pairing import Pair, check_class_names, pair
from tfseg.structures import Prediction, Report, Sample

__all__ = ["BACKGROUND", "Confusion"]

BACKGROUND = "background"


class Confusion:
    """Counts objects by true class (row) and predicted class (column).

    Predictions of at least `score` first find truths of their own class, as for AP. A prediction
    left over then takes the free truth of another class that it overlaps most, if by `iou`: a
    confusion. What is left of the truth is missed (column "background"), what is left of the
    predictions a false alarm (row "background"). Crowd regions are not counted, nor are
    predictions inside one of their class.

    Args:
        class_names: Name of class id k at position k - 1.
        iou: The lowest mask overlap that pairs a prediction with a truth, above 0 up to 1.
        score: The lowest score of a prediction that counts.
    """

    def __init__(self, class_names: Sequence[str], iou: float = 0.5, score: float = 0.5):
        self.class_names = check_class_names(class_names)
        if not 0 < iou <= 1:
            raise ConfigError(f"iou: expected a number above 0 and up to 1, got {iou!r}.")
        self.iou, self.score = iou, score
        self._counts = np.zeros((len(self.class_names) + 1,) * 2, np.int64)

    def update(self, sample: Sample, prediction: Prediction, *, paired: Pair | None = None):
        """Adds one image; `paired` as in `CocoAP.update`."""
        paired = paired or pair(sample, prediction, len(self.class_names))
        kept = paired.scores >= self.score  # a head of the list: scores fall
        found = match(paired, self.iou)[kept]
        free = ~paired.crowd
        free[found[found >= 0]] = False
        for index in np.flatnonzero(found == -1):
            overlap = np.where(free, paired.iou[index], -1.0)
            best = int(np.argmax(overlap)) if overlap.size else -1
            if best >= 0 and overlap[best] >= self.iou:
                found[index], free[best] = best, False
        background = len(self.class_names)
        for class_id, truth in zip(paired.predicted_ids[kept], found, strict=True):
            if truth != IGNORED:
                row = paired.truth_ids[truth] - 1 if truth >= 0 else background
                self._counts[row, class_id - 1] += 1
        np.add.at(self._counts, (paired.truth_ids[free] - 1, background), 1)

    def compute(self) -> Report:
        """Returns a report whose `confusion` holds labels, counts and the two settings."""
        table = {
            "labels": [*self.class_names, BACKGROUND],
            "counts": self._counts.tolist(),
            "iou": self.iou,
            "score": self.score,
        }
        return Report({}, confusion=table)
