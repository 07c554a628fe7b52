"""Attention between two sequences, with positions that take part in the comparison alone.

Source: Vaswani et al., Attention Is All You Need (2017), section 3.2; the arithmetic and the
initial values of PyTorch's `MultiheadAttention`, which the weights of DETR belong to.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.errors import ConfigError

__all__ = ["MASKED", "MultiHeadAttention"]

MASKED = -1e9
"""Score of a masked key: its share is exactly 0 beside any other, and where all keys are masked
the shares are equal and finite."""

# Three projections stored as one (3D, D) matrix, which Xavier's rule was applied to: a bound of
# sqrt(6 / 4D), half the variance that (D, D) would get.
_STACKED_XAVIER = dict(scale=0.5, mode="fan_avg", distribution="uniform")


@keras.saving.register_keras_serializable("tfseg")
class MultiHeadAttention(layers.Layer):
    """Weighted means of values, the weights from comparing queries with keys, in several heads.

    4 D (D + 1) weights for D channels.

    Args:
        channels: Width D of the inputs and the output.
        heads: Number of heads; divides the channels.
        dropout: Share of the weights that training sets to 0.
    """

    def __init__(self, channels: int = 256, heads: int = 8, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        if channels % heads:
            raise ConfigError(f"channels should be a multiple of {heads} heads; got {channels}.")
        self.channels, self.heads, self.rate = channels, heads, dropout
        policy = self.dtype_policy
        for part in ("query", "key", "value"):
            start = keras.initializers.VarianceScaling(**_STACKED_XAVIER)
            dense = layers.Dense(channels, name=part, kernel_initializer=start, dtype=policy)
            setattr(self, f"{part}_dense", dense)
        self.out_dense = layers.Dense(channels, name="out", dtype=policy)
        self.drop = layers.Dropout(dropout, name="drop", dtype=policy)

    def build(self, input_shape):
        """Builds the four projections; their width is known from the settings."""
        for dense in (self.query_dense, self.key_dense, self.value_dense, self.out_dense):
            dense.build((None, None, self.channels))
        self.built = True

    def call(self, query, key, value, padding=None, training=None, return_weights=False):
        """Returns `(B, Q, D)`, and with `return_weights` a pair with the weights after it.

        Args:
            query: `(B, Q, D)`.
            key: `(B, M, D)`.
            value: `(B, M, D)`.
            padding: bool `(B, M)`, True for keys that count for nothing; None if all count.
            training: Whether weights are dropped.
            return_weights: Whether the weights, float32 `(B, heads, Q, M)`, are returned too;
                they sum to 1 over the keys.
        """
        width = self.channels // self.heads
        q = self._split(self.query_dense(query) * width**-0.5)
        k, v = self._split(self.key_dense(key)), self._split(self.value_dense(value))
        scores = ops.cast(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))), "float32")
        if padding is not None:
            scores = ops.where(padding[:, None, None, :], MASKED, scores)
        weights = ops.softmax(scores, axis=-1)
        mixed = self.drop(ops.cast(weights, v.dtype), training=training)
        out = ops.transpose(ops.matmul(mixed, v), (0, 2, 1, 3))
        out = self.out_dense(ops.reshape(out, (-1, ops.shape(query)[1], self.channels)))
        return (out, weights) if return_weights else out

    def _split(self, x):
        """Returns `(B, heads, N, D / heads)`."""
        shape = (-1, ops.shape(x)[1], self.heads, self.channels // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "heads": self.heads, "dropout": self.rate}
        return {**super().get_config(), **own}
