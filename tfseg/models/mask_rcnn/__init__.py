"""Mask R-CNN: boxes, classes and masks of a user's own objects."""

from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.estimator import MaskRCNN

__all__ = ["MaskRCNN", "MaskRCNNConfig"]
