"""The network of Pose2Seg: features of an image, a window for each person, its mask's logits."""

from __future__ import annotations

import keras
from keras import ops

from tfseg.errors import ConfigError
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.head import segmentation_head
from tfseg.models.pose2seg.losses import mask_loss
from tfseg.models.pose2seg.skeleton.features import skeleton_features
from tfseg.nn.backbones.hourglass import hourglass
from tfseg.nn.backbones.mobilenet_v2 import mobilenet_v2
from tfseg.nn.backbones.resnet import resnet
from tfseg.nn.layers.fpn import FeaturePyramid
from tfseg.nn.ops.affine import affine_sample, transform
from tfseg.nn.ops.sampling import choose

__all__ = ["Pose2SegNetwork", "build", "layer_group"]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_EPSILON = 1e-5  # PyTorch's


def build(config: Pose2SegConfig) -> Pose2SegNetwork:
    """Returns the network with its weights created."""
    return Pose2SegNetwork(config)


@keras.saving.register_keras_serializable("tfseg")
class Pose2SegNetwork(keras.Model):
    """Backbone, windows and head.

    Args:
        config: All settings; S is `image_size`, a is `window`, M the places for people.

    Inputs are a dict of tensors with a batch axis:

    - `image`: uint8 or float `(B, S, S, 3)`, RGB, 0 to 255;
    - `align`: float32 `(B, M, 2, 3)`, from the feature map's cells to the person's window; zeros
      where there is nobody;
    - `joints`: float32 `(B, M, 17, 3)`, x, y in cells of the feature map and visibility; used
      with `use_skeleton` alone;
    - `masks`, `valid` (training): `(B, M, a, a)` of 0, 1, shares in between and 255 (ignored), the
      truth as the window shows it; bool `(B, M)`, whom to learn from.

    Outputs: `logits` float32 `(B, M, a, a, 2)`, background and person. Where masks are given,
    `logits (P, a, a, 2)`, `targets (P, a, a)` and `counted (P,)` of the people that were drawn.

    In two steps, so that a crowd does not need the memory of all its windows at once: `image`
    alone gives `features (B, S / 4, S / 4, D)`; these with `owners` int32 `(P,)`, the image of each
    person, `matrices (P, 2, 3)` and `poses (P, 17, 3)` give `logits (P, a, a, 2)`.
    """

    def __init__(self, config: Pose2SegConfig, **kwargs):
        super().__init__(name="pose2seg", dtype=config.precision, autocast=False, **kwargs)
        self.config = config
        shape = (config.image_size, config.image_size, 3)
        self.backbone, self.fpn = _backbone(config, shape), None
        if config.variant != "v1":
            dtype = config.precision
            self.fpn = FeaturePyramid(
                config.feature_channels, interpolation="bilinear", name="fpn", dtype=dtype
            )
            self.fpn.build({name: x.shape for name, x in self.backbone.output.items()})
            for smooth in self.fpn.smooth[1:]:
                smooth.trainable = False  # the coarser levels, which nobody looks at
        side, depth = config.window, config.feature_channels + config.skeleton_channels
        self.head = segmentation_head(
            (side, side, depth), config.head_plan, **_norm(config, config.resolved_head_norm)
        )
        self.people_seed = keras.random.SeedGenerator(0)
        self.trackers = [keras.metrics.Mean(name="mask_loss")]
        self.built = True

    def build(self, input_shape=None):
        """Nothing to do: all shapes follow from the settings."""

    @property
    def open_axes(self) -> dict[str, tuple[int, ...]]:
        """See `runtime.compile_inference`: any number of images and of people."""
        people = {"owners": (0,), "matrices": (0,), "poses": (0,)}
        return {"image": (0,), "features": (0,), "align": (0, 1), "joints": (0, 1), **people}

    def preprocess(self, image):
        """Returns the image as the backbone expects it, in the dtype of computation."""
        image = ops.cast(image, "float32")
        if self.config.variant == "light":
            image = image / 127.5 - 1.0
        else:
            mean, deviation = ops.array(_MEAN, "float32"), ops.array(_DEVIATION, "float32")
            image = (image / 255.0 - mean) / deviation
        return ops.cast(image, self.compute_dtype)

    def features(self, image, training=None):
        """Returns the feature map of an image with values 0 to 255, `(B, S / 4, S / 4, D)`."""
        stages = self.backbone(self.preprocess(image), training=training)
        return stages["P2"] if self.fpn is None else self.fpn(stages)[0]

    def skeletons(self, align, joints):
        """Returns the skeleton of each person in its window, float32 `(N, a, a, K)`.

        Args:
            align: float32 `(N, 2, 3)`.
            joints: float32 `(N, 17, 3)` in cells of the feature map.
        """
        config = self.config
        seen = joints[..., 2:]
        places = ops.where(seen > 0, joints[..., :2], 0.0)
        placed = ops.concatenate([transform(places, align), seen], axis=-1)
        return skeleton_features(
            placed, config.window, config.skeleton_limbs, lib=ops, **config.skeleton_style
        )

    def windows(self, features, owners, align, joints=None):
        """Returns what the head sees of each person, `(N, a, a, D + K)`.

        Args:
            features: Of `features`.
            owners: int32 `(N,)`, the image that each person is in.
            align: float32 `(N, 2, 3)`.
            joints: float32 `(N, 17, 3)`; needed with `use_skeleton`.
        """
        side, cells = self.config.window, self.config.feature_size
        moved = align
        if self.config.sampling == "public":
            share = (cells - 1) / cells
            moved = align * ops.array([[1.0, 1.0, share]], "float32")
        aligned = affine_sample(features, moved, (side, side), owners)
        if not self.config.use_skeleton:
            return aligned
        if joints is None:
            raise ConfigError("the network draws skeletons: it needs 'joints' beside 'align'.")
        skeletons = ops.cast(self.skeletons(align, joints), aligned.dtype)
        return ops.concatenate([aligned, skeletons], axis=-1)

    def logits(self, windows, training=None):
        """Returns the head's answer, float32 `(N, a, a, 2)`."""
        return ops.cast(self.head(windows, training=training), "float32")

    def call(self, inputs, training=None):
        """Returns the raw tensors, see the class."""
        if "owners" in inputs:
            people = (inputs["owners"], inputs["matrices"], inputs.get("poses"))
            return {"logits": self.logits(self.windows(inputs["features"], *people), training)}
        features = self.features(inputs["image"], training)
        if "align" not in inputs:
            return {"features": features}
        align = ops.cast(inputs["align"], "float32")
        batch, places = ops.shape(align)[0], ops.shape(align)[1]
        side = self.config.window
        people = {"align": ops.reshape(align, (-1, 2, 3))}
        if self.config.use_skeleton and "joints" in inputs:
            people["joints"] = ops.reshape(ops.cast(inputs["joints"], "float32"), (-1, 17, 3))
        people["owners"] = ops.repeat(ops.arange(batch, dtype="int32"), places)
        if "masks" not in inputs:
            logits = self.logits(self.windows(features, **people), training)
            return {"logits": ops.reshape(logits, (batch, places, side, side, 2))}
        people["targets"] = ops.reshape(inputs["masks"], (-1, side, side))
        drawn, counted = self._draw(ops.reshape(inputs["valid"], (1, -1)), training)
        chosen = {name: ops.take(value, drawn, axis=0) for name, value in people.items()}
        targets = ops.cast(chosen.pop("targets"), "float32")
        logits = self.logits(self.windows(features, **chosen), training)
        return {"logits": logits, "targets": targets, "counted": counted}

    def _draw(self, valid, training):
        """Returns `(positions, counted)`, int32 and bool `(P,)`: whom of a batch to learn from.

        Where there are fewer people than places, they are repeated and not counted, so that the
        statistics of batch normalisation see people alone.
        """
        count, size = self.config.people_per_batch, ops.shape(valid)[1]
        valid = ops.pad(ops.cast(valid, "int32"), [(0, 0), (0, count)]) > 0
        positions, counted = choose(valid, count, self.people_seed if training else None)
        positions, counted = positions[0], counted[0]
        found = ops.maximum(ops.sum(ops.cast(counted, "int32")), 1)
        order = ops.arange(count, dtype="int32") % found
        return ops.minimum(ops.take(positions, order), size - 1), counted

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the loss, which is also a metric."""
        loss = mask_loss(y_pred["logits"], y_pred["targets"], y_pred["counted"])
        self.trackers[0].update_state(loss)
        return loss

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(Pose2SegConfig.from_dict(config["config"]))


def _norm(config: Pose2SegConfig, kind: str) -> dict:
    momentum, dtype = config.norm_momentum, config.precision
    return dict(norm_kind=kind, epsilon=_EPSILON, momentum=momentum, dtype=dtype)


def _backbone(config: Pose2SegConfig, shape: tuple[int, int, int]) -> keras.Model:
    settings = _norm(config, config.resolved_norm)
    if config.variant == "light":
        # The epsilon of the published ImageNet weights.
        return mobilenet_v2(input_shape=shape, **{**settings, "epsilon": 1e-3})
    if config.variant == "v1":
        return hourglass(
            input_shape=shape,
            stacks=config.hourglass_stacks,
            depth=config.hourglass_depth,
            channels=config.feature_channels,
            **settings,
        )
    return resnet(
        "resnet50", input_shape=shape, conv_bias=False, symmetric_padding=True, **settings
    )


def layer_group(network: Pose2SegNetwork, group: str) -> set[str]:
    """Returns the names of the layers that a training stage changes.

    Args:
        network: The network.
        group: One of the settings' `layer_groups`.
    """
    weighted = [
        layer
        for layer in network._flatten_layers(include_self=False)
        if layer._trainable_variables or layer._non_trainable_variables
    ]
    idle = [] if network.fpn is None else network.fpn.smooth[1:]
    weighted = [layer for layer in weighted if layer not in idle]
    norms = (keras.layers.BatchNormalization, keras.layers.GroupNormalization)
    if group == "all":
        return {layer.name for layer in weighted}
    if group in ("heads", "backbone"):
        backbone = {layer.name for layer in network.backbone._flatten_layers()}
        wanted = group == "backbone"
        return {layer.name for layer in weighted if (layer.name in backbone) == wanted}
    if group == "frozen_norm":
        return {layer.name for layer in weighted if not isinstance(layer, norms)}
    raise ConfigError(f"layers should be one of {', '.join(network.config.layer_groups)}.")
