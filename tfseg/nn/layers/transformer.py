"""The transformer of DETR: an encoder over the cells of a map, a decoder over queries.

Normalisation comes after each sum. Positions are added to queries and keys of every attention and
to no value, so what is passed on is content alone. Source: Carion et al. (2020), figure 10; the
arithmetic of `models/transformer.py` in facebookresearch/detr.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from tfseg.nn.layers.attention import MultiHeadAttention

__all__ = ["DecoderLayer", "EncoderLayer", "TransformerDecoder", "TransformerEncoder"]

_EPSILON = 1e-5  # PyTorch's default, which the published weights were trained with


class _Block(layers.Layer):
    """Settings that both kinds of layer share, and the two dense layers at their end."""

    def __init__(self, channels=256, heads=8, hidden=2048, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.heads, self.hidden, self.rate = channels, heads, hidden, dropout
        self.self_attention = self._attention("self_attention")
        self.dense1 = layers.Dense(hidden, "relu", name="dense1", dtype=self.dtype_policy)
        self.dense2 = layers.Dense(channels, name="dense2", dtype=self.dtype_policy)
        self.drop_hidden = self._drop("drop_hidden")
        self.drop1, self.drop2 = self._drop("drop1"), self._drop("drop2")
        self.norm1, self.norm2 = self._norm("norm1"), self._norm("norm2")

    def _attention(self, name):
        return MultiHeadAttention(
            self.channels, self.heads, self.rate, name=name, dtype=self.dtype_policy
        )

    def _drop(self, name):
        return layers.Dropout(self.rate, name=name, dtype=self.dtype_policy)

    def _norm(self, name):
        return layers.LayerNormalization(epsilon=_EPSILON, name=name, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Builds all parts; their widths are known from the settings."""
        shape = (None, None, self.channels)
        for part in (self.self_attention, self.dense1, self.norm1, self.norm2):
            part.build(shape)
        self.dense2.build((None, None, self.hidden))
        self.built = True

    def _feed_forward(self, x, training):
        return self.dense2(self.drop_hidden(self.dense1(x), training=training))

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "heads": self.heads, "hidden": self.hidden}
        return {**super().get_config(), **own, "dropout": self.rate}


@keras.saving.register_keras_serializable("tfseg")
class EncoderLayer(_Block):
    """Self-attention, then two dense layers; each is added to its input and normalised.

    Args:
        channels: Width D.
        heads: Heads of the attention.
        hidden: Width between the two dense layers.
        dropout: Share dropped from attention weights, from the hidden layer and before each sum.
    """

    def call(self, x, position, padding=None, training=None):
        """Returns `(B, M, D)`.

        Args:
            x: `(B, M, D)`, the cells of a map.
            position: `(B, M, D)`, their codes.
            padding: bool `(B, M)`, True for cells that nobody attends to.
            training: Whether dropout acts.
        """
        place = x + position
        seen = self.self_attention(place, place, x, padding, training=training)
        x = self.norm1(x + self.drop1(seen, training=training))
        return self.norm2(x + self.drop2(self._feed_forward(x, training), training=training))


@keras.saving.register_keras_serializable("tfseg")
class DecoderLayer(_Block):
    """Self-attention of the queries, their attention to the map, then two dense layers.

    Args:
        channels: Width D.
        heads: Heads of both attentions.
        hidden: Width between the two dense layers.
        dropout: Share dropped from attention weights, from the hidden layer and before each sum.
    """

    def __init__(self, channels=256, heads=8, hidden=2048, dropout=0.1, **kwargs):
        super().__init__(channels, heads, hidden, dropout, **kwargs)
        self.cross_attention = self._attention("cross_attention")
        self.drop3, self.norm3 = self._drop("drop3"), self._norm("norm3")

    def build(self, input_shape):
        """Builds all parts."""
        super().build(input_shape)
        self.cross_attention.build((None, None, self.channels))
        self.norm3.build((None, None, self.channels))

    def call(self, x, codes, memory, position, padding=None, training=None):
        """Returns `(states, weights)`: `(B, Q, D)` and the weights of the attention to the map,
        float32 `(B, heads, Q, M)`.

        Args:
            x: `(B, Q, D)`, states of the layer before.
            codes: `(B, Q, D)` or `(1, Q, D)`, what tells the queries apart.
            memory: `(B, M, D)`, the encoder's output.
            position: `(B, M, D)`, codes of its cells.
            padding: bool `(B, M)`, True for cells that nobody attends to.
            training: Whether dropout acts.
        """
        place = x + codes
        seen = self.self_attention(place, place, x, training=training)
        x = self.norm1(x + self.drop1(seen, training=training))
        seen, weights = self.cross_attention(
            x + codes, memory + position, memory, padding, training=training, return_weights=True
        )
        x = self.norm2(x + self.drop2(seen, training=training))
        x = self.norm3(x + self.drop3(self._feed_forward(x, training), training=training))
        return x, weights


class _Stack(layers.Layer):
    """Equal layers one after the other."""

    kind = None

    def __init__(self, count=6, channels=256, heads=8, hidden=2048, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.settings = dict(channels=channels, heads=heads, hidden=hidden, dropout=dropout)
        self.blocks = [
            self.kind(**self.settings, name=f"layer{number}", dtype=self.dtype_policy)
            for number in range(count)
        ]

    def build(self, input_shape):
        """Builds the layers."""
        for block in self.blocks:
            block.build((None, None, self.settings["channels"]))
        self.built = True

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), **self.settings, "count": len(self.blocks)}


@keras.saving.register_keras_serializable("tfseg")
class TransformerEncoder(_Stack):
    """Lets every cell of a map learn of all others. 7,890,432 weights by default.

    Args:
        count: Number of layers.
        channels: See `EncoderLayer`.
        heads: See `EncoderLayer`.
        hidden: See `EncoderLayer`.
        dropout: See `EncoderLayer`.
    """

    kind = EncoderLayer

    def call(self, x, position, padding=None, training=None):
        """Returns `(B, M, D)`; arguments as in `EncoderLayer`."""
        for block in self.blocks:
            x = block(x, position, padding, training=training)
        return x


@keras.saving.register_keras_serializable("tfseg")
class TransformerDecoder(_Stack):
    """Turns queries into one state for each object to be found. 9,473,024 weights by default.

    Args:
        count: Number of layers L.
        channels: See `DecoderLayer`.
        heads: See `DecoderLayer`.
        hidden: See `DecoderLayer`.
        dropout: See `DecoderLayer`.
    """

    kind = DecoderLayer

    def __init__(self, count=6, channels=256, heads=8, hidden=2048, dropout=0.1, **kwargs):
        super().__init__(count, channels, heads, hidden, dropout, **kwargs)
        self.norm = layers.LayerNormalization(
            epsilon=_EPSILON, name="norm", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Builds the layers and the normalisation that they share."""
        super().build(input_shape)
        self.norm.build((None, None, self.settings["channels"]))

    def call(self, codes, memory, position, padding=None, training=None):
        """Returns `(states, weights)`: the normalised states of all layers, `(L, B, Q, D)`, and
        the last layer's attention to the map, float32 `(B, heads, Q, M)`.

        The first layer starts from zeros; what tells the queries apart is their codes.

        Args:
            codes: `(Q, D)`, learnt.
            memory: `(B, M, D)`, the encoder's output.
            position: `(B, M, D)`, codes of its cells.
            padding: bool `(B, M)`, True for cells that nobody attends to.
            training: Whether dropout acts.
        """
        codes = ops.cast(codes, memory.dtype)[None]
        x = ops.zeros((ops.shape(memory)[0], *codes.shape[1:]), dtype=memory.dtype)
        states, weights = [], None
        for block in self.blocks:
            x, weights = block(x, codes, memory, position, padding, training=training)
            states.append(self.norm(x))
        return ops.stack(states), weights
