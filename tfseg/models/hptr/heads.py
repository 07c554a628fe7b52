"""Convolutions on the levels of the pyramid, and one semantic map out of them.

Source: Loesch and Audigier (2021), section 3; the form of the heads is that of PandaNet,
Benzine et al. (2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
from keras import layers, ops

from tfseg.engine import runtime
from tfseg.nn.layers.group_norm import GroupNorm
from tfseg.nn.layers.resize_like import ResizeLike
from tfseg.nn.ops.winograd import convs_of_one_map

__all__ = ["BranchHead", "ImageHints", "concat_levels", "features_of_heads"]

_CONVS, _GROUPS, _EPSILON = 4, 16, 1e-5
_DETAIL, _HIDDEN = (24, 48), 64  # channels of `ImageHints`
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
        return self.features_after(self.convs[0](x))

    def features_after(self, x):
        """Returns `features`, given what the first convolution, before its norm, makes of a map."""
        x = ops.relu(self.norms[0](x))
        for conv, normalise in zip(self.convs[1:], self.norms[1:], strict=True):
            x = ops.relu(normalise(conv(x)))
        return x

    def logits(self, features):
        """Returns the logits of `features`, float32 `(B, h, w, outputs)`."""
        return ops.cast(self.score(features), "float32")

    def call(self, x):
        """Returns the map `(B, h, w, width)`, or the logits, float32 `(B, h, w, outputs)`."""
        x = self.features(x)
        return x if self.score is None else self.logits(x)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the map."""
        return (*input_shape[:-1], self.width if self.outputs is None else self.outputs)

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"width": self.width, "outputs": self.outputs, "background": self.background}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfseg")
class ImageHints(layers.Layer):
    """What the image itself adds to the logits of label maps: outlines and brightness, which
    features lose that were enlarged or normalised over the image.

    Two 3x3 convolutions of stride 2 on the image are shared by all maps; a 3x3 convolution of each
    map takes them beside the features of its head, and a 1x1 convolution, which starts at zero, so
    that nothing changes before it learns.

    Args:
        outputs: Channels of the logits of each map.
    """

    def __init__(self, outputs: Mapping[str, int], **kwargs):
        super().__init__(**kwargs)
        self.outputs = dict(outputs)
        self.detail = [
            self._conv(width, f"detail{number}", strides=2)
            for number, width in enumerate(_DETAIL, start=1)
        ]
        self.hidden = {name: self._conv(_HIDDEN, f"{name}_hidden") for name in self.outputs}
        self.scores = {
            name: layers.Conv2D(
                *(count, 1),
                kernel_initializer="zeros",
                name=f"{name}_score",
                dtype=self.dtype_policy,
            )
            for name, count in self.outputs.items()
        }

    def _conv(self, width, name, strides=1):
        return layers.Conv2D(
            *(width, 3),
            strides=strides,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=name,
            dtype=self.dtype_policy,
        )

    def build(self, features_shape, image_shape):
        """Builds the convolutions for features `{name: (B, h, w, any)}` and an image."""
        channels = image_shape[-1]
        for conv in self.detail:
            conv.build((None, None, None, channels))
            channels = conv.filters
        for name, hidden in self.hidden.items():
            hidden.build((None, None, None, features_shape[name][-1] + channels))
            self.scores[name].build((None, None, None, _HIDDEN))
        self.built = True

    def call(self, features, image):
        """Returns what to add to the logits of each map, float32 `{name: (B, h, w, K)}`.

        Args:
            features: `{name: (B, h, w, any)}`, of the map's `BranchHead`.
            image: `(B, 4 h, 4 w, any)`.
        """
        for conv in self.detail:
            image = conv(image)
        found = {}
        for name, hidden in self.hidden.items():
            joint = hidden(ops.concatenate([features[name], image], axis=-1))
            found[name] = ops.cast(self.scores[name](joint), "float32")
        return found

    def compute_output_shape(self, features_shape, image_shape):
        """Returns the shapes of what to add."""
        return {n: (*features_shape[n][:-1], count) for n, count in self.outputs.items()}

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "outputs": self.outputs}


def features_of_heads(heads: Mapping[str, BranchHead], x, training=None) -> dict:
    """Returns `features(x)` of each of some built heads of one map `x`, `{name: (B, h, w, width)}`.

    In a prediction their first convolutions are computed together, which takes half their time.
    A training needs the memory, a GPU has fast ways of its own, and half precision the digits.

    Args:
        heads: The heads.
        x: `(B, h, w, any)`; h and w are multiples of 4.
        training: Whether it is a training.
    """
    exact = keras.backend.standardize_dtype(x.dtype) == "float32"
    if training or not exact or len(heads) < 2 or runtime.accelerators():
        return {name: head.features(x) for name, head in heads.items()}
    kernels = [ops.cast(head.convs[0].kernel, x.dtype) for head in heads.values()]
    first = convs_of_one_map(x, kernels)
    return {
        name: head.features_after(met)
        for (name, head), met in zip(heads.items(), first, strict=True)
    }


def concat_levels(levels, resize: ResizeLike):
    """Returns the levels side by side at the size of the first, `(B, h, w, sum of widths)`.

    Args:
        levels: `[G2, G3, ...]`, ever smaller.
        resize: Brings a map to the size of another.
    """
    finest = levels[0]
    return ops.concatenate([finest, *(resize([x, finest]) for x in levels[1:])], axis=-1)
