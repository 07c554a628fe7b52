"""Bringing one feature map to the size of another, whatever that turns out to be."""

from __future__ import annotations

import keras
from keras import ops

__all__ = ["ResizeLike"]


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
        size = ops.shape(like)[1:3]
        if x.shape[1:3] == (1, 1):
            wide = ops.broadcast_to(x, (ops.shape(x)[0], *size, x.shape[3]))
        else:
            wide = ops.image.resize(x, size, interpolation="bilinear", data_format="channels_last")
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        """Returns the second shape with the channels of the first."""
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])
