"""All settings of Mask R-CNN. Defaults are those of the public code named by `origin`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tfseg.config.base import check_class_names, setting
from tfseg.config.system import SystemConfig
from tfseg.config.train import TrainConfig
from tfseg.models.mask_rcnn.backbone_choice import backbone_faults, default_pixels
from tfseg.models.mask_rcnn.origins import FILLED, ORIGINS

__all__ = ["MaskRCNNConfig"]


@dataclasses.dataclass(frozen=True)
class MaskRCNNConfig(SystemConfig):
    """Settings of `MaskRCNN`. Lengths are pixels of the network's input.

    Settings whose default is None here and in `tfseg.models.mask_rcnn.origins` take the origin's
    value when the config is made. A config that changes its origin by `replace` takes over the new
    origin's values wherever it had the old one's.

    Attributes:
        origin: Whose arithmetic the network follows: "matterport" (matterport/Mask_RCNN) or
            "torchvision" (`maskrcnn_resnet50_fpn`). Weights of that origin give its numbers.
        classes: Names of the classes, without the background; class id k is entry k - 1.
        backbone: "resnet50", "resnet101", or "mobilenet_v2" for training on a CPU; or
            "keras_cv:<preset or class>" and "keras_hub:<preset or class>", see docs/backbones.md.
        backbone_width: Multiplies MobileNetV2's channels.
        backbone_options: Settings of the constructor of a backbone from another library.
        initial_weights: "imagenet" starts the body from Keras Applications' weights, "preset" a
            backbone of another library from the weights of that name; both are downloaded once.
            None starts from random numbers. For images that are not RGB the first convolution
            is fitted: one channel takes the sum over the colours, channels beyond three start
            without effect.
        norm: Normalisation of the body: "frozen" statistics for pretrained weights, "batch" for
            batches of 8 and more from scratch, "group" for smaller ones, "none". Backbones of
            other libraries bring their norms, which can be "frozen" or "batch".
        head_norm: The same for the heads; None takes `norm`.
        norm_momentum: Share of the old statistics that "batch" keeps at each step.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" to compute in half precision
            where the hardware is faster at it.
        stride_on_3x3: Puts the stride of a ResNet's stage on its first 3x3 convolution, not on
            the 1x1 convolution before it.
        conv_bias: Whether a ResNet's convolutions have biases beside their norms.
        symmetric_padding: Pads a ResNet's strided 3x3 windows on both sides, not at the end alone.
        norm_epsilon: Added to the variance by the norms.
        channels: Channels of the image: 3 is RGB, 1 grey, 4 and more RGB with others behind.
        pixel_mean: Subtracted per channel, from 0 to 255; None takes what the origin, or the
            backbone's published weights, want, see `backbone_choice.default_pixels`.
            MobileNetV2 always gets pixels from -1 to 1.
        pixel_std: The result is divided by it; one number, or one for each channel.
        image_fit: "square" scales an image up at most and centres it in a square; "matterport"
            does too and predicts to the last digit of that code, see
            `tfseg.geometry.matterport`; "padded" scales it either way and adds rows below and
            columns on the right up to multiples of 32. The two origins' fits have no low-pass
            filter where images get smaller; "square" has one.
        image_size: The longer side of an image never exceeds it. In a square it is the side of
            the input, a multiple of 64.
        image_min_size: The shorter side is brought to it as far as `image_size` allows; None
            means the origin's (800 for torchvision), or else `image_size`, so that the longer
            side always ends at exactly that.
        anchor_scales: Root of the anchors' area on P2 to P6. Halve them for small objects.
        anchor_ratios: Width / height of the anchors.
        anchor_rounding: Rounds the anchors' corners to whole pixels around their centre.
        anchor_stride: Feature cells between anchors; 2 saves time where objects are large.
        box_units: Units in which boxes are regressed: "normalized" as in Matterport's code (see
            `tfseg.nn.ops.boxes`), or "pixels".
        rpn_objectness: "softmax" of two logits per anchor, or "sigmoid" of one.
        rpn_std: Divisors of the regression of anchors (dy, dx, log dh, log dw).
        rpn_train_anchors: Anchors per image in the losses.
        rpn_nms_threshold: Raise it to let more overlapping proposals through.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error.
        box_loss: "mean" averages the regression losses over what holds an object, with smooth L1
            turning linear at 1; "per_sample" divides by all that was sampled and turns at 1/9.
        proposal_rule: "pooled" ranks and suppresses the anchors of all levels together;
            "per_level" does it level by level and drops boxes that the image's edge leaves empty.
        pre_nms_limit: Anchors taken by score before suppression, of all levels or of each.
        pre_nms_train: The same in training; None takes `pre_nms_limit`.
        proposals_train: Proposals per image in training.
        proposals_test: Proposals per image in testing.
        train_rois: RoIs per image that the heads learn from.
        roi_positive_fraction: Share of them that hold an object.
        fill_rois: Take background RoIs until all places are used. Matterport's code keeps the
            share instead (False); from scratch True learns the background sooner.
        add_truth_to_proposals: Let the heads see the true boxes as proposals too, which helps
            while the region proposal network is still poor.
        mask_targets: "rounded" takes one sample of the true mask per cell and rounds it to 0 or 1;
            "averaged" keeps the mean of four samples.
        roi_align: "matterport" (one sample per bin, on the corners), "aligned" (2 x 2 samples,
            half-pixel coordinates) or "torchvision" (2 x 2 samples, its `aligned=False`, its rule
            for the level).
        pool_size: Rows and columns of the box head's features.
        mask_pool_size: The same for the mask head; masks have twice that.
        mini_mask_size: Side of the stored truth mask of each object within its box.
        max_instances: Objects per image in training; of more, the largest are kept.
        max_detections: Detections per image.
        detection_min_confidence: Lowest score that `predict` returns if it is not told another.
        score_floor: Lowest score that leaves the network; evaluation sees everything above it,
            because average precision needs the uncertain detections too.
        detection_nms_threshold: Suppression within a class.
        detection_rule: "best_class" lets each proposal be one object at most; "every_class" lets
            each of its classes that scores above the floor be one.
        mask_paste: How a mask meets its box: "box" stretches it over the box; "faded" too, with
            nothing beyond its outermost values; "expanded" adds an empty border first and
            stretches that over the box and one cell around it.
        pyramid_channels: Width of the feature pyramid.
        rpn_channels: Width of the region proposal network.
        box_head_channels: Width of the box head.
        mask_head_channels: Width of the mask head.
        mask_head_convs: 3x3 convolutions of the mask head.
        class_agnostic_masks: One mask for an object of whatever class, where False learns one for
            each class: for many classes of similar shape with few examples each.
        dropout: Blocks of the ResNet that get dropout: ("identity",), ("identity", "conv"), None.
        dropout_rate: Share of activations set to 0.
        dropout_stages: Stages that get it.
        weight_decay: Factor of the mean square of each weight tensor.
        train: Settings of `fit`.
    """

    layer_groups: ClassVar[Mapping[str, str]] = {
        "heads": "feature pyramid, region proposals, box and mask heads",
        "5+": "the heads and the backbone's last stage",
        "4+": "the heads and the backbone from its fourth stage on",
        "3+": "the heads and the backbone from its third stage on",
        "backbone": "all that is not heads",
        "all": "all layers",
    }

    classes: tuple[str, ...] = ()
    origin: Literal["matterport", "torchvision"] = "matterport"
    backbone: str = "resnet101"
    backbone_width: float = setting(1.0, above=0, at_most=4)
    backbone_options: Mapping[str, Any] | None = None
    initial_weights: Literal["imagenet", "preset"] | None = None
    norm: Literal["frozen", "batch", "group", "none"] = "frozen"
    head_norm: Literal["frozen", "batch", "group", "none"] | None = None
    norm_momentum: float = setting(0.95, above=0, below=1)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    stride_on_3x3: bool | None = None
    conv_bias: bool | None = None
    symmetric_padding: bool | None = None
    norm_epsilon: float | None = setting(None, at_least=0)
    channels: int = setting(3, at_least=1, at_most=1024)
    pixel_mean: tuple[float, ...] | None = None
    pixel_std: tuple[float, ...] | None = setting(None, above=0)
    image_fit: Literal["square", "matterport", "padded"] | None = None
    image_size: int | None = setting(None, at_least=64, at_most=16384)
    image_min_size: int | None = setting(None, at_least=1)
    anchor_scales: tuple[float, ...] = setting((32.0, 64.0, 128.0, 256.0, 512.0), above=0, length=5)
    anchor_ratios: tuple[float, ...] | None = setting(None, above=0, min_length=1)
    anchor_rounding: bool | None = None
    anchor_stride: int = setting(1, at_least=1, at_most=4)
    box_units: Literal["normalized", "pixels"] | None = None
    rpn_objectness: Literal["softmax", "sigmoid"] | None = None
    rpn_std: tuple[float, ...] | None = setting(None, above=0, length=4)
    rpn_train_anchors: int = setting(256, at_least=2)
    rpn_nms_threshold: float = setting(0.7, above=0, at_most=1)
    rpn_bbox_loss: Literal["smooth_l1", "l2"] = "smooth_l1"
    box_loss: Literal["mean", "per_sample"] | None = None
    proposal_rule: Literal["pooled", "per_level"] | None = None
    pre_nms_limit: int | None = setting(None, at_least=1)
    pre_nms_train: int | None = setting(None, at_least=1)
    proposals_train: int = setting(2000, at_least=1, at_most=1_000_000)
    proposals_test: int = setting(1000, at_least=1, at_most=1_000_000)
    train_rois: int | None = setting(None, at_least=4, at_most=100_000)
    roi_positive_fraction: float | None = setting(None, above=0, below=1)
    fill_rois: bool | None = None
    add_truth_to_proposals: bool | None = None
    mask_targets: Literal["rounded", "averaged"] | None = None
    roi_align: Literal["matterport", "aligned", "torchvision"] | None = None
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
    pyramid_channels: int = setting(256, at_least=1, at_most=16384)
    rpn_channels: int | None = setting(None, at_least=1, at_most=16384)
    box_head_channels: int = setting(1024, at_least=1, at_most=16384)
    mask_head_channels: int = setting(256, at_least=1, at_most=16384)
    mask_head_convs: int = setting(4, at_least=1, at_most=100)
    class_agnostic_masks: bool = False
    dropout: tuple[Literal["identity", "conv"], ...] | None = None
    dropout_rate: float = setting(0.5, at_least=0, below=1)
    dropout_stages: tuple[int, ...] = setting((5, 4, 3, 2), at_least=2, at_most=5)
    weight_decay: float = setting(1e-4, at_least=0)
    train: TrainConfig = TrainConfig()

    def _check(self):
        for field, problem in backbone_faults(self):
            self._fail(field, problem)
        for name in FILLED:
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.default_of(name))
        check_class_names(self.classes, type(self).__name__)
        if self.image_fit != "padded" and self.image_size % 64:
            self._fail("image_size", f"should be a multiple of 64; got {self.image_size}.")
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
        if len(self.pixel_std) not in (1, self.channels):
            self._fail(
                "pixel_std",
                f"needs one number, or one per channel ({self.channels}); got "
                f"{len(self.pixel_std)}.",
            )
        if self.score_floor > self.detection_min_confidence:
            self._fail(
                "score_floor",
                f"should not exceed detection_min_confidence ({self.detection_min_confidence}); "
                f"got {self.score_floor}.",
            )

    def default_of(self, name: str):
        """Returns what a setting is if it is not given: for some of them the origin's value."""
        if name in ("pixel_mean", "pixel_std"):
            origin = ORIGINS[self.origin]
            pixels = self.backbone, self.channels, origin.pixel_mean, origin.pixel_std
            return default_pixels(*pixels)[name == "pixel_std"]
        return getattr(ORIGINS[self.origin], name) if name in FILLED else super().default_of(name)

    def replace(self, **changes) -> MaskRCNNConfig:
        """Returns a copy with some settings changed; another origin brings its own values, another
        backbone or number of channels its pixel mean and deviation."""
        leading = {n: getattr(self, n) for n in ("origin", "backbone", "channels")}
        if any(changes.get(name, value) != value for name, value in leading.items()):
            kept = {n for n in FILLED if getattr(self, n) != self.default_of(n)}
            changes = {**{n: None for n in FILLED if n not in kept}, **changes}
        return super().replace(**changes)

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
        """The side that the shorter side of an image is brought to."""
        if self.image_min_size is not None:
            return self.image_min_size
        return min(ORIGINS[self.origin].image_min_size or self.image_size, self.image_size)

    @property
    def resolved_pre_nms_train(self) -> int:
        """The anchors taken by score in training."""
        return self.pre_nms_limit if self.pre_nms_train is None else self.pre_nms_train

    @property
    def canvas(self) -> tuple[int, int]:
        """`(S, S)`: a canvas that every image fits into, for training, serving and exports."""
        side = -(-self.image_size // 32) * 32
        return side, side
