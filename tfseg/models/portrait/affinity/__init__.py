"""Tells people apart in one foreground mask, with a box each and without learning: the affinity
step of the portrait system. It knows no network and works on the mask of any model."""

from tfseg.models.portrait.affinity.boxes import check_boxes
from tfseg.models.portrait.affinity.config import AffinityConfig
from tfseg.models.portrait.affinity.detectors import boxes_of, detect
from tfseg.models.portrait.affinity.histograms import chi_square
from tfseg.models.portrait.affinity.paths import geodesics
from tfseg.models.portrait.affinity.people import Instances, instances
from tfseg.models.portrait.affinity.step import Explanation, explain, split

__all__ = [
    "AffinityConfig",
    "Explanation",
    "Instances",
    "boxes_of",
    "check_boxes",
    "chi_square",
    "detect",
    "explain",
    "geodesics",
    "instances",
    "split",
]
