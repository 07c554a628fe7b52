"""Bringing one feature map to the size of another, whatever that turns out to be."""

from __future__ import annotations

import keras
from keras import ops

__all__ = ["ResizeLike", "bilinear"]


@keras.saving.register_keras_serializable("tfseg")
class ResizeLike(keras.layers.Layer):
    """Resizes the first input to the rows and columns of the second.

    Bilinear with half-pixel centres and without a low-pass filter: halving takes the mean of
    2 x 2 pixels, doubling the usual weights 1/4 and 3/4; a single pixel is repeated.
    """

    def call(self, inputs):
        """Returns `(B, h', w', D)` of the inputs `(B, h, w, D)` and `(B, h', w', any)`."""
        x, like = inputs
        if None not in x.shape[1:3] and x.shape[1:3] == like.shape[1:3]:
            return x
        # float32: bfloat16 cannot tell the places of neighbouring pixels of large maps apart.
        x = ops.cast(x, "float32")
        size = tuple(ops.shape(like)[1:3])
        if x.shape[1:3] == (1, 1):
            wide = ops.broadcast_to(x, (ops.shape(x)[0], *size, x.shape[3]))
        elif all(isinstance(side, int) for side in size):
            wide = ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")
        else:  # an exported model meets images of sizes that are not known when it is made
            wide = bilinear(bilinear(x, size[0], 1), size[1], 2)
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns the second shape with the channels of the first."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])


def bilinear(x, length, axis: int):
    """Returns float32 `x` with `length` rows or columns in place of those it has, the same numbers
    as `keras.ops.image.resize`, which cannot take a length that is a tensor.

    Args:
        x: float32 `(B, h, w, D)`.
        length: An integer, or a tensor of one.
        axis: 1 or 2.
    """
    before = ops.shape(x)[axis]
    scale = ops.cast(before, "float32") / ops.cast(length, "float32")
    places = (ops.cast(ops.arange(length), "float32") + 0.5) * scale - 0.5
    low = ops.floor(places)
    shape = (-1, 1, 1) if axis == 1 else (-1, 1)
    share = ops.reshape(places - low, shape)
    low = ops.cast(low, "int32")
    first = ops.take(x, ops.clip(low, 0, before - 1), axis=axis)
    second = ops.take(x, ops.clip(low + 1, 0, before - 1), axis=axis)
    return first + (second - first) * share
