"""What CoMask is measured by: its detections, beside what they were before collaboration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics import instances
from tfseg.metrics.coco_ap import CocoAP
from tfseg.metrics.instances import InstanceEvaluator
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.measures import Measure

__all__ = ["MEASURES", "BeforeAndAfter", "CoMaskEvaluator"]

_BEFORE = "before/"
MEASURES = (
    *instances.MEASURES,
    Measure(
        "before/segm/AP", "mask AP before", "Mask AP before collaboration", ("report", "table")
    ),
    Measure("before/bbox/AP", "box AP before", "Box AP before collaboration", ("report", "table")),
)


@dataclasses.dataclass(frozen=True, eq=False)
class BeforeAndAfter(Prediction):
    """A prediction that remembers what it was before collaboration.

    Attributes:
        before: The detections in the regions that the classes were told by, with the coarse masks.
    """

    before: Prediction | None = None

    def __getitem__(self, index) -> Prediction:
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(Prediction)}
        return Prediction(**plain)[np.arange(len(self))[index]]


class CoMaskEvaluator(InstanceEvaluator):
    """The measures of `InstanceEvaluator`, and COCO's AP of boxes and masks before collaboration
    under the same names behind "before/"."""

    def __init__(self, class_names: Sequence[str], **options):
        super().__init__(class_names, **options)
        self._before = CocoAP(self.class_names)

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image; the prediction is a `BeforeAndAfter`."""
        before = getattr(prediction, "before", None)
        if before is None:
            raise DataError(
                f"{sample.where}: its prediction does not say what it was before collaboration. "
                "Evaluate by CoMask.evaluate, or measure with tfseg.metrics.InstanceEvaluator."
            )
        super().update(sample, prediction)
        self._before.update(sample, before)

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report."""
        report, before = super().compute(details), self._before.compute()
        kept = {f"{_BEFORE}{k}": v for k, v in before.metrics.items() if "/AP" in k}
        return dataclasses.replace(report, metrics={**report.metrics, **kept}, measures=MEASURES)
