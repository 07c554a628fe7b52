"""Channels weighted by what the whole map says: squeeze and excitation, Hu et al. (2018)."""

from __future__ import annotations

import keras
from keras import layers, ops

__all__ = ["ChannelAttention"]


@keras.saving.register_keras_serializable("tfseg")
class ChannelAttention(layers.Layer):
    """Scales each channel of a map by a number between 0 and 1 that its global mean decides.

    Two dense layers, the first with ReLU, the second with a sigmoid.

    Args:
        units: Outputs of the first dense layer.
    """

    def __init__(self, units: int = 16, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.squeeze = layers.Dense(
            units, activation="relu", name="squeeze", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Builds both dense layers for `(B, h, w, D)`."""
        channels = input_shape[-1]
        self.excite = layers.Dense(
            channels, activation="sigmoid", name="excite", dtype=self.dtype_policy
        )
        self.squeeze.build((None, channels))
        self.excite.build((None, self.units))
        self.built = True

    def weights_of(self, x):
        """Returns the channels' factors, float `(B, D)`, of a map `(B, h, w, D)`."""
        # In float32: a mean over tens of thousands of places is beyond half precision.
        mean = ops.mean(ops.cast(x, "float32"), axis=(1, 2))
        return self.excite(self.squeeze(ops.cast(mean, self.compute_dtype)))

    def call(self, x):
        """Returns the scaled map, of the shape of the input."""
        return x * ops.cast(self.weights_of(x), x.dtype)[:, None, None]

    def compute_output_shape(self, input_shape):
        """Returns the input's."""
        return input_shape

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "units": self.units}
