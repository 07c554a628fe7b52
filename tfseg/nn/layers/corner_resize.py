"""Enlarging with corners on corners, as some published networks were trained."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

__all__ = ["CornerResize"]


@keras.saving.register_keras_serializable("tfseg")
class CornerResize(keras.layers.Layer):
    """Bilinear enlargement whose first and last pixels lie on those of the input: PyTorch's
    `UpsamplingBilinear2d`. As two matrix products, so that its gradient is one too.

    Args:
        scale: How many times more rows and columns.
    """

    def __init__(self, scale: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        """Returns `(B, scale * h, scale * w, D)` of `(B, h, w, D)`, whose h and w are known."""
        _, height, width, depth = inputs.shape
        rows = ops.cast(_weights(height, self.scale * height), inputs.dtype)
        columns = ops.cast(_weights(width, self.scale * width), inputs.dtype)
        strips = ops.matmul(rows, ops.reshape(inputs, (-1, height, width * depth)))
        strips = ops.reshape(strips, (-1, self.scale * height, width, depth))
        return ops.matmul(columns, strips)

    def compute_output_shape(self, input_shape):
        """Returns the enlarged shape."""
        batch, height, width, depth = input_shape
        return (batch, self.scale * height, self.scale * width, depth)

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "scale": self.scale}


def _weights(before: int, after: int) -> np.ndarray:
    """Returns which share of each old pixel is in each new one, float32 `(after, before)`."""
    places = np.linspace(0, before - 1, after)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(before))).astype(np.float32)
