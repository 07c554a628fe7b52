"""The two heads of Mask R-CNN; the box head can do without its regression. RoIs are folded into
the batch axis, so plain layers serve.

Source: Mask R-CNN, figure 4 (right); layer names of matterport/Mask_RCNN.
"""

from __future__ import annotations

import math

import keras
from keras import layers, ops

from tfseg.nn.layers.conv_norm import conv_norm
from tfseg.nn.layers.norm import norm

__all__ = ["BoxHead", "MaskHead"]


class _Head(layers.Layer):
    """Settings that both heads share."""

    def __init__(
        self,
        classes,
        channels,
        norm_kind="frozen",
        momentum=0.99,
        epsilon=1e-3,
        groups=16,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.classes, self.channels = classes, channels
        self.norm_kind, self.momentum, self.epsilon = norm_kind, momentum, epsilon
        self.groups = groups

    def _norm(self, name):
        return norm(
            self.norm_kind,
            name,
            momentum=self.momentum,
            epsilon=self.epsilon,
            groups=self.groups,
            dtype=self.dtype_policy,
        )

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"classes": self.classes, "channels": self.channels}
        own.update(norm_kind=self.norm_kind, momentum=self.momentum, epsilon=self.epsilon)
        own.update(groups=self.groups)
        return {**super().get_config(), **own}


def _fold(features):
    """Returns `(B * N, n, n, D)`."""
    return ops.reshape(features, (-1, *features.shape[2:]))


@keras.saving.register_keras_serializable("tfseg")
class BoxHead(_Head):
    """Classes and class-specific box regressions from 7x7 features.

    Args:
        classes: Number of classes with the background, C.
        channels: Width of the two hidden layers.
        pool_size: Rows and columns of the features.
        regress: Whether boxes are regressed; without, the head classifies alone.
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        momentum: Of the normalisation's statistics.
        epsilon: Of the normalisation.
        groups: Of "group" normalisation.
    """

    def __init__(
        self, classes: int, channels: int = 1024, pool_size: int = 7, regress: bool = True, **kwargs
    ):
        super().__init__(classes, channels, **kwargs)
        policy = self.dtype_policy
        self.pool_size, self.regress = pool_size, regress
        self.conv1 = layers.Conv2D(channels, pool_size, name="mrcnn_class_conv1", dtype=policy)
        self.conv2 = layers.Conv2D(channels, 1, name="mrcnn_class_conv2", dtype=policy)
        self.norm1, self.norm2 = self._norm("mrcnn_class_bn1"), self._norm("mrcnn_class_bn2")
        self.relu = layers.ReLU(name="mrcnn_class_relu", dtype=policy)
        self.score = layers.Dense(classes, name="mrcnn_class_logits", dtype=policy)
        self.move = None
        if regress:
            self.move = layers.Dense(
                4 * classes,
                name="mrcnn_bbox_fc",
                dtype=policy,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.001, seed=0),
            )

    def build(self, input_shape):
        """Builds the layers for `(B, N, n, n, D)`."""
        inner = (None, 1, 1, self.channels)
        self.conv1.build((None, *input_shape[2:]))
        self.conv2.build(inner)
        for layer in (self.norm1, self.norm2):
            if layer is not None:
                layer.build(inner)
        self.score.build((None, self.channels))
        if self.move is not None:
            self.move.build((None, self.channels))
        self.built = True

    def call(self, features, training=None):
        """Returns `(logits, deltas)`: float32 `(B, N, C)` and `(B, N, C, 4)`; None in place of the
        deltas where the head does not regress.

        Args:
            features: `(B, N, n, n, D)`.
            training: Whether the normalisation collects statistics ("batch" only).
        """
        count = features.shape[1]
        places = (features.shape[0] or 1) * count
        x = _fold(features)
        for conv, normalise in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            x = self.relu(conv_norm(conv, normalise, x, training, places))
        x = ops.reshape(x, (-1, self.channels))
        logits = ops.cast(ops.reshape(self.score(x), (-1, count, self.classes)), "float32")
        if self.move is None:
            return logits, None
        deltas = ops.reshape(self.move(x), (-1, count, self.classes, 4))
        return logits, ops.cast(deltas, "float32")

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"pool_size": self.pool_size, "regress": self.regress}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfseg")
class MaskHead(_Head):
    """One mask per class from 14x14 features, at twice that size.

    Args:
        classes: Number of classes with the background, C; 1 draws one mask for all of them.
        channels: Width of all hidden layers.
        convs: Number of 3x3 convolutions.
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        momentum: Of the normalisation's statistics.
        epsilon: Of the normalisation.
        groups: Of "group" normalisation.
    """

    def __init__(self, classes: int, channels: int = 256, convs: int = 4, **kwargs):
        super().__init__(classes, channels, **kwargs)
        policy = self.dtype_policy
        self.convs = [
            layers.Conv2D(
                channels,
                3,
                padding="same",
                name=f"mrcnn_mask_conv{i}",
                dtype=policy,
                kernel_initializer="he_normal",
            )
            for i in range(1, convs + 1)
        ]
        self.norms = [self._norm(f"mrcnn_mask_bn{i}") for i in range(1, convs + 1)]
        self.relu = layers.ReLU(name="mrcnn_mask_relu", dtype=policy)
        self.enlarge = layers.Conv2DTranspose(
            channels, 2, 2, activation="relu", name="mrcnn_mask_deconv", dtype=policy
        )
        self.score = layers.Conv2D(classes, 1, name="mrcnn_mask", dtype=policy)

    def build(self, input_shape):
        """Builds the layers for `(B, N, n, n, D)`."""
        shape = (None, *input_shape[2:])
        inner = (None, *input_shape[2:4], self.channels)
        for conv, normalise in zip(self.convs, self.norms, strict=True):
            conv.build(shape)
            if normalise is not None:
                normalise.build(inner)
            shape = inner
        self.enlarge.build(shape)
        self.score.build((None, 2 * shape[1], 2 * shape[2], self.channels))
        self.built = True

    def call(self, features, class_ids, training=None):
        """Returns the mask logits of one class per RoI, float32 `(B, N, m, m)`.

        Only the asked class is computed in the last convolution: with 81 classes the full map
        would be the largest tensor of the network, and every caller needs one class.

        Args:
            features: `(B, N, n, n, D)`.
            class_ids: int32 `(B, N)`, the class to draw.
            training: Whether the normalisation collects statistics ("batch" only).
        """
        count = features.shape[1]
        places = (features.shape[0] or 1) * math.prod(features.shape[1:4])
        x = self.enlarged(self.hidden(_fold(features), training, places))
        kernel, bias = self.score.kernel[0, 0], self.score.bias  # (D, C), (C,)
        ids = ops.reshape(class_ids, (-1,))
        if self.classes == 1:
            ids = ops.zeros_like(ids)
        weights = ops.cast(ops.take(ops.transpose(kernel), ids, axis=0), x.dtype)
        logits = ops.matmul(x, weights[..., None])[..., 0]
        bias = ops.cast(ops.take(bias, ids), "float32")
        logits = ops.cast(logits, "float32") + bias[:, None]
        height, width = features.shape[2:4]
        logits = ops.transpose(ops.reshape(logits, (-1, height, width, 2, 2)), (0, 1, 3, 2, 4))
        return ops.reshape(logits, (-1, count, 2 * height, 2 * width))

    def hidden(self, x, training=None, places=None):
        """Returns the features before the enlargement, `(B * N, n, n, D)`.

        Args:
            x: `(B * N, n, n, D)`.
            training: Whether the normalisation collects statistics ("batch" only).
            places: `B * N * n * n`, where the shape of `x` does not tell it.
        """
        for conv, normalise in zip(self.convs, self.norms, strict=True):
            x = self.relu(conv_norm(conv, normalise, x, training, places, small_maps=True))
        return x

    def enlarged(self, x):
        """Returns `self.enlarge(x)` in the order of the places it comes from, `(B * N, n * n * 4,
        D)`: row, column, row within the place, column within it.

        A transposed convolution with a kernel as large as its stride is a matrix product. Its
        result need not be put in order here: one logit a place is moved more quickly than D
        features.

        Args:
            x: `(B * N, n, n, D)`.
        """
        height, width, depth = x.shape[1:]
        kernel = ops.cast(ops.transpose(self.enlarge.kernel, (3, 0, 1, 2)), x.dtype)  # D, 2, 2, E
        y = ops.matmul(ops.reshape(x, (-1, depth)), ops.reshape(kernel, (depth, -1)))
        y = ops.reshape(y, (-1, 4 * height * width, self.channels))
        return ops.relu(ops.add(y, ops.cast(self.enlarge.bias, x.dtype)))

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "convs": len(self.convs)}
