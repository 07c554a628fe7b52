"""All settings of Mask R-CNN. Defaults are those of matterport/Mask_RCNN's public code."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tfseg.config.base import Config, check_class_names, setting
from tfseg.config.train import TrainConfig

__all__ = ["MaskRCNNConfig"]


@dataclasses.dataclass(frozen=True)
class MaskRCNNConfig(Config):
    """Settings of `MaskRCNN`. Lengths are pixels of the network's square input.

    Attributes:
        classes: Names of the classes, without the background; class id k is entry k - 1.
        backbone: "resnet50", "resnet101", or "mobilenet_v2" for training on a CPU.
        backbone_width: Multiplies MobileNetV2's channels.
        initial_weights: "imagenet" starts the body from Keras Applications' weights, which are
            downloaded once; None starts from random numbers.
        norm: Normalisation of the body: "frozen" statistics for pretrained weights, "batch" for
            batches of 8 and more from scratch, "group" for smaller ones, "none".
        head_norm: The same for the heads; None takes `norm`.
        norm_momentum: Share of the old statistics that "batch" keeps at each step.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" to compute in half precision
            where the hardware is faster at it.
        channels: Channels of the image.
        pixel_mean: Subtracted per channel before a ResNet.
        image_size: Side of the square input, a multiple of 64. The longer side of a picture never
            exceeds it.
        image_min_size: The shorter side is brought up to it as far as `image_size` allows; None
            means `image_size`, so that the longer side always ends at exactly that.
        anchor_scales: Root of the anchors' area on P2 to P6. Halve them for small objects.
        anchor_ratios: Width / height of the anchors.
        anchor_stride: Feature cells between anchors; 2 saves time where objects are large.
        rpn_train_anchors: Anchors per picture in the losses.
        rpn_nms_threshold: Raise it to let more overlapping proposals through.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error.
        pre_nms_limit: Anchors taken by score before suppression.
        proposals_train: Proposals per picture in training.
        proposals_test: Proposals per picture in testing.
        train_rois: RoIs per picture that the heads learn from.
        roi_positive_fraction: Share of them that hold an object.
        fill_rois: Take background RoIs until all places are used. Matterport's code keeps the
            share instead (False); from scratch True learns the background sooner.
        add_truth_to_proposals: Let the heads see the true boxes as proposals too, which helps
            while the region proposal network is still poor.
        roi_align: "matterport" (one sample per bin, on the corners) or "aligned" (2 x 2 samples,
            half-pixel coordinates).
        pool_size: Rows and columns of the box head's features.
        mask_pool_size: The same for the mask head; masks have twice that.
        mini_mask_size: Side of the stored truth mask of each object within its box.
        max_instances: Objects per picture in training; of more, the largest are kept.
        max_detections: Detections per picture.
        detection_min_confidence: Lowest score that `predict` returns if it is not told another.
        score_floor: Lowest score that leaves the network; evaluation sees everything above it,
            because average precision needs the uncertain detections too.
        detection_nms_threshold: Suppression within a class.
        pyramid_channels: Width of the feature pyramid.
        rpn_channels: Width of the region proposal network.
        box_head_channels: Width of the box head.
        mask_head_channels: Width of the mask head.
        mask_head_convs: 3x3 convolutions of the mask head.
        dropout: Blocks of the ResNet that get dropout: ("identity",), ("identity", "conv"), None.
        dropout_rate: Share of activations set to 0.
        dropout_stages: Stages that get it.
        weight_decay: Factor of the mean square of each weight tensor.
        train: Settings of `fit`.
    """

    classes: tuple[str, ...] = ()
    backbone: Literal["resnet50", "resnet101", "mobilenet_v2"] = "resnet101"
    backbone_width: float = setting(1.0, above=0, at_most=4)
    initial_weights: Literal["imagenet"] | None = None
    norm: Literal["frozen", "batch", "group", "none"] = "frozen"
    head_norm: Literal["frozen", "batch", "group", "none"] | None = None
    norm_momentum: float = setting(0.95, above=0, below=1)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    channels: int = setting(3, at_least=1)
    pixel_mean: tuple[float, ...] = (123.7, 116.8, 103.9)
    image_size: int = setting(1024, at_least=64, multiple_of=64)
    image_min_size: int | None = setting(None, at_least=1)
    anchor_scales: tuple[float, ...] = setting((32.0, 64.0, 128.0, 256.0, 512.0), above=0, length=5)
    anchor_ratios: tuple[float, ...] = setting((0.5, 1.0, 2.0), above=0, min_length=1)
    anchor_stride: int = setting(1, at_least=1, at_most=4)
    rpn_train_anchors: int = setting(256, at_least=2)
    rpn_nms_threshold: float = setting(0.7, above=0, at_most=1)
    rpn_bbox_loss: Literal["smooth_l1", "l2"] = "smooth_l1"
    pre_nms_limit: int = setting(6000, at_least=1)
    proposals_train: int = setting(2000, at_least=1)
    proposals_test: int = setting(1000, at_least=1)
    train_rois: int = setting(200, at_least=4)
    roi_positive_fraction: float = setting(0.33, above=0, below=1)
    fill_rois: bool = False
    add_truth_to_proposals: bool = False
    roi_align: Literal["matterport", "aligned"] = "matterport"
    pool_size: int = setting(7, at_least=1)
    mask_pool_size: int = setting(14, at_least=1)
    mini_mask_size: int = setting(56, at_least=2)
    max_instances: int = setting(100, at_least=1)
    max_detections: int = setting(100, at_least=1)
    detection_min_confidence: float = setting(0.7, at_least=0, at_most=1)
    score_floor: float = setting(0.05, at_least=0, at_most=1)
    detection_nms_threshold: float = setting(0.3, above=0, at_most=1)
    pyramid_channels: int = setting(256, at_least=1)
    rpn_channels: int = setting(512, at_least=1)
    box_head_channels: int = setting(1024, at_least=1)
    mask_head_channels: int = setting(256, at_least=1)
    mask_head_convs: int = setting(4, at_least=1)
    dropout: tuple[Literal["identity", "conv"], ...] | None = None
    dropout_rate: float = setting(0.5, at_least=0, below=1)
    dropout_stages: tuple[int, ...] = setting((5, 4, 3, 2), at_least=2, at_most=5)
    weight_decay: float = setting(1e-4, at_least=0)
    train: TrainConfig = TrainConfig()

    def _check(self):
        check_class_names(self.classes, type(self).__name__)
        if self.image_min_size is not None and self.image_min_size > self.image_size:
            self._fail(
                "image_min_size",
                f"should not exceed image_size ({self.image_size}); got {self.image_min_size}.",
            )
        if len(self.pixel_mean) != self.channels:
            self._fail(
                "pixel_mean",
                f"needs one number per channel ({self.channels}); got {len(self.pixel_mean)}.",
            )
        if self.score_floor > self.detection_min_confidence:
            self._fail(
                "score_floor",
                f"should not exceed detection_min_confidence ({self.detection_min_confidence}); "
                f"got {self.score_floor}.",
            )
        if self.dropout and self.backbone == "mobilenet_v2":
            self._fail("dropout", "is a setting of the ResNets; MobileNetV2 has none.")
        if self.initial_weights and self.channels != 3:
            self._fail("initial_weights", "ImageNet weights need images of 3 channels.")

    @property
    def class_count(self) -> int:
        """The number of classes with the background, C."""
        return len(self.classes) + 1

    @property
    def resolved_head_norm(self) -> str:
        """The heads' normalisation."""
        return self.norm if self.head_norm is None else self.head_norm

    @property
    def resolved_min_size(self) -> int:
        """The side that the shorter side of a picture is brought up to."""
        return self.image_size if self.image_min_size is None else self.image_min_size
