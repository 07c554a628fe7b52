"""The Mask R-CNN network: raw tensors out. One model for training, testing and serving.

Ground truth is an input: where the inputs hold it, the regions that the heads learn from are
sampled inside the one forward pass, and `compute_loss` sees their targets beside the outputs.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.errors import ConfigError
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import TERMS, l2_penalty, loss_terms
from tfseg.models.mask_rcnn.training_pass import train_from
from tfseg.models.two_stage import rules
from tfseg.models.two_stage.backbone import build_backbone, preprocess
from tfseg.models.two_stage.groups import layer_group
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.nn.layers.fpn import FeaturePyramid
from tfseg.nn.ops.boxes import normalize
from tfseg.nn.ops.first_rows import on_first_rows
from tfseg.nn.rcnn.heads import BoxHead, MaskHead
from tfseg.nn.rcnn.rpn import RegionProposalNetwork

__all__ = ["MaskRCNNNetwork", "build", "layer_group", "weighted_layers"]


def build(config: MaskRCNNConfig) -> MaskRCNNNetwork:
    """Returns the network with its weights created."""
    network = MaskRCNNNetwork(config)
    network.build_weights()
    return network


@keras.saving.register_keras_serializable("tfseg")
class MaskRCNNNetwork(keras.Model):
    """Backbone, feature pyramid, region proposals, box head and mask head.

    Args:
        config: All settings.

    Inputs are a dict of tensors with a batch axis:

    - `image`: uint8 or float `(B, H, W, D)`, 0 to 255, RGB where D is 3. H and W are
      `config.image_size`; with `image_fit="padded"` they may be any multiples of 32, which for
      testing need not be known when the network is traced.
    - `window`: float32 `(B, 4)`, the part of the input that holds the image, pixels; all of it
      where not given. Training needs it with `proposal_rule="per_level"` alone.
    - `min_score` (testing): float32 `(B,)`, the lowest score of a detection; `config.score_floor`
      where not given or lower.
    - `gt_class_ids`, `gt_boxes`, `gt_masks` (training): int32 `(B, G)`, 0 padding, below 0 a crowd
      region; float32 `(B, G, 4)` pixels; `(B, G, k, k)` masks within their boxes.
    - `active_classes` (training, optional): `(B, C)`, 0 for classes that the image's dataset
      does not label.
    """

    def __init__(self, config: MaskRCNNConfig, **kwargs):
        dtype = config.precision
        # Without this, Keras would round boxes given in pixels to half precision.
        super().__init__(name="mask_rcnn", dtype=dtype, autocast=False, **kwargs)
        self.config = config
        seeds = iter(range(config.train.seed, config.train.seed + 10))
        self.backbone = build_backbone(config, next(seeds))
        self.fpn = FeaturePyramid(config.pyramid_channels, name="fpn", dtype=dtype)
        self.rpn = RegionProposalNetwork(
            config.rpn_channels,
            len(config.anchor_ratios),
            config.anchor_stride,
            logits=1 if config.rpn_objectness == "sigmoid" else 2,
            name="rpn_model",
            dtype=dtype,
        )
        head = dict(
            norm_kind=config.resolved_head_norm,
            momentum=config.norm_momentum,
            epsilon=config.norm_epsilon,
            dtype=dtype,
        )
        self.box_head = BoxHead(
            config.class_count, config.box_head_channels, config.pool_size, name="box_head", **head
        )
        self.mask_head = MaskHead(
            1 if config.class_agnostic_masks else config.class_count,
            config.mask_head_channels,
            config.mask_head_convs,
            name="mask_head",
            **head,
        )
        self.rpn_seed = keras.random.SeedGenerator(next(seeds))
        self.roi_seed = keras.random.SeedGenerator(next(seeds))
        self.trackers = [keras.metrics.Mean(name=name) for name in (*TERMS, "l2_loss")]

    @property
    def open_axes(self) -> dict[str, tuple[int, ...]]:
        """See `runtime.compile_inference`: batches of any length, and sizes where they differ."""
        image = (0, 1, 2) if self.config.image_fit == "padded" else (0,)
        return {"image": image, "window": (0,), "min_score": (0,)}

    @property
    def image_shape(self) -> tuple[int, int]:
        """`(H, W)` of a canvas that every image fits into."""
        return self.config.canvas

    @property
    def anchors(self) -> np.ndarray:
        """The anchors of that canvas, float32 `(A, 4)` in pixels; `anchors_of` gives others."""
        return self.anchors_of(self.image_shape)

    @property
    def anchors_normalized(self) -> np.ndarray:
        """The same in normalised units, see `tfseg.nn.ops.boxes`."""
        return normalize(self.anchors, self.image_shape)

    def anchors_of(self, image_shape: tuple[int, int]) -> np.ndarray:
        """Returns the anchors of an input of shape `(H, W)`, float32 `(A, 4)` in pixels."""
        return rules.anchors(self.config, image_shape)

    def build_weights(self):
        """Creates all weights; the shapes follow from the settings."""
        config = self.config
        shapes = {name: x.shape for name, x in self.backbone.output.items()}
        self.fpn.build(shapes)
        channels = config.pyramid_channels
        self.rpn.build([(None, None, None, channels)] * 5)
        self.box_head.build((None, 1, config.pool_size, config.pool_size, channels))
        self.mask_head.build((None, 1, config.mask_pool_size, config.mask_pool_size, channels))
        self.built = True

    def build(self, input_shape=None):
        """Creates the weights; called by Keras."""
        if not self.built:
            self.build_weights()

    def preprocess(self, image):
        """Returns the image as the backbone expects it, see `tfseg.models.two_stage.backbone`."""
        return preprocess(image, self.config, self.compute_dtype)

    def pyramid(self, image, training=None):
        """Returns `[P2, ..., P6]` of an image with values 0 to 255."""
        return self.fpn(self.backbone(self.preprocess(image), training=training))

    def call(self, inputs, training=None):
        """Returns the raw tensors of training, or detections and masks for testing.

        Training: `rpn_logits (B, A, 2)`, `rpn_deltas (B, A, 4)`, `rpn_match (B, A)`,
        `rpn_targets (B, A, 4)`, `class_logits (B, T, C)`, `box_deltas (B, T, C, 4)`,
        `mask_logits (B, T+, m, m)` and the targets `rois, class_ids, delta_targets, mask_targets,
        positive, valid`. Testing: see `predict_from`.
        """
        levels = self.pyramid(self._checked(inputs["image"], "gt_boxes" in inputs), training)
        logits, deltas = self.rpn(levels)
        if "gt_boxes" not in inputs:
            given = [inputs.get(name) for name in ("window", "min_score")]
            return self.predict_from(levels, logits, deltas, *given)
        return train_from(self, levels, logits, deltas, inputs, training)

    def _checked(self, image, learning):
        """Returns the image if the pyramid can halve it five times, as far as its shape is known,
        which in training it must be."""
        height, width = image.shape[1:3]
        if any(learning if side is None else side % 32 for side in (height, width)):
            raise ConfigError(
                f"the network expects images whose height and width are multiples of 32, known "
                f"beforehand in training; got {height} x {width}. `predict` and `fit` fit images "
                f"by themselves."
            )
        return image

    def heads(self, levels, rois, training=None) -> dict:
        """Returns the outputs of both heads for sampled RoIs, with their targets."""
        places = rois.masks.shape[1]
        class_logits, box_deltas = self.box_head(
            self.align(levels, rois.rois, self.config.pool_size), training=training
        )
        # Nothing is learnt from the other places; plain batch statistics alone see them. One at
        # least, so that there is a gradient for every weight.
        needed = ops.maximum(_most(rois.positive), 1)
        if training and self.config.resolved_head_norm == "batch":
            needed = places
        mask_logits = self.mask_logits(
            levels, rois.rois[:, :places], rois.class_ids[:, :places], needed, training
        )
        return {
            "class_logits": class_logits,
            "box_deltas": box_deltas,
            "mask_logits": mask_logits,
            "rois": rois.rois,
            "class_ids": rois.class_ids,
            "delta_targets": rois.deltas,
            "mask_targets": rois.masks,
            "positive": rois.positive,
            "valid": rois.valid,
        }

    def propose(self, logits, deltas, count: int, *, pre_nms=None, shape=None, window=None):
        """Returns `count` proposals per image, see `tfseg.models.two_stage.rules`.

        Args:
            logits: From the region proposal network, as the deltas.
            deltas: The regressions.
            count: Proposals per image.
            pre_nms: Anchors taken by score; None takes the number for testing.
            shape: `(H, W)` of the input; None means `image_shape`.
            window: float32 `(B, 4)` in pixels, where the image lies; None means everywhere.

        Returns:
            `(proposals, valid)`, the boxes in the units of `config.box_units`.
        """
        shape = shape or self.image_shape
        if window is None:
            window = _whole(logits, shape)
        return rules.proposals(
            self.config,
            logits,
            deltas,
            shape,
            ops.cast(window, "float32"),
            count,
            pre_nms or self.config.pre_nms_limit,
        )

    def align(self, levels, boxes, size: int):
        """Returns the features of P2 to P5 under boxes in the units of `config.box_units`."""
        return rules.align(self.config, levels, boxes, rules.image_shape(levels), size)

    def mask_logits(self, levels, boxes, class_ids, count, training=None):
        """Returns the mask logits of boxes, float32 `(B, N, m, m)`; zeros behind the first ones.

        Args:
            levels: P2, P3, ...
            boxes: float32 `(B, N, 4)` in the units of `config.box_units`.
            class_ids: int32 `(B, N)`.
            count: int32 scalar, how many boxes of each image are wanted at most.
            training: See `call`.
        """
        size = self.config.mask_pool_size

        def compute(rows):
            features = self.align(levels, boxes[:, :rows], size)
            return self.mask_head(features, class_ids[:, :rows], training=training)

        shape = (ops.shape(boxes)[0], boxes.shape[1], 2 * size, 2 * size)
        return on_first_rows(count, shape, compute)

    def predict_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns detections and masks.

        Args:
            levels: P2, P3, ...
            logits: From the region proposal network, as the deltas.
            deltas: The regressions.
            window: float32 `(B, 4)` in pixels, where the image lies; None means everywhere.
            min_score: float32 `(B,)`, detections that score less are not looked at; None takes
                all from `config.score_floor`.

        Returns:
            `detections`: float32 `(B, D, 6)` of y1, x1, y2, x2 in pixels of the input, class,
            score; best first, zero rows as padding. `masks`: float32 `(B, D, m, m)`, the
            probability of the detected class within the box.
        """
        steps = self.steps_from(levels, logits, deltas, window, min_score)
        return {name: steps[name] for name in ("detections", "masks")}

    def steps_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns what `predict_from` does, and what it comes from on the way.

        Masks are computed for what was found, rounded up to one of a few numbers.

        Returns:
            As `predict_from`, and `proposals` float32 `(B, P, 4)` in the units of
            `config.box_units`, `valid` bool `(B, P)`, `probabilities` float32 `(B, P, C)`,
            `box_deltas` float32 `(B, P, C, 4)`.
        """
        config, shape = self.config, rules.image_shape(levels)
        window = _whole(logits, shape) if window is None else ops.cast(window, "float32")
        proposals, valid = self.propose(
            logits, deltas, config.proposals_test, shape=shape, window=window
        )
        class_logits, box_deltas = self.box_head(
            self.align(levels, proposals, config.pool_size), training=False
        )
        probabilities = ops.softmax(class_logits)
        boxes, class_ids, scores = rules.detections(
            config, proposals, valid, probabilities, box_deltas, shape, window, min_score
        )
        found = class_ids > 0
        mask_logits = self.mask_logits(levels, boxes, class_ids, _most(found), training=False)
        pixels = rules.to_pixels(config, boxes, shape)
        pixels = ops.where(found[..., None], pixels, ops.zeros_like(pixels))
        columns = [pixels, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
        masks = ops.sigmoid(mask_logits)
        masks = ops.where(found[..., None, None], masks, ops.zeros_like(masks))
        return {
            "detections": ops.concatenate(columns, axis=-1),
            "masks": masks,
            "proposals": proposals,
            "valid": valid,
            "probabilities": probabilities,
            "box_deltas": box_deltas,
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the five losses and the weight decay; each is also a metric."""
        terms = loss_terms(
            y_pred,
            self.config.rpn_bbox_loss,
            x.get("active_classes"),
            count_padding=not self.config.fill_rois,
            box_loss=self.config.box_loss,
        )
        values = [terms[name] for name in TERMS]
        values.append(l2_penalty(self, self.config.weight_decay))
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return sum(values)

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(MaskRCNNConfig.from_dict(config["config"]))


def _most(some):
    """Returns how many of each image's rows, bool `(B, N)`, there are at most, int32 scalar."""
    return ops.max(ops.sum(ops.cast(some, "int32"), axis=1))


def _whole(logits, shape: tuple[int, int]):
    """Returns a window over the whole input for each image, float32 `(B, 4)`."""
    return ops.broadcast_to(rules.whole(shape), (ops.shape(logits)[0], 4))
