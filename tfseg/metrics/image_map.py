"""The mean over images of each image's own average precision, as Matterport measures it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.metrics.matching import IGNORED, envelope_area, match
from tfseg.metrics.pairing import Pair, check_class_names, pair
from tfseg.structures import Prediction, Report, Sample

__all__ = ["ImageMAP", "image_ap"]


def image_ap(paired: Pair, iou: float = 0.5, *, compat: bool = False) -> float:
    """Returns the average precision of one image, all classes in one list; NaN where the
    image has no truth. Crowd regions are left out, with the predictions inside them."""
    found = match(paired, iou, compat=compat)
    return envelope_area(found[found != IGNORED] >= 0, int((~paired.crowd).sum()))


class ImageMAP:
    """`map_matterport`: the mean over images of the AP of each.

    Images without any truth are left out of the mean: their AP is not defined. The public code
    gives 0 for such an image without predictions and NaN, which spoils the whole mean, for one
    with predictions. False alarms on them count in `map50_class`, COCO AP and the confusion table.

    Args:
        class_names: Name of class id k at position k - 1.
        compat: Repeat the slip of some copies of the public code (see `matching.match`); the
            metric is then called `map_matterport_compat` and can pass 1.
        iou: The lowest mask overlap that counts as found.
    """

    def __init__(self, class_names: Sequence[str], compat: bool = False, iou: float = 0.5):
        self.class_names = check_class_names(class_names)
        self.compat, self.iou = compat, iou
        self._values: list[float] = []

    def update(self, sample: Sample, prediction: Prediction, *, paired: Pair | None = None):
        """Adds one image; `paired` as in `CocoAP.update`."""
        paired = paired or pair(sample, prediction, len(self.class_names))
        value = image_ap(paired, self.iou, compat=self.compat)
        if not math.isnan(value):
            self._values.append(value)

    def compute(self) -> Report:
        """Returns the one number; NaN if no image has truth."""
        name = "map_matterport_compat" if self.compat else "map_matterport"
        return Report({name: float(np.mean(self._values)) if self._values else math.nan})
