"""All settings of Mask R-CNN. Defaults are those of the public code named by `origin`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from tfseg.config.base import setting
from tfseg.config.train import TrainConfig
from tfseg.models.mask_rcnn.origins import ORIGINS
from tfseg.models.two_stage.backbone_settings import BackboneSettings
from tfseg.models.two_stage.region_settings import RegionSettings

__all__ = ["MaskRCNNConfig"]


@dataclasses.dataclass(frozen=True)
class MaskRCNNConfig(RegionSettings):
    """Settings of `MaskRCNN`: those below, of `RegionSettings` and of `BackboneSettings`. Lengths
    are pixels of the network's input.

    Settings whose default is None here and in `tfseg.models.mask_rcnn.origins` take the origin's
    value when the config is made. A config that changes its origin by `replace` takes over the new
    origin's values wherever it had the old one's.

    Attributes:
        origin: Whose arithmetic the network follows: "matterport" (matterport/Mask_RCNN) or
            "torchvision" (`maskrcnn_resnet50_fpn`). Weights of that origin give its numbers.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error.
        box_loss: "mean" averages the regression losses over what holds an object, with smooth L1
            turning linear at 1; "per_sample" divides by all that was sampled and turns at 1/9.
        mask_targets: "rounded" takes one sample of the true mask per cell and rounds it to 0 or 1;
            "averaged" keeps the mean of four samples.
        mask_head_channels: Width of the mask head.
        mask_head_convs: 3x3 convolutions of the mask head.
        class_agnostic_masks: One mask for an object of whatever class, where False learns one for
            each class: for many classes of similar shape with few examples each.
        train: Settings of `fit`.
    """

    origin: Literal["matterport", "torchvision"] = "matterport"
    rpn_bbox_loss: Literal["smooth_l1", "l2"] = "smooth_l1"
    box_loss: Literal["mean", "per_sample"] | None = None
    mask_targets: Literal["rounded", "averaged"] | None = None
    mask_head_channels: int = setting(256, at_least=1, at_most=16384)
    mask_head_convs: int = setting(4, at_least=1, at_most=100)
    class_agnostic_masks: bool = False
    train: TrainConfig = TrainConfig()

    leading_settings = ("origin", *BackboneSettings.leading_settings)

    def usual_values(self) -> Mapping[str, Any]:
        """Returns the origin's values."""
        return vars(ORIGINS[self.origin])
