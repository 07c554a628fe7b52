"""What portraits are measured by: the mask of all people, and each person's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics import instances, semantic
from tfseg.metrics.instances import InstanceEvaluator
from tfseg.metrics.mean_iou import class_maps
from tfseg.metrics.pairing import check_class_names
from tfseg.metrics.semantic import SemanticEvaluator
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.semantic import IGNORED

__all__ = ["LEVELS", "MEASURES", "PortraitEvaluator"]

LEVELS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
"""The overlaps at which AP is reported: those of the paper's table of instances, and COCO's .75."""
MEASURES = (
    *semantic.MEASURES,
    *(m for m in instances.MEASURES if m.name.startswith("segm/")),
)


class PortraitEvaluator:
    """The measures of `SemanticEvaluator`, and with `instances` COCO's mask AP of each person:
    `segm/AP`, the mean over IoU .50 to .95, and `segm/AP50`, `segm/AP60`, ..., `segm/AP90`.

    Boxes are not measured: those of a portrait's people were given, not found.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        instances: Whether the truth knows each person, and the predictions hold one object a
            person. Otherwise, class maps alone are looked at.
        boundary_width: How many pixels a boundary may be off.
        score: Lowest score that counts for the scores of single images.

    Attributes:
        image_scores: As in `SemanticEvaluator`; with `instances`, `quality` and the numbers of
            what was found and missed are those of `per_image.image_scores`: of objects.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        instances: bool = False,
        *,
        boundary_width: float = 2,
        score: float = 0.5,
    ):
        self.class_names = check_class_names(class_names)
        self.image_scores: list[dict] = []
        self._maps = SemanticEvaluator(self.class_names, boundary_width=boundary_width, score=score)
        self._objects = None
        if instances:
            self._objects = InstanceEvaluator(self.class_names, score=score, levels=LEVELS)

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image.

        Raises:
            DataError: If the image has another size than its prediction, a class is out of
                range, or with `instances` the image was added before or its truth shows people
                without telling them apart. Nothing is counted then.
        """
        maps = class_maps(sample, prediction, len(self.class_names), self._maps.score)
        if self._objects is not None:
            self._require_objects(sample, maps[0])
            self._objects.update(sample, prediction)
        self._maps.update(sample, prediction, maps=maps)
        row = dict(self._maps.image_scores[-1])
        if self._objects is not None:
            row.update(self._objects.image_scores[-1])
        self.image_scores.append(row)

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report: mask measures per class and precision-recall curves with those of
        the class maps; the confusion table is that of pixels.

        Args:
            details: What was measured, kept in the report: dataset, weights, settings.
        """
        maps = self._maps.compute()
        metrics, per_class, curves = dict(maps.metrics), dict(maps.per_class), {}
        counts = {}
        if self._objects is not None:
            objects = self._objects.compute()
            metrics.update(_masks_only(objects.metrics))
            per_class.update(_masks_only(objects.per_class))
            curves.update(_masks_only(objects.curves))
            counts = dict(objects.details)
        return Report(
            metrics,
            per_class,
            curves,
            maps.confusion,
            {**counts, **maps.details, **(details or {})},
            MEASURES,
        )

    def _require_objects(self, sample: Sample, classes: np.ndarray) -> None:
        if len(sample) == 0 and ((classes > 0) & (classes != IGNORED)).any():
            raise DataError(
                f"{sample.where}: its truth is a class map without objects, so single people "
                f"cannot be measured. Evaluate without boxes, or on data with a mask for each "
                f"person."
            )


def _masks_only(values: Mapping) -> dict:
    return {name: value for name, value in values.items() if name.startswith("segm/")}
