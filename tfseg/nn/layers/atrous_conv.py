"""Dilated convolution that leaves out the taps which could only meet padding."""

from __future__ import annotations

import keras
from keras import ops

__all__ = ["AtrousConv2D"]


@keras.saving.register_keras_serializable("tfseg")
class AtrousConv2D(keras.layers.Conv2D):
    """A 3x3 convolution with a dilation rate and "same" padding, cheaper on small maps.

    On a map whose height is at most the rate, the upper and the lower row of the kernel lie
    outside wherever the centre is, and so with columns. The result without them is the same; on
    the 8 x 6 map that ASPP sees of a picture of 256 x 192 pixels, 13 of its 27 taps remain.
    Weights, names and results are those of `keras.layers.Conv2D`.
    """

    def call(self, inputs):
        """Returns `(B, h, w, filters)` of `(B, h, w, D)`."""
        sides = inputs.shape[1:3]
        if None in sides or all(rate < side for rate, side in zip(self.dilation_rate, sides)):
            return super().call(inputs)
        kernel, rates = ops.convert_to_tensor(self.kernel), []
        for axis, (rate, side) in enumerate(zip(self.dilation_rate, sides)):
            if rate >= side:
                kernel = ops.split(kernel, 3, axis=axis)[1]
            rates.append(rate if rate < side else 1)
        x = ops.cast(inputs, self.compute_dtype)
        y = ops.conv(x, kernel, 1, "same", data_format="channels_last", dilation_rate=tuple(rates))
        return y if self.bias is None else y + self.bias
