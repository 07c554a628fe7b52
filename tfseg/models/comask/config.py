"""All settings of CoMask. Defaults are the paper's, with a ResNet in Keras Applications' form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from tfseg.config.base import setting
from tfseg.config.train import TrainConfig
from tfseg.models.two_stage.region_settings import RegionSettings

__all__ = ["CoMaskConfig"]

_USUAL = {
    "image_size": 1333,
    "image_min_size": 800,
    "image_fit": "padded",
    # Caffe's mean, with which Keras Applications' ResNets were trained.
    "pixel_mean": (123.68, 116.779, 103.939),
    "pixel_std": (1.0,),
    "stride_on_3x3": False,
    "conv_bias": True,
    "symmetric_padding": False,
    "norm_epsilon": 1.001e-5,
    "anchor_ratios": (0.5, 1.0, 2.0),
    "anchor_rounding": False,
    "box_units": "pixels",
    "rpn_channels": 256,
    "rpn_objectness": "sigmoid",
    "rpn_std": (1.0, 1.0, 1.0, 1.0),
    "proposal_rule": "per_level",
    "pre_nms_limit": 1000,
    "pre_nms_train": 2000,
    "train_rois": 512,
    "roi_positive_fraction": 0.25,
    "fill_rois": True,
    "add_truth_to_proposals": True,
    "roi_align": "detectron2",
    "detection_min_confidence": 0.5,
    "detection_nms_threshold": 0.5,
    "detection_rule": "every_class",
    "mask_paste": "box",
}


@dataclasses.dataclass(frozen=True)
class CoMaskConfig(RegionSettings):
    """Settings of `CoMask`: those below, of `RegionSettings` and of `BackboneSettings`. Lengths are
    pixels of the network's input.

    Attributes:
        branches: Scales at which each pyramid level is looked at: 1, 2 or 4.
        branch_mode: Whether a branch has convolutions of its own ("separate") or goes on from the
            one before it ("cascade").
        attention_units: Width between the two dense layers of the channel attention.
        collab_channels: Width of the collaborative head.
        collab_convs: Its 3x3 convolutions on the 7x7 map.
        offset_activation: What keeps its distances from being negative: "relu" or "exp".
        collaboration: Weight the cells' boxes by the coarse mask. False counts all alike, the
            paper's "without collaboration".
        fine_head: What draws the mask in the averaged box: the collaborative head again
            ("shared"), or a mask head as Mask R-CNN's ("mask_rcnn").
        mask_head_channels: Width of that mask head.
        mask_head_convs: Its 3x3 convolutions.
        refined_nms_threshold: NMS within a class on the averaged boxes, which can meet on one
            object; None goes without.
        jitter: In training the head's regions move by up to this share of their sides, and their
            sides change by it.
        class_loss_weight: Weight of the classes in the loss.
        box_loss_weight: Weight of the boxes that cells vote for.
        mask_loss_weight: Weight of the masks.
        train: Settings of `fit`.
    """

    branches: Literal[1, 2, 4] = 4
    branch_mode: Literal["separate", "cascade"] = "separate"
    attention_units: int = setting(16, at_least=1, at_most=16384)
    collab_channels: int = setting(256, at_least=1, at_most=16384)
    collab_convs: int = setting(9, at_least=0, at_most=100)
    offset_activation: Literal["relu", "exp"] = "relu"
    collaboration: bool = True
    fine_head: Literal["shared", "mask_rcnn"] = "shared"
    mask_head_channels: int = setting(256, at_least=1, at_most=16384)
    mask_head_convs: int = setting(4, at_least=1, at_most=100)
    refined_nms_threshold: float | None = setting(0.5, above=0, at_most=1)
    jitter: float = setting(0.15, at_least=0, below=1)
    class_loss_weight: float = setting(2.0, at_least=0)
    box_loss_weight: float = setting(2.0, at_least=0)
    mask_loss_weight: float = setting(1.0, at_least=0)
    train: TrainConfig = TrainConfig()

    def usual_values(self) -> Mapping[str, Any]:
        """Returns the paper's values."""
        return _USUAL

    def _check(self):
        super()._check()
        if self.mask_pool_size % 2:
            self._fail("mask_pool_size", f"should be even; got {self.mask_pool_size}.")
