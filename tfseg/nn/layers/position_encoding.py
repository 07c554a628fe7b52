"""Where each cell of a feature map lies, as sines and cosines that attention can compare.

Source: Carion et al., End-to-End Object Detection with Transformers (2020), appendix A.4;
`PositionEmbeddingSine` of facebookresearch/detr.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from tfseg.errors import ConfigError

__all__ = ["SinePositionEncoding", "sine_position_encoding"]

_EPSILON = 1e-6


def sine_position_encoding(padding, channels: int = 256, temperature: float = 10000.0):
    """Returns the codes of the cells of a padded map, float32 `(B, h, w, channels)`.

    The first half of the channels tells the row, the second the column. A place is the number of
    valid cells up to and with this one, as a share of all valid cells of that column or row, times
    2 pi; so equal places of two images have equal codes, however much either is padded. Even
    channels are sines, odd ones cosines, a pair for each of `channels / 4` frequencies.

    Args:
        padding: bool `(B, h, w)`, True where there is no image. Codes of those cells are finite
            and mean nothing.
        channels: A multiple of 4.
        temperature: Ratio of the highest to the lowest frequency, about.

    Raises:
        ConfigError: If `channels` is not a positive multiple of 4.
    """
    if channels < 4 or channels % 4:
        raise ConfigError(f"channels of a position code should be a multiple of 4; got {channels}.")
    valid = ops.cast(ops.logical_not(ops.cast(padding, "bool")), "float32")
    half = channels // 2
    steps = np.arange(0, half, 2) / half
    frequencies = (1.0 / temperature**steps).astype(np.float32)
    codes = []
    for axis in (1, 2):
        place = ops.cumsum(valid, axis=axis)
        last = place[:, -1:] if axis == 1 else place[:, :, -1:]
        place = place / (last + _EPSILON) * (2 * math.pi)
        angle = place[..., None] * frequencies
        pairs = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)
        codes.append(ops.reshape(pairs, (*ops.shape(angle)[:3], half)))
    return ops.concatenate(codes, axis=-1)


@keras.saving.register_keras_serializable("tfseg")
class SinePositionEncoding(keras.layers.Layer):
    """`sine_position_encoding` as a layer; it has no weights.

    Args:
        channels: See `sine_position_encoding`.
        temperature: See `sine_position_encoding`.
    """

    def __init__(self, channels: int = 256, temperature: float = 10000.0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.temperature = channels, temperature

    def call(self, padding):
        """Returns the codes in the layer's dtype, `(B, h, w, channels)`, of bool `(B, h, w)`."""
        codes = sine_position_encoding(padding, self.channels, self.temperature)
        return ops.cast(codes, self.compute_dtype)

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "temperature": self.temperature}
        return {**super().get_config(), **own}
