"""Convolutions on the levels of the pyramid, and one semantic map out of them.

Source: Loesch and Audigier (2021), section 3; the form of the heads is that of PandaNet,
Benzine et al. (2020).
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from tfseg.nn.layers.group_norm import GroupNorm
from tfseg.nn.layers.resize_like import ResizeLike

__all__ = ["BranchHead", "ImageColors", "concat_levels"]

_CONVS, _GROUPS, _EPSILON = 4, 16, 1e-5
# Of `ImageColors`: its channels, and the side of its wider means, in places of 4 x 4 pixels.
_HIDDEN, _WIDE = 64, 5
# What a map says before it has learnt anything; otherwise the focal loss of the many pixels of
# background swamps the first epochs.
_BACKGROUND_AT_FIRST, _OTHERS_AT_FIRST = 0.9, 0.01


@keras.saving.register_keras_serializable("tfseg")
class BranchHead(layers.Layer):
    """Four 3x3 convolutions without bias, each with group normalisation and ReLU, and, where asked
    for, one 1x1 convolution to logits.

    Args:
        width: Channels of the convolutions, a multiple of 16.
        outputs: Channels of the logits; None leaves the last convolution out.
        background: Whether the first of them is the background's.
    """

    def __init__(
        self, width: int = 64, outputs: int | None = None, background: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        self.width, self.outputs, self.background = width, outputs, background
        policy = self.dtype_policy
        self.convs = [
            layers.Conv2D(
                *(width, 3),
                padding="same",
                use_bias=False,
                name=f"conv{number}",
                kernel_initializer="he_normal",
                dtype=policy,
            )
            for number in range(1, _CONVS + 1)
        ]
        self.norms = [
            GroupNorm(_GROUPS, epsilon=_EPSILON, name=f"norm{number}", dtype=policy)
            for number in range(1, _CONVS + 1)
        ]
        self.score = None
        if outputs is not None:
            self.score = layers.Conv2D(
                outputs, 1, name="score", bias_initializer=self._first_bias, dtype=policy
            )

    def _first_bias(self, shape, dtype=None):
        chances = [_OTHERS_AT_FIRST] * shape[0]
        if self.background:
            chances[0] = _BACKGROUND_AT_FIRST
        return ops.array([math.log(p / (1 - p)) for p in chances], dtype)

    def build(self, input_shape):
        """Builds the convolutions for `(B, h, w, any)`."""
        channels = input_shape[-1]
        for conv, normalise in zip(self.convs, self.norms, strict=True):
            conv.build((None, None, None, channels))
            normalise.build((None, None, None, self.width))
            channels = self.width
        if self.score is not None:
            self.score.build((None, None, None, channels))
        self.built = True

    def features(self, x):
        """Returns the map `(B, h, w, width)` before the logits."""
        for conv, normalise in zip(self.convs, self.norms, strict=True):
            x = ops.relu(normalise(conv(x)))
        return x

    def call(self, x):
        """Returns the map `(B, h, w, width)`, or the logits, float32 `(B, h, w, outputs)`."""
        x = self.features(x)
        return x if self.score is None else ops.cast(self.score(x), "float32")

    def compute_output_shape(self, input_shape):
        """Returns the shape of the map."""
        return (*input_shape[:-1], self.width if self.outputs is None else self.outputs)

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"width": self.width, "outputs": self.outputs, "background": self.background}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfseg")
class ImageColors(layers.Layer):
    """What the image itself adds to the logits of its colours: a small network of two 1x1
    convolutions on a head's features and on the image's means, of each place and around it.

    Features that were normalised over the image no longer say how bright it is: light clothes in a
    bright image and dark ones in a dark image look the same to them. The last convolution starts at
    zero, so nothing changes before it learns.

    Args:
        outputs: Channels of the logits.
    """

    def __init__(self, outputs: int, **kwargs):
        super().__init__(**kwargs)
        self.outputs, policy = outputs, self.dtype_policy
        self.hidden = layers.Conv2D(
            *(_HIDDEN, 1),
            activation="relu",
            kernel_initializer="he_normal",
            name="hidden",
            dtype=policy,
        )
        self.score = layers.Conv2D(
            outputs, 1, kernel_initializer="zeros", name="score", dtype=policy
        )

    def build(self, features_shape, image_shape=None):
        """Builds the convolutions for features `(B, h, w, any)`."""
        self.hidden.build((None, None, None, features_shape[-1] + 2 * 3))
        self.score.build((None, None, None, _HIDDEN))
        self.built = True

    def call(self, features, image):
        """Returns what to add to the logits, float32 `(B, h, w, outputs)`.

        Args:
            features: `(B, h, w, any)`.
            image: `(B, 4 h, 4 w, 3)`, 0 to 255.
        """
        seen = ops.average_pool(ops.cast(image, "float32") / 127.5 - 1.0, 4, strides=4)
        around = ops.average_pool(seen, _WIDE, strides=1, padding="same")
        joint = ops.concatenate([ops.cast(features, "float32"), seen, around], axis=-1)
        return ops.cast(self.score(self.hidden(joint)), "float32")

    def compute_output_shape(self, features_shape, image_shape=None):
        """Returns the shape of the logits."""
        return (*features_shape[:-1], self.outputs)

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "outputs": self.outputs}


def concat_levels(levels, resize: ResizeLike):
    """Returns the levels side by side at the size of the first, `(B, h, w, sum of widths)`.

    Args:
        levels: `[G2, G3, ...]`, ever smaller.
        resize: Brings a map to the size of another.
    """
    finest = levels[0]
    return ops.concatenate([finest, *(resize([x, finest]) for x in levels[1:])], axis=-1)
