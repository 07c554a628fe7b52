"""A decoder whose queries are boxes, which every layer moves: DAB-DETR.

DETR's queries learn where to look by themselves, which takes hundreds of epochs. Here each query is
a box; its centre is compared with the places of the cells apart from what the query holds, and its
extent says how far it looks.

Source: Liu et al., DAB-DETR: Dynamic Anchor Boxes are Better Queries for DETR (2022); the attention
that keeps content and place apart is that of Meng et al., Conditional DETR (2021). Its first layer
adds places to contents as well; this one does not, because contents start from zeros.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers, ops

from tfseg.nn.layers.attention import MASKED
from tfseg.nn.layers.transformer import EncoderLayer

__all__ = ["AnchorDecoder", "ConditionalAttention", "box_codes", "inverse_sigmoid"]

_EPSILON = 1e-5
_LEAST = 1e-3  # of a share, so that its logit and its gradient are finite


def inverse_sigmoid(shares):
    """Returns the logits of shares, float32 of the same shape; 0 and 1 give about -7 and 7."""
    shares = ops.clip(ops.cast(shares, "float32"), _LEAST, 1 - _LEAST)
    return ops.log(shares) - ops.log(1 - shares)


def box_codes(shares, channels: int, temperature: float):
    """Returns sines and cosines of some coordinates, float32 `(..., K * channels / 2)`.

    The code of one coordinate is that of `sine_position_encoding` for a place that is this share of
    the image.

    Args:
        shares: `(..., K)`, each in [0, 1].
        channels: Width of the code of a place, which has two coordinates.
        temperature: See `sine_position_encoding`.
    """
    half = channels // 2
    frequencies = (1.0 / temperature ** (np.arange(0, half, 2) / half)).astype(np.float32)
    angle = ops.cast(shares, "float32")[..., None] * (2 * math.pi) * frequencies
    pairs = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)
    return ops.reshape(pairs, (*ops.shape(shares)[:-1], shares.shape[-1] * half))


@keras.saving.register_keras_serializable("tfseg")
class ConditionalAttention(layers.Layer):
    """Attention of queries to the cells of a map, whose scores are the sum of two products: of what
    both hold, and of where both are.

    Args:
        channels: Width D of states and cells.
        heads: Number of heads; divides the channels.
        dropout: Share of the weights that training sets to 0.
    """

    def __init__(self, channels: int = 256, heads: int = 8, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.heads, self.rate = channels, heads, dropout
        for part in ("query", "key", "value", "query_place", "key_place", "out"):
            dense = layers.Dense(channels, name=part, dtype=self.dtype_policy)
            setattr(self, f"{part}_dense", dense)
        self.drop = layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)

    def build(self, input_shape=None):
        """Builds the projections; their width is known from the settings."""
        shape = (None, None, self.channels)
        for part in ("query", "key", "value", "query_place", "key_place", "out"):
            getattr(self, f"{part}_dense").build(shape)
        self.built = True

    def call(self, x, place, memory, position, padding=None, training=None):
        """Returns `(out, weights)`: `(B, Q, D)`, and float32 `(B, heads, Q, M)`, which sum to 1
        over the cells.

        Args:
            x: `(B, Q, D)`, the states of the queries.
            place: `(B, Q, D)`, the codes of their places.
            memory: `(B, M, D)`, the cells.
            position: `(B, M, D)`, their codes.
            padding: bool `(B, M)`, True for cells that count for nothing.
            training: Whether weights are dropped.
        """
        scale = (2 * self.channels // self.heads) ** -0.5
        content = self._scores(self.query_dense(x) * scale, self.key_dense(memory))
        where = self._scores(self.query_place_dense(place) * scale, self.key_place_dense(position))
        scores = ops.cast(content + where, "float32")
        if padding is not None:
            scores = ops.where(padding[:, None, None, :], MASKED, scores)
        weights = ops.softmax(scores, axis=-1)
        values = self._split(self.value_dense(memory))
        mixed = self.drop(ops.cast(weights, values.dtype), training=training)
        out = ops.transpose(ops.matmul(mixed, values), (0, 2, 1, 3))
        out = ops.reshape(out, (-1, ops.shape(x)[1], self.channels))
        return self.out_dense(out), weights

    def _scores(self, queries, keys):
        return ops.matmul(self._split(queries), ops.transpose(self._split(keys), (0, 1, 3, 2)))

    def _split(self, x):
        shape = (-1, ops.shape(x)[1], self.heads, self.channels // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self):
        """Returns the settings of the layer."""
        own = {"channels": self.channels, "heads": self.heads, "dropout": self.rate}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfseg")
class AnchorDecoderLayer(EncoderLayer):
    """Self-attention of the queries, their attention to the map, then two dense layers.

    Args:
        channels: Width D.
        heads: Heads of both attentions.
        hidden: Width between the two dense layers.
        dropout: See `EncoderLayer`.
    """

    def __init__(self, channels=256, heads=8, hidden=2048, dropout=0.1, **kwargs):
        super().__init__(channels, heads, hidden, dropout, **kwargs)
        self.cross_attention = ConditionalAttention(
            channels, heads, dropout, name="cross_attention", dtype=self.dtype_policy
        )
        self.drop3, self.norm3 = self._drop("drop3"), self._norm("norm3")

    def build(self, input_shape):
        """Builds all parts."""
        super().build(input_shape)
        self.cross_attention.build()
        self.norm3.build((None, None, self.channels))

    def call(self, x, code, place, memory, position, padding=None, training=None):
        """Returns `(states, weights)`: `(B, Q, D)` and float32 `(B, heads, Q, M)`.

        Args:
            x: `(B, Q, D)`, states of the layer before.
            code: `(B, Q, D)`, what tells the queries apart from each other.
            place: `(B, Q, D)`, the code of each query's centre.
            memory: `(B, M, D)`, the encoder's output.
            position: `(B, M, D)`, codes of its cells.
            padding: bool `(B, M)`, True for cells that nobody attends to.
            training: Whether dropout acts.
        """
        both = x + code
        seen = self.self_attention(both, both, x, training=training)
        x = self.norm1(x + self.drop1(seen, training=training))
        seen, weights = self.cross_attention(x, place, memory, position, padding, training=training)
        x = self.norm2(x + self.drop2(seen, training=training))
        x = self.norm3(x + self.drop3(self._feed_forward(x, training), training=training))
        return x, weights


@keras.saving.register_keras_serializable("tfseg")
class AnchorDecoder(layers.Layer):
    """Lets every query gather what is around its box, and moves the box by it, layer after layer.

    Args:
        count: Number of layers L.
        channels: Width D, a multiple of 4.
        heads: Heads of the attentions.
        hidden: Width of the dense layers.
        dropout: See `EncoderLayer`.
        temperature: Of the codes of places, see `sine_position_encoding`.
    """

    def __init__(
        self, count=6, channels=256, heads=8, hidden=2048, dropout=0.1, temperature=20.0, **kwargs
    ):
        super().__init__(**kwargs)
        inner = dict(channels=channels, heads=heads, hidden=hidden, dropout=dropout)
        self.settings = {**inner, "count": count, "temperature": temperature}
        policy = self.dtype_policy
        self.blocks = [
            AnchorDecoderLayer(**inner, name=f"layer{number}", dtype=policy)
            for number in range(count)
        ]
        self.norm = layers.LayerNormalization(epsilon=_EPSILON, name="norm", dtype=policy)
        # Of a box, the code that tells it from others; of a state, how finely its query looks at
        # places, and how wide and high what it looks for is.
        self.code = [self._dense("relu", "code1"), self._dense(None, "code2")]
        self.scale = [self._dense("relu", "scale1"), self._dense(None, "scale2")]
        self.extent = [self._dense("relu", "extent1"), self._dense("sigmoid", "extent2", 2)]

    def _dense(self, activation, name, units=None):
        units = self.settings["channels"] if units is None else units
        return layers.Dense(units, activation, name=name, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Builds all parts; their widths are known from the settings."""
        shape = (None, None, self.settings["channels"])
        for part in (*self.blocks, self.norm, self.code[1], *self.scale, *self.extent):
            part.build(shape)
        self.code[0].build((None, None, 2 * shape[-1]))
        self.built = True

    def call(self, anchors, memory, position, padding=None, *, moves, contents=None, training=None):
        """Returns `(states, boxes, weights)`: the normalised states of all layers
        `(L, B, Q, D)`, their boxes, float32 `(L, B, Q, 4)`, and the last layer's attention to the
        map, float32 `(B, heads, Q, M)`.

        No gradient goes from the boxes of one layer to those of the layer before.

        Args:
            anchors: float `(Q, 4)` or `(B, Q, 4)`, the boxes that queries begin with,
                `(cx, cy, w, h)` as shares of the image.
            memory: `(B, M, D)`, the encoder's output.
            position: `(B, M, D)`, codes of its cells.
            padding: bool `(B, M)`, True for cells that nobody attends to.
            contents: `(B, Q, D)`, the states that queries begin with; None: zeros.
            moves: Given `(B, Q, D)`, returns how each box moves, float32 `(B, Q, 4)` in logits.
            training: Whether dropout acts.
        """
        channels, temperature = self.settings["channels"], self.settings["temperature"]
        count = (ops.shape(memory)[0], anchors.shape[-2])
        x = ops.zeros((*count, channels), dtype=memory.dtype) if contents is None else contents
        box = ops.broadcast_to(ops.cast(anchors, "float32"), (*count, 4))
        states, boxes, weights = [], [], None
        for number, block in enumerate(self.blocks):
            # Rows before columns, as the codes of cells.
            codes = box_codes(ops.take(box, [1, 0, 3, 2], axis=-1), channels, temperature)
            codes = ops.cast(codes, memory.dtype)
            code = _through(self.code, codes)
            place = self._stretched(codes[..., :channels], x, box)
            if number:
                place = place * _through(self.scale, x)
            x, weights = block(x, code, place, memory, position, padding, training=training)
            state = self.norm(x)
            moved = ops.sigmoid(inverse_sigmoid(box) + moves(state))
            states.append(state)
            boxes.append(moved)
            box = ops.stop_gradient(moved)
        return ops.stack(states), ops.stack(boxes), weights

    def _stretched(self, place, x, box):
        """Returns the codes of places with the part of the rows weighted by how high the query's
        object is expected to be against its box, and that of the columns by how wide."""
        half = self.settings["channels"] // 2
        expected = ops.cast(_through(self.extent, x), "float32")  # (B, Q, 2), height and width
        ratio = expected / ops.maximum(ops.take(box, [3, 2], axis=-1), _LEAST)
        weights = ops.repeat(ops.cast(ratio, place.dtype), half, axis=-1)
        return place * weights

    def get_config(self):
        """Returns the settings of the layer."""
        return {**super().get_config(), **self.settings}


def _through(dense, x):
    for each in dense:
        x = each(x)
    return x
