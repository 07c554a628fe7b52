"""How strongly each query looks at each cell, the first hint at its object's mask.

Source: `MHAttentionMap` of facebookresearch/detr.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.nn.layers.attention import MASKED

__all__ = ["MaskAttention"]


@keras.saving.register_keras_serializable("tfseg")
class MaskAttention(layers.Layer):
    """Attention weights without values. 131,584 weights by default.

    Args:
        channels: Width D of states and memory.
        heads: Number of maps of each query; divides the channels.
    """

    def __init__(self, channels: int = 256, heads: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.heads = channels, heads
        self.query_dense = layers.Dense(channels, name="query", dtype=self.dtype_policy)
        self.key_dense = layers.Dense(channels, name="key", dtype=self.dtype_policy)

    def build(self, input_shape):
        """Builds both projections."""
        for dense in (self.query_dense, self.key_dense):
            dense.build((None, None, self.channels))
        self.built = True

    def call(self, states, memory, padding):
        """Returns `(B, Q, h, w, heads)`. The numbers of one query sum to 1 over all heads and
        cells together, as in the original, not in each head; padding has 0.

        Args:
            states: `(B, Q, D)`, states of the last decoder layer, all or some.
            memory: `(B, h, w, D)`, the encoder's output.
            padding: bool `(B, h, w)`.
        """
        size, width = tuple(ops.shape(memory)[1:3]), self.channels // self.heads
        count = ops.shape(states)[1]
        q = ops.reshape(self.query_dense(states), (-1, count, self.heads, width))
        k = ops.reshape(self.key_dense(memory), (-1, size[0] * size[1], self.heads, width))
        # One head at a time side by side: (B, heads, Q, cells).
        q, k = ops.transpose(q * width**-0.5, (0, 2, 1, 3)), ops.transpose(k, (0, 2, 3, 1))
        scores = ops.cast(ops.matmul(q, k), "float32")
        flat_padding = ops.reshape(padding, (-1, 1, 1, size[0] * size[1]))
        scores = ops.where(flat_padding, MASKED, scores)
        scores = ops.reshape(ops.transpose(scores, (0, 2, 3, 1)), (-1, count, self._places(size)))
        weights = ops.softmax(scores, axis=-1)
        weights = ops.reshape(weights, (-1, count, *size, self.heads))
        return ops.cast(weights, self.compute_dtype)

    def _places(self, size):
        return size[0] * size[1] * self.heads

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), "channels": self.channels, "heads": self.heads}
