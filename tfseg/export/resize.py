"""Resizing 8-bit images in TensorFlow, to the same grey values as in prediction.

`resize` is the rule of `tfseg.geometry.shrink`, to the bit. Images that get smaller along
an axis go through Pillow's low-pass filter: weights of 22 bits, rows first, rounded to whole
grey values after each axis. Others are interpolated as OpenCV does it, in fixed point and cut off
on the way: weights of 11 bits, columns first, then rows with the lowest 4 and 16 bits cut off.
`tf.image.resize` differs from either by one grey value in one pixel of ten, and a network sees
that. `resize_cut_off` is the rule of `tfseg.geometry.matterport`.
"""

from __future__ import annotations

import tensorflow as tf

__all__ = ["resize", "resize_cut_off", "resize_reals"]

_BITS = 22  # of Pillow's weights


def resize(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns resized images, int32 `(B, h, w, D)`.

    Args:
        images: int32 `(B, H, W, D)` from 0 to 255.
        size: int32 `(2,)`, `(h, w)`.
    """
    return tf.cond(
        tf.reduce_any(size < tf.shape(images)[1:3]),
        lambda: _filtered(images, size),
        lambda: _interpolated(images, size),
    )


def resize_reals(maps: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns resized maps of real numbers, float32 `(B, h, w, D)`, by the same rule.

    Args:
        maps: float32 `(B, H, W, D)`.
        size: int32 `(2,)`, `(h, w)`.
    """
    # TensorFlow's filter is the same triangle; where nothing shrinks its interpolation is faster.
    return tf.cond(
        tf.reduce_any(size < tf.shape(maps)[1:3]),
        lambda: tf.image.resize(maps, size, antialias=True),
        lambda: tf.image.resize(maps, size),
    )


def _filtered(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    rows = _filtered_rows(tf.cast(images, tf.uint8), size[0])
    # Turned twice, because whole rows are gathered much faster than single pixels.
    columns = _filtered_rows(tf.transpose(rows, (0, 2, 1, 3)), size[1])
    return tf.cast(tf.transpose(columns, (0, 2, 1, 3)), tf.int32)


def _filtered_rows(images: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns images uint8 `(B, count, W, D)` of uint8 `(B, H, W, D)`.

    Neighbour by neighbour: the first one of every new row, then the second one, and so on. A
    product with the whole matrix of weights would mostly multiply by 0.
    """
    batch, length, width, depth = tf.unstack(tf.shape(images))
    first, weights = _triangles(length, count)

    def add(number, total):
        values = tf.gather(images, tf.minimum(first + number, length - 1), axis=1)
        return number + 1, total + tf.cast(values, tf.int32) * weights[number][:, None, None]

    _, total = tf.while_loop(
        lambda number, _: number < tf.shape(weights)[0],
        add,
        (0, tf.fill((batch, count, width, depth), 1 << (_BITS - 1))),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None,) * 4)),
        parallel_iterations=1,
    )
    rounded = tf.minimum(tf.bitwise.right_shift(total, _BITS), 255)
    return tf.ensure_shape(tf.cast(rounded, tf.uint8), (None, None, None, images.shape[3]))


def _triangles(length: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns for each of `count` new pixels the first old one that it sees, int32 `(count,)`, and
    the weights of that one and those behind it, int32 `(K, count)`, in units of 2^-22."""
    scale = tf.cast(length, tf.float64) / tf.cast(count, tf.float64)
    support = tf.maximum(scale, 1.0)
    centres = (tf.cast(tf.range(count), tf.float64) + 0.5) * scale
    first = tf.maximum(tf.cast(centres - support + 0.5, tf.int32), 0)
    behind = tf.minimum(tf.cast(centres + support + 0.5, tf.int32), length)
    most = tf.reduce_max(behind - first)
    places = first + tf.range(most)[:, None]
    distance = (tf.cast(places, tf.float64) - centres + 0.5) * (1.0 / support)
    heights = tf.where(places < behind, tf.maximum(1.0 - tf.abs(distance), 0.0), 0.0)
    shares = heights / tf.reduce_sum(heights, axis=0)
    return first, tf.cast(shares * (1 << _BITS) + 0.5, tf.int32)


def _interpolated(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
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
    """Returns resized images, int32 `(B, h, w, D)`, with black beyond their edges and fractions
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
