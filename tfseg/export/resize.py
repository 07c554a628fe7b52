"""Bilinear resizing of 8-bit pictures in TensorFlow, to the same grey values as in prediction.

`resize` is OpenCV's, which computes in fixed point and truncates on the way;
`tf.image.resize` differs by one grey value in one pixel of ten, always upwards, and a network
sees that. Its arithmetic is that of OpenCV's linear resize for 8-bit pictures: weights of
11 bits, columns first, then rows with the lowest 4 and 16 bits cut off. `resize_cut_off` is that of
`tfseg.data.augment.matterport`.
"""

from __future__ import annotations

import tensorflow as tf

__all__ = ["resize", "resize_cut_off"]


def resize(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns resized pictures, int32 `(B, h, w, D)`.

    Args:
        images: int32 `(B, H, W, D)` from 0 to 255.
        size: int32 `(2,)`, `(h, w)`.
    """
    shape = tf.shape(images)
    left, weight = _places(shape[2], size[1])
    inside = (left >= 0) & (left < shape[2] - 1)
    first, second = _weights(tf.where(inside, weight, 0.0))
    column = tf.clip_by_value(left, 0, shape[2] - 1)
    following = tf.minimum(column + 1, shape[2] - 1)
    rows = tf.gather(images, column, axis=2) * first[:, None]
    rows += tf.gather(images, following, axis=2) * second[:, None]
    rows = tf.bitwise.right_shift(rows, 4)

    top, weight = _places(shape[1], size[0])
    first, second = _weights(weight)
    above = tf.gather(rows, tf.clip_by_value(top, 0, shape[1] - 1), axis=1)
    below = tf.gather(rows, tf.clip_by_value(top + 1, 0, shape[1] - 1), axis=1)
    above = tf.bitwise.right_shift(above * first[:, None, None], 16)
    below = tf.bitwise.right_shift(below * second[:, None, None], 16)
    return tf.bitwise.right_shift(above + below + 2, 2)


def resize_cut_off(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns resized pictures, int32 `(B, h, w, D)`, with black beyond their edges and fractions
    of a grey value cut off.

    Args:
        images: int32 `(B, H, W, D)` from 0 to 255.
        size: int32 `(2,)`, `(h, w)`.
    """
    lowest = tf.cast(tf.reduce_min(images, axis=(1, 2, 3), keepdims=True), tf.float64)
    highest = tf.cast(tf.reduce_max(images, axis=(1, 2, 3), keepdims=True), tf.float64)
    blended = _blend(_blend(tf.cast(images, tf.float64), size[0], 1), size[1], 2)
    return tf.cast(tf.clip_by_value(blended + 1e-8, lowest, highest), tf.int32)


def _blend(images: tf.Tensor, count: tf.Tensor, axis: int) -> tf.Tensor:
    length = tf.cast(tf.shape(images)[axis], tf.float64)
    images = tf.pad(images, [(1, 1) if a == axis else (0, 0) for a in range(4)])
    places = tf.cast(tf.range(count), tf.float64) + 0.5
    places = places * (length / tf.cast(count, tf.float64)) - 0.5
    before = tf.floor(places)
    share = tf.reshape(places - before, [-1 if a == axis else 1 for a in range(4)])
    first = tf.cast(before, tf.int32) + 1
    result = tf.gather(images, first, axis=axis) * (1.0 - share)
    return result + tf.gather(images, first + 1, axis=axis) * share


def _places(length: tf.Tensor, wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns for each new pixel the old one before its centre, int32, and the share, float32 in
    [0, 1), of the one behind it."""
    scale = tf.cast(length, tf.float64) / tf.cast(wanted, tf.float64)
    centres = (tf.cast(tf.range(wanted), tf.float64) + 0.5) * scale - 0.5
    centres = tf.cast(centres, tf.float32)
    before = tf.floor(centres)
    return tf.cast(before, tf.int32), centres - before


def _weights(share: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    whole = tf.constant(2048.0)
    return (
        tf.cast(tf.round((1.0 - share) * whole), tf.int32),
        tf.cast(tf.round(share * whole), tf.int32),
    )
