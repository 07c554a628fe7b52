"""Settings from the feature pyramid to the detections, for systems to inherit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from tfseg.config.base import setting
from tfseg.models.two_stage.backbone_settings import BackboneSettings

__all__ = ["RegionSettings"]

_ROI_SAMPLING = {
    "matterport": dict(units="normalized", points="corners", level_rule="round"),
    "aligned": dict(units="normalized", points=2, half_pixel=True, level_rule="round"),
    "torchvision": dict(units="pixels", points=2, half_pixel=False, level_rule="floor"),
    "detectron2": dict(units="pixels", points=2, half_pixel=True, level_rule="floor"),
}


@dataclasses.dataclass(frozen=True)
class RegionSettings(BackboneSettings):
    """Settings of anchors, proposals, regions of interest and detections, beside those of
    `BackboneSettings`.

    Attributes:
        anchor_scales: Root of the anchors' area on P2 to P6. Halve them for small objects.
        anchor_ratios: Width / height of the anchors.
        anchor_rounding: Rounds the anchors' corners to whole pixels around their centre.
        anchor_stride: Feature cells between anchors; 2 saves time where objects are large.
        box_units: Units in which boxes are regressed: "normalized" as in Matterport's code (see
            `tfseg.nn.ops.boxes`), or "pixels".
        rpn_channels: Width of the region proposal network.
        rpn_objectness: "softmax" of two logits per anchor, or "sigmoid" of one.
        rpn_std: Divisors of the regression of anchors (dy, dx, log dh, log dw).
        rpn_train_anchors: Anchors per image in the losses.
        rpn_nms_threshold: Raise it to let more overlapping proposals through.
        proposal_rule: "pooled" ranks and suppresses the anchors of all levels together;
            "per_level" does it level by level and drops boxes that the image's edge leaves empty.
        pre_nms_limit: Anchors taken by score before NMS, of all levels or of each.
        pre_nms_train: The same in training; None takes `pre_nms_limit`.
        proposals_train: Proposals per image in training.
        proposals_test: Proposals per image in testing.
        train_rois: RoIs per image that the heads learn from.
        roi_positive_fraction: Share of them that hold an object.
        fill_rois: Take background RoIs until all places are used. Matterport's code keeps the
            share instead (False); from scratch True learns the background sooner.
        add_truth_to_proposals: Let the heads see the true boxes as proposals too, which helps
            while the region proposal network is still poor.
        roi_align: "matterport" (one sample per bin, on the corners), "aligned" (2 x 2 samples,
            half-pixel coordinates), "torchvision" (2 x 2 samples, its `aligned=False`, its rule
            for the level) or "detectron2" (the same in half-pixel coordinates).
        pool_size: Rows and columns of the box head's features.
        mask_pool_size: The same for the mask head; masks have twice that.
        mini_mask_size: Side of the stored truth mask of each object within its box.
        max_instances: Objects per image in training; of more, the largest are kept.
        max_detections: Detections per image.
        detection_min_confidence: Lowest score that `predict` returns if it is not told another.
        score_floor: Lowest score that leaves the network; evaluation sees everything above it,
            because average precision needs the uncertain detections too.
        detection_nms_threshold: NMS within a class.
        detection_rule: "best_class" lets each proposal be one object at most; "every_class" lets
            each of its classes that scores above the floor be one.
        mask_paste: How a mask meets its box: "box" stretches it over the box; "faded" too, with
            nothing beyond its outermost values; "expanded" adds an empty border first and
            stretches that over the box and one cell around it.
        box_head_channels: Width of the box head.
        weight_decay: Factor of the mean square of each weight tensor.
    """

    anchor_scales: tuple[float, ...] = setting((32.0, 64.0, 128.0, 256.0, 512.0), above=0, length=5)
    anchor_ratios: tuple[float, ...] | None = setting(None, above=0, min_length=1)
    anchor_rounding: bool | None = None
    anchor_stride: int = setting(1, at_least=1, at_most=4)
    box_units: Literal["normalized", "pixels"] | None = None
    rpn_channels: int | None = setting(None, at_least=1, at_most=16384)
    rpn_objectness: Literal["softmax", "sigmoid"] | None = None
    rpn_std: tuple[float, ...] | None = setting(None, above=0, length=4)
    rpn_train_anchors: int = setting(256, at_least=2)
    rpn_nms_threshold: float = setting(0.7, above=0, at_most=1)
    proposal_rule: Literal["pooled", "per_level"] | None = None
    pre_nms_limit: int | None = setting(None, at_least=1)
    pre_nms_train: int | None = setting(None, at_least=1)
    proposals_train: int = setting(2000, at_least=1, at_most=1_000_000)
    proposals_test: int = setting(1000, at_least=1, at_most=1_000_000)
    train_rois: int | None = setting(None, at_least=4, at_most=100_000)
    roi_positive_fraction: float | None = setting(None, above=0, below=1)
    fill_rois: bool | None = None
    add_truth_to_proposals: bool | None = None
    roi_align: Literal["matterport", "aligned", "torchvision", "detectron2"] | None = None
    pool_size: int = setting(7, at_least=1, at_most=128)
    mask_pool_size: int = setting(14, at_least=1, at_most=128)
    mini_mask_size: int = setting(56, at_least=2, at_most=4096)
    max_instances: int = setting(100, at_least=1, at_most=100_000)
    max_detections: int = setting(100, at_least=1, at_most=100_000)
    detection_min_confidence: float | None = setting(None, at_least=0, at_most=1)
    score_floor: float = setting(0.05, at_least=0, at_most=1)
    detection_nms_threshold: float | None = setting(None, above=0, at_most=1)
    detection_rule: Literal["best_class", "every_class"] | None = None
    mask_paste: Literal["box", "faded", "expanded"] | None = None
    box_head_channels: int = setting(1024, at_least=1, at_most=16384)
    weight_decay: float = setting(1e-4, at_least=0)

    def _check(self):
        super()._check()
        if self.score_floor > self.detection_min_confidence:
            self._fail(
                "score_floor",
                f"should not exceed detection_min_confidence ({self.detection_min_confidence}); "
                f"got {self.score_floor}.",
            )

    @property
    def roi_sampling(self) -> Mapping:
        """The arguments of `tfseg.nn.ops.roi_align.roi_align` that `roi_align` stands for."""
        return _ROI_SAMPLING[self.roi_align]

    @property
    def resolved_pre_nms_train(self) -> int:
        """The anchors taken by score in training."""
        return self.pre_nms_limit if self.pre_nms_train is None else self.pre_nms_train
