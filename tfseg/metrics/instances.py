"""Everything that instance segmentation is measured by, in one pass over the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfseg.errors import DataError
from tfseg.metrics.coco_ap import CocoAP
from tfseg.metrics.confusion import Confusion
from tfseg.metrics.image_map import ImageMAP
from tfseg.metrics.pairing import check_class_names, pair
from tfseg.metrics.per_image import image_scores
from tfseg.metrics.pooled_ap import PooledAP
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.measures import Measure

__all__ = ["MEASURES", "InstanceEvaluator"]

_PLACES = ("report", "curve")
MEASURES = (
    Measure("segm/AP", "mask AP", "Mask AP, mean over IoU .50 to .95", ("epoch", *_PLACES)),
    Measure("segm/AP50", "mask AP50", "Mask AP at IoU .50", ("epoch", "table", *_PLACES)),
    Measure("bbox/AP", "box AP", "Box AP, mean over IoU .50 to .95", ("epoch", *_PLACES)),
    Measure("bbox/AP50", "box AP50", "Box AP at IoU .50", _PLACES),
    Measure("map_matterport", "mAP", "Mask AP of each image, mean", ("table", *_PLACES)),
    Measure(
        "map50_class",
        "mAP50",
        "Mask AP at IoU .50 of pooled lists, mean over classes",
        _PLACES,
    ),
)


class InstanceEvaluator:
    """COCO AP and AR of boxes and masks, the two mean average precisions of the clothing report,
    and the confusion table.

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        iou: Overlap for the confusion table and the scores of single images.
        score: Lowest score for the same.
        levels: Overlaps at which AP is reported, see `CocoAP`.

    Attributes:
        image_scores: For each image in the order of `update`, the dict of
            `per_image.image_scores`; `per_image.best_and_worst` picks from it.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        iou: float = 0.5,
        score: float = 0.5,
        levels: Sequence[float] = (0.5, 0.75),
    ):
        self.class_names = check_class_names(class_names)
        self.image_scores: list[dict] = []
        self._parts = (
            CocoAP(self.class_names, levels=levels),
            ImageMAP(self.class_names),
            ImageMAP(self.class_names, compat=True),
            PooledAP(self.class_names),
            Confusion(self.class_names, iou, score),
        )
        self._settings = {"iou": iou, "score": score}
        self._counts = {"images": 0, "images_without_objects": 0, "objects": 0}
        self._counts.update(crowd_regions=0, predictions=0)

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image; masks are compared once for all measures.

        Raises:
            DataError: If the image was added before, has another size than its prediction, or
                a class id, score or box is out of range. Nothing is counted then.
        """
        if not isinstance(sample, Sample) or not isinstance(prediction, Prediction):
            raise DataError(
                f"update expects a Sample and a Prediction, got {type(sample).__name__} and "
                f"{type(prediction).__name__}."
            )
        paired = pair(sample, prediction, len(self.class_names))
        for part in self._parts:  # CocoAP, the only one that can refuse, comes first
            part.update(sample, prediction, paired=paired)
        self.image_scores.append(image_scores(sample, prediction, paired=paired, **self._settings))
        objects, crowds = int((~paired.crowd).sum()), int(paired.crowd.sum())
        self._counts["images"] += 1
        self._counts["images_without_objects"] += int(objects == 0)
        self._counts["objects"] += objects
        self._counts["crowd_regions"] += crowds
        self._counts["predictions"] += len(paired.scores)

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report. A number without any truth behind it is NaN.

        Args:
            details: What was measured, kept in the report beside the counts of images and
                objects: the dataset's name, the weights, settings.
        """
        metrics, per_class, curves, confusion = {}, {}, {}, {}
        for part in self._parts:
            report = part.compute()
            metrics.update(report.metrics)
            per_class.update(report.per_class)
            curves.update(report.curves)
            confusion.update(report.confusion)
        details = {**self._counts, **(details or {})}
        return Report(metrics, per_class, curves, confusion, details, MEASURES)
