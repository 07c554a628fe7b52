"""What masks of people are measured by whose poses are known: on all, on those who overlap, and
beside what other ways would give."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.metrics import instances
from tfseg.metrics.coco_ap import CocoAP
from tfseg.metrics.instances import InstanceEvaluator
from tfseg.metrics.occlusion import overlapping
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.measures import Measure

__all__ = ["MEASURES", "Compared", "PersonMaskEvaluator"]

_TABLE = ("report", "table")
_KEPT = "segm/AP"  # what begins so is measured of each set of people
MEASURES = (
    *instances.MEASURES,
    Measure("segm/APml", "AP m+l", "Mask AP of people from 32 x 32 pixels", _TABLE),
    Measure("bound/segm/APml", "bound", "The same of the true masks as windows show them", _TABLE),
    Measure("hull/segm/APml", "hull", "The same of the filled hulls of the joints", _TABLE),
    Measure("occluded/segm/AP", "occluded", "Mask AP of people in overlapping pairs", _TABLE),
    Measure("bound/occluded/segm/AP", "occluded bound", "The same of true masks", ("report",)),
    Measure("hull/occluded/segm/AP", "occluded hull", "The same of hulls", ("report",)),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Compared(Prediction):
    """A prediction with others of the same image beside it.

    Attributes:
        beside: Name, such as "bound", to the prediction.
    """

    beside: Mapping[str, Prediction] = dataclasses.field(default_factory=dict)

    def __getitem__(self, index) -> Prediction:
        names = [field.name for field in dataclasses.fields(Prediction)]
        plain = Prediction(**{name: getattr(self, name) for name in names})
        rows = np.arange(len(self))[index]
        beside = {name: one[rows] for name, one in self.beside.items()}
        return Compared(**{n: getattr(plain[rows], n) for n in names}, beside=beside)


class PersonMaskEvaluator(InstanceEvaluator):
    """The measures of `InstanceEvaluator`; COCO's mask AP of medium and large people, `segm/APml`;
    the same of people who overlap, behind "occluded/"; and for each prediction beside it, such as
    the upper bound that the windows set, both behind its name: "bound/segm/APml".

    People without a joint are neither found nor missed: no pose could be given for them. For the
    overlapping ones, nor are people without a partner.

    Args:
        class_names: See `InstanceEvaluator`.
        pair_iou: Boxes of two people overlap by more than this, in the measures of those who do.
        options: Of `InstanceEvaluator`.
    """

    def __init__(self, class_names: Sequence[str], *, pair_iou: float = 0.5, **options):
        super().__init__(class_names, **options)
        self.pair_iou = float(pair_iou)
        self._sets: dict[str, CocoAP] = {}
        self._people = {"people_without_joints": 0, "overlapping_people": 0, "images_of_them": 0}

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image; a prediction may be `Compared`."""
        single = ~sample.is_crowd
        if sample.keypoints is not None:
            jointless = single & ~(sample.keypoints[..., 2] > 0).any(axis=1)
            self._people["people_without_joints"] += int(jointless.sum())
            sample = sample.replace(is_crowd=sample.is_crowd | jointless)
        super().update(sample, prediction)
        paired = overlapping(sample.boxes, ~sample.is_crowd, self.pair_iou)
        self._people["overlapping_people"] += int(paired.sum())
        self._people["images_of_them"] += int(paired.any())
        views = {"": sample}
        if paired.any():
            views["occluded/"] = sample.replace(is_crowd=~paired)
        every = {"": prediction}
        every.update({f"{n}/": one for n, one in getattr(prediction, "beside", {}).items()})
        for name, one in every.items():
            for view, seen in views.items():
                self._set(name + view).update(seen, one)

    def _set(self, name: str) -> CocoAP:
        return self._sets.setdefault(name, CocoAP(self.class_names, medium_and_large=True))

    def may_measure(self, name: str) -> bool:
        """Whether there may be a measure of this name: of people who overlap, and of predictions
        beside, there are some where images have them."""
        known = CocoAP(self.class_names, medium_and_large=True).compute().metrics
        kept = [key for key in known if key.startswith(_KEPT)]
        return name in kept or any(name.endswith(f"/{key}") for key in kept)

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report."""
        report = super().compute({**self._people, **(details or {})})
        metrics = dict(report.metrics)
        for name, one in self._sets.items():
            found = one.compute().metrics
            kept = {f"{name}{key}": v for key, v in found.items() if key.startswith(_KEPT)}
            metrics.update(kept)
        return dataclasses.replace(report, metrics=metrics, measures=MEASURES)
