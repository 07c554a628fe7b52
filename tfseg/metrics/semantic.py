"""Everything that semantic segmentation is measured by, in one pass over the images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.metrics.boundary import boundary_scores
from tfseg.metrics.mean_iou import MeanIoU, class_ious, class_maps
from tfseg.metrics.pairing import check_class_names
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.measures import Measure

__all__ = ["MEASURES", "SemanticEvaluator"]

_FIRST = ("epoch", "report", "curve", "table")
MEASURES = (
    Measure(
        "miou", "mIoU", "IoU over all pixels, mean over classes with the background", _FIRST, 4
    ),
    Measure(
        "iou_person_image_mean",
        "person IoU of images",
        "Person IoU of each image, mean",
        ("report", "curve"),
    ),
    Measure("person_iou", "person IoU", "Person IoU over all pixels", ("table",), 4),
    Measure("boundary_f", "boundary F", "Boundary F-score", _FIRST, 4),
    Measure("pixel_accuracy", "pixel accuracy", "Share of the pixels that are right"),
    Measure(
        "boundary_precision",
        "boundary precision",
        "Share of the predicted boundary that lies at a true one",
    ),
    Measure("boundary_recall", "boundary recall", "Share of the true boundary that was drawn"),
)

_PERSON = "person"
_FOUND = 0.5  # the IoU from which a class counts as found in an image


class SemanticEvaluator:
    """The two mean IoUs of portrait work, pixel accuracy, and the boundary's precision, recall
    and F-score.

    - `miou`: mean over classes, background included, of the IoU over all pixels of the set.
    - `iou_person_image_mean`: the person's IoU in each image, then the mean over images. An
      image without a person counts 0 if one was seen in it and is left out otherwise: there
      is nothing to divide. "The person" is the class of that name; in a set without one, all
      classes but the background taken as one.
    - `person_iou`: the same over all pixels of the set.
    - `pixel_accuracy`: share of the pixels that are right.
    - `boundary_precision`, `boundary_recall`, `boundary_f`: see `boundary.boundary_scores`, each
      the mean over the images where it is defined.

    Pixels with truth 255 never count. A prediction without a class map, such as one of an
    instance model, is read by its masks (`structures.semantic.predicted_class_map`).

    Args:
        class_names: Name of class id k at position k - 1, without the background.
        boundary_width: How many pixels a boundary may be off.
        score: Lowest score of an object that counts where a prediction has no class map.

    Attributes:
        image_scores: For each image in the order of `update`, a dict of `image_id`; `quality`,
            the mean IoU of the classes in the image without the background, 1 if there is none
            in truth and prediction; `iou_person` and `boundary_f`, NaN where undefined; `found`,
            `missed`, `false_alarms`, the numbers of classes with an IoU of one half or more, of
            other classes in the truth, and of classes that only the prediction has.
            `per_image.best_and_worst` picks from it.
    """

    def __init__(
        self, class_names: Sequence[str], *, boundary_width: float = 2, score: float = 0.5
    ):
        self.class_names = check_class_names(class_names)
        self.boundary_width, self.score = boundary_width, score
        self.image_scores: list[dict] = []
        blank = np.zeros((1, 1), np.int32)
        boundary_scores(blank, blank, boundary_width)  # a bad width is told now, not later
        self._pixels = MeanIoU(self.class_names, score=score)
        self._boundaries: list[tuple[float, float, float]] = []

    def update(
        self,
        sample: Sample,
        prediction: Prediction,
        *,
        maps: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Adds one image.

        Args:
            sample: The truth.
            prediction: What was found, at the image's size.
            maps: The result of `mean_iou.class_maps` for the two, where a caller has it already.

        Raises:
            DataError: If the image has another size than its prediction, or a class is out of
                range. Nothing is counted then.
        """
        maps = maps or class_maps(sample, prediction, len(self.class_names), self.score)
        counts = self._pixels.update(sample, prediction, maps=maps)
        boundary = boundary_scores(*maps, self.boundary_width)
        self._boundaries.append(boundary)
        self.image_scores.append(
            {
                "image_id": sample.image_id,
                **_classes_found(counts),
                "iou_person": self._person(counts),
                "boundary_f": boundary[2],
            }
        )

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report; `iou` per class and the table of pixels are in it. A number
        without any truth or prediction behind it is NaN.

        Args:
            details: What was measured, kept in the report beside the number of images: the
                dataset's name, the weights, settings.
        """
        pixels = self._pixels.compute()
        precision, recall, f = zip(*self._boundaries) if self._boundaries else ((), (), ())
        metrics = {
            "miou": pixels["miou"],
            "iou_person_image_mean": _mean([row["iou_person"] for row in self.image_scores]),
            "person_iou": self._person(self._pixels.counts),
            "pixel_accuracy": pixels["pixel_accuracy"],
            "boundary_f": _mean(f),
            "boundary_precision": _mean(precision),
            "boundary_recall": _mean(recall),
        }
        known = {
            "images": len(self.image_scores),
            "pixels": int(self._pixels.counts.sum()),
            "boundary_width": self.boundary_width,
        }
        return Report(
            metrics,
            pixels.per_class,
            confusion=pixels.confusion,
            details={**known, **(details or {})},
            measures=MEASURES,
        )

    def _person(self, counts: np.ndarray) -> float:
        """Returns the person's IoU in a table of pixels; NaN if nobody is there or was seen."""
        if _PERSON in self.class_names:
            return float(class_ious(counts)[self.class_names.index(_PERSON) + 1])
        both = int(counts[1:, 1:].sum())
        either = int(counts.sum() - counts[0, 0])
        return both / either if either else math.nan


def _classes_found(counts: np.ndarray) -> dict:
    """Returns `quality`, `found`, `missed` and `false_alarms` of one image's table."""
    ious = class_ious(counts)[1:]
    there = counts.sum(axis=1)[1:] > 0
    known = ious[~np.isnan(ious)]
    found = ious >= _FOUND
    return {
        "quality": float(known.mean()) if known.size else 1.0,
        "found": int(found.sum()),
        "missed": int((there & ~found).sum()),
        "false_alarms": int((~there & ~np.isnan(ious)).sum()),
    }


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
