"""Numbers out: how well predictions agree with the truth.

Each evaluator takes `update(sample, prediction)` once per image and `compute()` at the end,
which returns a `Report`. `InstanceEvaluator` holds those that instance segmentation needs,
`SemanticEvaluator` those for class maps, `PortraitEvaluator` those for portraits,
`PersonMaskEvaluator` those for people whose poses are known. Human parsing is measured by `MapIoU`,
`PersonParsingAP` and `RegionAP`, which take arrays.
"""

from tfseg.metrics.coco_ap import CocoAP
from tfseg.metrics.confusion import Confusion
from tfseg.metrics.image_map import ImageMAP
from tfseg.metrics.instances import InstanceEvaluator
from tfseg.metrics.map_iou import MapIoU
from tfseg.metrics.mean_iou import MeanIoU
from tfseg.metrics.parsing_ap import PersonParsingAP
from tfseg.metrics.per_image import best_and_worst, image_scores
from tfseg.metrics.person_masks import PersonMaskEvaluator
from tfseg.metrics.pooled_ap import PooledAP
from tfseg.metrics.portrait import PortraitEvaluator
from tfseg.metrics.region_ap import RegionAP
from tfseg.metrics.semantic import SemanticEvaluator

__all__ = [
    "CocoAP",
    "Confusion",
    "ImageMAP",
    "InstanceEvaluator",
    "MapIoU",
    "MeanIoU",
    "PersonMaskEvaluator",
    "PersonParsingAP",
    "PooledAP",
    "PortraitEvaluator",
    "RegionAP",
    "SemanticEvaluator",
    "best_and_worst",
    "image_scores",
]
