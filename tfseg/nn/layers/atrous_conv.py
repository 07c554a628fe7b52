"""Dilated convolution that leaves out the taps which could only meet padding."""

from __future__ import annotations

import functools

import keras
from keras import ops

__all__ = ["AtrousConv2D"]


@keras.saving.register_keras_serializable("tfseg")
class AtrousConv2D(keras.layers.Conv2D):
    """A 3x3 convolution with a dilation rate and "same" padding, cheaper on small maps.

    On a map whose height is at most the rate, the upper and the lower row of the kernel lie
    outside wherever the centre is, and so with columns. The result without them is the same; on
    the 8 x 6 map that ASPP sees of an image of 256 x 192 pixels, 13 of its 27 taps remain.
    Weights, names and results are those of `keras.layers.Conv2D`.
    """

    def call(self, inputs):
        """Returns `(B, h, w, filters)` of `(B, h, w, D)`."""
        sides = ops.shape(inputs)[1:3]
        outside = [rate >= side for rate, side in zip(self.dilation_rate, sides)]
        if None not in inputs.shape[1:3]:
            return self._without(inputs, *outside)
        # The size is a tensor: the compiled graph looks at it when it runs.
        tall, wide = (ops.cast(each, "int32") for each in outside)
        cases = [(False, False), (False, True), (True, False), (True, True)]
        branches = [functools.partial(self._without, inputs, *case) for case in cases]
        return ops.switch(2 * tall + wide, branches)

    def _without(self, inputs, rows: bool, columns: bool):
        """Returns the convolution without the kernel's outer rows, columns, or both."""
        if not rows and not columns:
            return super().call(inputs)
        kernel, rates = ops.convert_to_tensor(self.kernel), list(self.dilation_rate)
        for axis, left_out in enumerate((rows, columns)):
            if left_out:
                kernel, rates[axis] = ops.split(kernel, 3, axis=axis)[1], 1
        x = ops.cast(inputs, self.compute_dtype)
        y = ops.conv(x, kernel, 1, "same", data_format="channels_last", dilation_rate=tuple(rates))
        return y if self.bias is None else y + self.bias
