"""Mask R-CNN: boxes, classes and masks of a user's own objects."""

from tfseg.models.mask_rcnn.config import MaskRCNNConfig

__all__ = ["MaskRCNNConfig"]
