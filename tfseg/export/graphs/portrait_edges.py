"""Probabilities that follow a photograph's edges, in a TensorFlow graph.

The same arithmetic as `tfseg.models.portrait.edges` and `decode`, in the same precision.
"""

from __future__ import annotations

import tensorflow as tf

from tfseg.export.resize import resize_reals
from tfseg.models.portrait.edges import RADIUS, SMOOTHNESS

__all__ = ["EdgeShares", "fitted_lines"]


def fitted_lines(guide: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Returns linear functions of colour, float32 `(K, B, h, w, 4)`; see
    `tfseg.models.portrait.edges.fitted_lines`.

    Args:
        guide: `(B, h, w, 3)`, colours from 0 to 255.
        shares: float64 `(B, h, w, K)`.
    """
    colours = tf.cast(guide, tf.float64) / 255
    mean = _window_mean(tf.shape(colours)[1], tf.shape(colours)[2])
    centre, level = mean(colours), mean(shares)
    squares = mean(_outer(colours, colours)) - _outer(centre, centre)
    shape = tf.shape(colours)[:3]
    matrix = tf.reshape(squares, tf.concat([shape, (3, 3)], 0))
    inverse = tf.linalg.inv(matrix + SMOOTHNESS * tf.eye(3, dtype=tf.float64))
    together = mean(_outer(shares, colours)) - _outer(level, centre)
    together = tf.reshape(together, tf.concat([shape, (tf.shape(shares)[3], 3)], 0))
    slopes = tf.matmul(together, inverse)  # which is symmetric
    rests = level - tf.linalg.matvec(slopes, centre)
    lines = tf.concat([slopes, rests[..., None]], axis=-1)
    flat = tf.reshape(lines, tf.concat([shape, (4 * tf.shape(shares)[3],)], 0))
    lines = tf.reshape(mean(flat), tf.shape(lines))
    return tf.cast(tf.transpose(lines, (3, 0, 1, 2, 4)), tf.float32)


def _outer(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns the products of all channels, `(B, h, w, C D)`."""
    products = first[..., :, None] * second[..., None, :]
    return tf.reshape(products, tf.concat([tf.shape(first)[:3], (-1,)], 0))


def _window_mean(height: tf.Tensor, width: tf.Tensor):
    """Returns what takes the mean of maps float64 `(B, h, w, C)` over the window of each pixel."""
    longer = tf.cast(tf.maximum(height, width), tf.float64)
    radius = tf.maximum(1, tf.cast(tf.round(RADIUS * longer), tf.int32))

    def total(values, axis, length):
        places = tf.range(length)
        start, end = tf.maximum(places - radius, 0), tf.minimum(places + radius + 1, length)
        sums = tf.cumsum(values, axis=axis)
        sums = tf.concat([tf.zeros_like(tf.gather(sums, [0], axis=axis)), sums], axis=axis)
        counted = tf.reshape(tf.cast(end - start, tf.float64), (-1, 1) if axis == 2 else (-1, 1, 1))
        return (tf.gather(sums, end, axis=axis) - tf.gather(sums, start, axis=axis)) / counted

    return lambda values: total(total(values, 1, height), 2, width)


class EdgeShares:
    """The probability of each class in each pixel of the photographs, class by class.

    Args:
        logits: float32 `(B, h, w, N)` of the part of the input that shows the photographs.
        guide: float32 `(B, h, w, 3)`, that part, grey values from 0 to 255.
        images: int32 `(B, H, W, 3)`, the photographs.
    """

    def __init__(self, logits: tf.Tensor, guide: tf.Tensor, images: tf.Tensor):
        shares = tf.nn.softmax(tf.cast(logits, tf.float64))
        self._lines = fitted_lines(guide, shares[..., 1:])
        self._colours = tf.cast(images, tf.float32) / 255
        self._size = tf.shape(images)[1:3]

    def raw(self, number: tf.Tensor) -> tf.Tensor:
        """Returns what the functions give for a class from 1 on, float32 `(B, H, W)`: about from 0
        to 1."""
        wide = resize_reals(self._lines[number - 1], self._size)
        return tf.reduce_sum(wide[..., :3] * self._colours, axis=-1) + wide[..., 3]

    def all(self, classes: int) -> tf.Tensor:
        """Returns the probabilities of all classes, float32 `(B, H, W, N)`."""
        raw = tf.stack([self.raw(number) for number in range(1, classes)], axis=-1)
        background = tf.maximum(1 - tf.reduce_sum(raw, axis=-1, keepdims=True), 0)
        found = tf.concat([background, tf.maximum(raw, 0)], axis=-1)
        return found / tf.reduce_sum(found, axis=-1, keepdims=True)
