"""What HPTR is measured by: people, maps, parts and their characteristics, people as wholes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from tfseg.errors import DataError
from tfseg.metrics import instances
from tfseg.metrics.instances import InstanceEvaluator
from tfseg.metrics.map_iou import MapIoU
from tfseg.metrics.parsing_ap import PersonParsingAP
from tfseg.metrics.region_ap import RegionAP
from tfseg.models.hptr.config import HPTRConfig
from tfseg.models.hptr.decode import Regions
from tfseg.models.hptr.targets import checked_map
from tfseg.structures import Prediction, Report, Sample
from tfseg.structures.label_maps import IGNORED
from tfseg.structures.measures import Measure

__all__ = ["MEASURES", "Parsing", "ParsingEvaluator"]

_PLACES = ("report", "curve", "table")
_PREFIX = {"attributes": "", "sizes": "size_", "patterns": "pattern_", "colors": "color_"}
MEASURES = (
    Measure("miou", "mIoU", "IoU of attributes over all pixels, mean", ("epoch", *_PLACES)),
    Measure("ap_p_vol", "AP^p", "AP of people by their parts, mean over IoU", ("epoch", *_PLACES)),
    Measure("ap_r_vol", "AP^r", "AP of single parts, mean over IoU", _PLACES),
    Measure("ap_r_pgn_vol", "AP^r (PGN)", "AP^r as a public script counts it", ("report",)),
    Measure("pcp_vol", "PCP", "share of the right parts of people, mean over IoU", ("report",)),
    Measure("size_miou", "size mIoU", "IoU of sizes over all pixels, mean", ("report",)),
    Measure("pattern_miou", "pattern mIoU", "IoU of patterns over all pixels, mean", ("report",)),
    Measure("color_miou", "colour mIoU", "IoU of colours over all pixels, mean", ("report",)),
    Measure("size_ap_cr_vol", "size AP^cr", "AP of sizes on single parts", ("report",)),
    Measure("pattern_ap_cr_vol", "pattern AP^cr", "AP of patterns on single parts", ("report",)),
    Measure("color_ap_cr_vol", "colour AP^cr", "AP of colours on single parts", ("report",)),
    *instances.MEASURES,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Parsing(Prediction):
    """A prediction that remembers its regions.

    Attributes:
        regions: Task to the regions of one person, attribute and class.
    """

    regions: Mapping[str, Regions] = dataclasses.field(default_factory=dict)

    def __getitem__(self, index) -> Prediction:
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(Prediction)}
        return Prediction(**plain)[np.arange(len(self))[index]]


class ParsingEvaluator:
    """The measures of `InstanceEvaluator`; `MapIoU` of each task; AP^r, AP^p and PCP of the
    attributes; and AP^cr of each characteristic. Samples without a map are not measured by it.
    `ap_r_pgn_vol` is AP^r as a public script counts it, see `RegionAP`, to compare with numbers
    that were published by that script.

    Args:
        config: The model's settings: classes and tasks.
    """

    def __init__(self, config: HPTRConfig):
        self.config = config
        self._people = InstanceEvaluator(config.classes)
        self._whole = PersonParsingAP(config.attributes)
        self._maps, self._regions = {}, {}
        for task in config.tasks:
            names, prefix = getattr(config, task), _PREFIX[task]
            self._maps[task] = MapIoU(names, name=prefix)
            name = f"{prefix}ap_cr" if prefix else "ap_r"
            self._regions[task] = RegionAP(names, name=name)

    @property
    def image_scores(self) -> list[dict]:
        """See `InstanceEvaluator`."""
        return self._people.image_scores

    def update(self, sample: Sample, prediction: Prediction) -> None:
        """Adds one image; the prediction is a `Parsing`."""
        if not isinstance(prediction, Parsing):
            raise DataError(
                f"{sample.where}: its prediction does not say how sure its parts are. Evaluate by "
                "HPTR.evaluate, or measure with tfseg.metrics.MapIoU and its neighbours."
            )
        truths = {task: checked_map(sample, task, self.config) for task in self.config.tasks}
        self._people.update(sample, prediction)
        people = sample.masks[~sample.is_crowd]
        attributes = truths["attributes"]
        if attributes is not None:
            attributes = np.where(attributes == IGNORED, 0, attributes)
            self._update_whole(people, attributes, prediction)
        for task, truth in truths.items():
            if truth is None:
                continue
            self._maps[task].update(truth, prediction.label_maps[task])
            if attributes is not None:
                self._update_regions(task, people, attributes, truth, prediction)

    def _update_whole(self, people, attributes, prediction):
        found = prediction.label_maps["instances"]
        parts = prediction.label_maps["attributes"]
        numbers = np.arange(1, len(prediction) + 1)[:, None, None]
        self._whole.update(
            np.where(people, attributes, 0),
            np.where(found == numbers, parts, 0),
            prediction.scores,
        )

    def _update_regions(self, task, people, attributes, truth, prediction):
        owner = np.zeros(truth.shape, np.int64)
        for number, mask in enumerate(people, start=1):
            owner[mask] = number
        there = (owner > 0) & (attributes > 0) & (truth > 0) & (truth != IGNORED)
        key = (owner * 256 + attributes) * 256 + truth
        keys, place = np.unique(key[there], return_inverse=True)
        numbers = np.zeros(truth.shape, np.int64)
        numbers[there] = place.reshape(-1) + 1
        found = prediction.regions[task]
        self._regions[task].update(numbers, keys % 256, found.numbers, found.classes, found.scores)

    def compute(self, details: Mapping | None = None) -> Report:
        """Returns the report. A number without any truth behind it is NaN."""
        people = self._people.compute(details)
        metrics, per_class = dict(people.metrics), dict(people.per_class)
        more = dict(people.details)
        for part in (self._whole, *self._maps.values(), *self._regions.values()):
            report = part.compute()
            metrics.update(report.metrics)
            per_class.update(report.per_class)
        compat = self._regions["attributes"].compute("pgn_compat")
        metrics["ap_r_pgn_vol"] = compat["ap_r_vol"]
        confusion = self._maps["attributes"].compute().confusion
        known = [m for m in MEASURES if not math.isnan(metrics.get(m.name, math.nan))]
        return Report(metrics, per_class, people.curves, confusion, more, tuple(known) or MEASURES)
