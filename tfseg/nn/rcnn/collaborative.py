"""The head in which a coarse mask says which boxes count. Regions are folded into the batch axis.

Source: Chen et al., Accurate instance segmentation via collaborative learning (2022), section 3.2;
layout of the layers after D2Det (Cao et al., 2020), which the paper follows.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.msfem import fitting_groups
from tfseg.nn.ops.box_votes import vote_average, vote_boxes, vote_weights

__all__ = ["CollaborativeHead", "collaborate"]

ACTIVATIONS = ("relu", "exp")
_START = 0.5
"""Where the offsets begin: half a region to each side, so that no cell starts without gradient."""


@keras.saving.register_keras_serializable("tfseg")
class CollaborativeHead(layers.Layer):
    """A coarse mask of one class, and for each cell of a region the distances to its box's edges.

    Args:
        classes: Number of classes with the background, C; channel 0 of the mask is unused.
        channels: Width of all layers.
        convs: 3x3 convolutions on the reduced features.
        activation: What keeps offsets from being negative: "relu", or "exp" as FCOS.
    """

    def __init__(
        self, classes: int, channels: int = 256, convs: int = 9, activation="relu", **kwargs
    ):
        super().__init__(**kwargs)
        if activation not in ACTIVATIONS:
            raise ConfigError(
                f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}."
            )
        self.classes, self.channels, self.activation = classes, channels, activation
        names = ["collab_reduce", *(f"collab_conv{i}" for i in range(1, convs + 1))]
        self.convs = [self._conv(n, use_bias=False) for n in names]
        # Of stride 2 on an even size: padded on every side alike, or the map would be shifted.
        self.convs[0].strides, self.convs[0].padding = (2, 2), "valid"
        self.pad = layers.ZeroPadding2D(1, name="collab_pad", dtype=self.dtype_policy)
        self.norms = [self._norm(f"{n}_norm", 32) for n in names]
        start = _START if activation == "relu" else math.log(_START)
        self.offsets = layers.Conv2D(
            4,
            3,
            padding="same",
            name="collab_offsets",
            dtype=self.dtype_policy,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001, seed=0),
            bias_initializer=keras.initializers.Constant(start),
        )
        self.enlarge = [self._deconv(f"collab_mask_deconv{i}") for i in (1, 2)]
        self.mask_norm = self._norm("collab_mask_norm", 16)
        self.score = layers.Conv2D(
            classes, 3, padding="same", name="collab_mask", dtype=self.dtype_policy
        )

    def _conv(self, name, **options):
        return layers.Conv2D(
            self.channels,
            3,
            padding="same",
            name=name,
            dtype=self.dtype_policy,
            kernel_initializer="he_normal",
            **options,
        )

    def _norm(self, name, groups):
        fitting = fitting_groups(self.channels, groups)
        return layers.GroupNormalization(fitting, name=name, dtype=self.dtype_policy)

    def _deconv(self, name):
        return layers.Conv2DTranspose(
            self.channels,
            2,
            2,
            name=name,
            dtype=self.dtype_policy,
            kernel_initializer="he_normal",
        )

    def build(self, input_shape):
        """Builds the layers for `(B, N, n, n, D)`, n even."""
        inner = (None, None, None, self.channels)
        self.convs[0].build((None, None, None, input_shape[-1]))
        for conv in self.convs[1:]:
            conv.build(inner)
        for normalise in (*self.norms, self.mask_norm):
            normalise.build(inner)
        for layer in (self.offsets, *self.enlarge, self.score):
            layer.build(inner)
        self.built = True

    def call(self, features, class_ids):
        """Returns `(offsets, mask_logits)`: float32 `(B, N, n/2, n/2, 4)`, left, top, right, bottom
        in widths and heights of the region, and float32 `(B, N, 2n, 2n)` of the asked class.

        Args:
            features: `(B, N, n, n, D)`.
            class_ids: int32 `(B, N)`.
        """
        count, side = features.shape[1:3]
        x = ops.reshape(features, (-1, *features.shape[2:]))
        for index, (conv, normalise) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = ops.relu(normalise(conv(x if index else self.pad(x))))
        offsets = ops.cast(self.offsets(x), "float32")
        offsets = ops.relu(offsets) if self.activation == "relu" else ops.exp(offsets)
        x = ops.relu(self.mask_norm(self.enlarge[0](x)))
        x = ops.relu(self.enlarge[1](x))
        logits = self._one_class(x, ops.reshape(class_ids, (-1,)))
        return (
            ops.reshape(offsets, (-1, count, side // 2, side // 2, 4)),
            ops.reshape(logits, (-1, count, 2 * side, 2 * side)),
        )

    def _one_class(self, x, ids):
        """Returns the last convolution's channel of each region's class, float32 `(R, m, m)`.

        As nine products with the nine places of that channel's kernel, moved and added: all
        classes of a region would be eighty times the work.
        """
        height, width, depth = x.shape[1:]
        kernel = ops.reshape(self.score.kernel, (9, depth, self.classes))
        kernel = ops.take(ops.transpose(kernel, (2, 1, 0)), ids, axis=0)  # (R, D, 9)
        flat = ops.reshape(x, (-1, height * width, depth))
        parts = ops.matmul(flat, ops.cast(kernel, x.dtype))
        parts = ops.reshape(ops.cast(parts, "float32"), (-1, height, width, 9))
        parts = ops.pad(parts, [(0, 0), (1, 1), (1, 1), (0, 0)])
        total = ops.cast(ops.take(self.score.bias, ids), "float32")[:, None, None]
        for place in range(9):
            row, column = divmod(place, 3)
            total = total + parts[:, row : row + height, column : column + width, place]
        return total

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"classes": self.classes, "channels": self.channels}
        own.update(convs=len(self.convs) - 1, activation=self.activation)
        return {**super().get_config(), **own}


def collaborate(rois, offsets, mask_logits, *, weighted: bool = True):
    """Returns the boxes that the cells of each region agree on, float32 `(..., 4)`.

    Args:
        rois: float32 `(..., 4)`, `(y1, x1, y2, x2)`.
        offsets: float32 `(..., n, n, 4)`, see `tfseg.nn.ops.box_votes`.
        mask_logits: float32 `(..., m, m)` of the region's class, m a multiple of n.
        weighted: False counts all cells alike (the paper's "without collaboration").
    """
    votes, cells = vote_boxes(rois, offsets), offsets.shape[-2]
    if weighted:
        weights = vote_weights(ops.sigmoid(ops.cast(mask_logits, "float32")), cells)
    else:
        weights = ops.ones_like(votes[..., 0])
    return vote_average(rois, votes, weights)
