"""Maps of a parsing network at the size of an image: interpolated, compared, told apart."""

from __future__ import annotations

import tensorflow as tf

from tfseg.models.hptr.config import MAP_STRIDE

__all__ = ["Blend", "boxes_of", "owners_of", "sigmoid"]

_LARGEST = 80.0  # e^80 is within float32


class Blend:
    """Brings a map of the network to the image's size, as `tfseg.structures.pasting.linear_weights`
    does.

    Args:
        size: int32 `(2,)`, the image's.
        inside: int32 `(2,)`, at which the network saw it.
    """

    def __init__(self, size: tf.Tensor, inside: tf.Tensor):
        self.size, self.cells = size, (inside + MAP_STRIDE - 1) // MAP_STRIDE
        self.weights = [self._weights(axis, inside) for axis in (0, 1)]

    def _weights(self, axis: int, inside: tf.Tensor) -> tf.Tensor:
        length, cells = (tf.cast(x[axis], tf.float64) for x in (self.size, self.cells))
        end = length * cells * MAP_STRIDE / tf.cast(inside[axis], tf.float64)
        place = (tf.range(length, dtype=tf.float64) + 0.5) * (cells / end) - 0.5
        place = tf.clip_by_value(place, 0.0, cells - 1)
        distance = tf.abs(place[:, None] - tf.range(cells, dtype=tf.float64))
        return tf.cast(tf.maximum(1.0 - distance, 0.0), tf.float32)

    def __call__(self, cells: tf.Tensor) -> tf.Tensor:
        """Returns float32 `(H, W)` of the cells, float32 `(h, w)`; what shows padding is cut."""
        seen = cells[: self.cells[0], : self.cells[1]]
        return self.weights[0] @ seen @ tf.transpose(self.weights[1])


def owners_of(masks, scores, count, blend: Blend) -> tf.Tensor:
    """Returns whose each pixel is, int32 `(H, W)`: 1 + the row, 0 for nobody."""

    def add(row, best, owners):
        wide = blend(sigmoid(masks[row]))
        value = tf.where(wide > 0.5, wide * scores[row], 0.0)
        better = value > best
        return row + 1, tf.where(better, value, best), tf.where(better, row + 1, owners)

    spec = tf.TensorShape((None, None))
    start = (0, tf.zeros(blend.size), tf.zeros(blend.size, tf.int32))
    return tf.while_loop(
        lambda row, *_: row < count,
        add,
        start,
        shape_invariants=(tf.TensorShape(()), spec, spec),
        parallel_iterations=1,
    )[2]


def boxes_of(shares: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns `(y1, x1, y2, x2)` in pixels within the image of `(cx, cy, w, h)`."""
    cx, cy, width, height = tf.unstack(shares, axis=-1)
    ends = [cy - height / 2, cx - width / 2, cy + height / 2, cx + width / 2]
    return tf.clip_by_value(tf.stack(ends, axis=-1), 0.0, 1.0) * tf.tile(size, (2,))


def sigmoid(logits: tf.Tensor) -> tf.Tensor:
    """Returns probabilities of logits, of the same shape."""
    return 1.0 / (1.0 + tf.exp(-tf.clip_by_value(logits, -_LARGEST, _LARGEST)))
