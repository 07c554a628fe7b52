"""What two-stage networks have in common: backbone, feature pyramid, region proposals."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.errors import ConfigError
from tfseg.models.two_stage import rules
from tfseg.models.two_stage.backbone import build_backbone, preprocess
from tfseg.models.two_stage.region_settings import RegionSettings
from tfseg.nn.layers.fpn import FeaturePyramid
from tfseg.nn.ops.boxes import normalize
from tfseg.nn.ops.first_rows import on_first_rows
from tfseg.nn.rcnn.rpn import RegionProposalNetwork

__all__ = ["TwoStageNetwork", "most", "window_over_all"]


class TwoStageNetwork(keras.Model):
    """Base of the networks: a subclass adds its heads, their weights, `call` and the losses.

    Args:
        config: All settings.
        name: Name of the network.
        backbone: Of `build_backbone`; None builds it by the settings.

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
    """

    def __init__(
        self, config: RegionSettings, name: str, backbone: keras.Model | None = None, **kwargs
    ):
        dtype = config.precision
        # Without this, Keras would round boxes given in pixels to half precision.
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        self.config = config
        if backbone is None:
            backbone = build_backbone(config, config.train.seed)
        self.backbone = backbone
        self.fpn = FeaturePyramid(config.pyramid_channels, name="fpn", dtype=dtype)
        self.rpn = RegionProposalNetwork(
            config.rpn_channels,
            len(config.anchor_ratios),
            config.anchor_stride,
            logits=1 if config.rpn_objectness == "sigmoid" else 2,
            name="rpn_model",
            dtype=dtype,
        )

    def add_seeds(self) -> None:
        """Adds what sampling draws from, behind the heads: the order of the variables is that of
        checkpoints."""
        seed = self.config.train.seed
        self.rpn_seed = keras.random.SeedGenerator(seed + 1)
        self.roi_seed = keras.random.SeedGenerator(seed + 2)

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
        """Creates the weights up to the region proposals; the shapes follow from the settings."""
        self.fpn.build({name: x.shape for name, x in self.backbone.output.items()})
        self.rpn.build([(None, None, None, self.config.pyramid_channels)] * 5)

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

    def checked(self, image, learning):
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
            window = window_over_all(logits, shape)
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
        """Returns what `mask_head`, a `MaskHead` of the subclass, draws in boxes: logits, float32
        `(B, N, m, m)`; zeros behind the first ones.

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


def most(some):
    """Returns how many of each image's rows, bool `(B, N)`, there are at most, int32 scalar."""
    return ops.max(ops.sum(ops.cast(some, "int32"), axis=1))


def window_over_all(logits, shape: tuple[int, int]):
    """Returns a window over the whole input for each image, float32 `(B, 4)`."""
    return ops.broadcast_to(rules.whole(shape), (ops.shape(logits)[0], 4))
