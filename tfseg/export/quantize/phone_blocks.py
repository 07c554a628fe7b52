"""The portrait network's layers in forms that an int8 interpreter has, with equal results.

Two things resist: a dilated convolution keeps float tensors in the converted file, and an `Add` of
many maps has sums in between that nobody quantises. Both have exact equivalents.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfseg.export.quantize.twin import TwinBlocks
from tfseg.models.portrait.graph import GraphOptions

__all__ = ["PhoneBlocks", "spread_kernel"]


class PhoneBlocks(TwinBlocks):
    """Makes layers for one size, each of which quantises.

    Attributes:
        changed: Layer name to the function that turns the original layer's arrays into this
            one's; see `twin.copy_weights`.
    """

    def __init__(self, keras, options: GraphOptions):
        super().__init__(keras, options)
        self.constraints = keras.constraints
        self.changed: dict[str, Callable] = {}

    def conv(self, x, filters, size, name, *, bias=True, strides=1, rate=1):
        """A convolution; a dilated one as shifted maps, one behind the other, and a 1 x 1 one.

        Shifts of a whole map's length show padding alone and are left out: at rate 9 a map of
        8 x 6 pixels has only its centre left.
        """
        if rate == 1:
            return super().conv(x, filters, size, name, bias=bias, strides=strides)
        h, w, depth = x.shape[1:]
        reach = size // 2
        rows = [i for i in range(-reach, reach + 1) if abs(i) * rate < h]
        columns = [i for i in range(-reach, reach + 1) if abs(i) * rate < w]
        maps = self._shifted(x, [(i * rate, j * rate) for i in rows for j in columns], name)
        inside = np.ix_([i + reach for i in rows], [j + reach for j in columns])

        def flat(arrays):
            kernel, *rest = arrays
            return [kernel[inside].reshape(1, 1, len(rows) * len(columns) * depth, filters), *rest]

        self.changed[name] = flat
        return super().conv(maps, filters, 1, name, bias=bias)

    def depthwise(self, x, name, *, strides=1, rate=1):
        """A 3 x 3 depthwise convolution; at rate 2 as 5 x 5 with zeros that stay zero."""
        if rate == 1:
            return super().depthwise(x, name, strides=strides)
        self.changed[name] = lambda arrays: [spread_kernel(arrays[0], rate), *arrays[1:]]
        return self.layers.DepthwiseConv2D(
            2 * rate + 1,
            strides,
            "same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=name,
        )(x)

    def add(self, maps, name):
        """Sum, two maps at a time."""
        total = maps[0]
        for number, other in enumerate(maps[1:], 2):
            last = number == len(maps)
            total = super().add([total, other], name if last else f"{name}_{number}")
        return total

    def _shifted(self, x, shifts, name):
        """Returns `x` seen from each place `(rows, columns)` away, `(B, h, w, shifts * D)`."""
        h, w = x.shape[1:3]
        down = max(abs(i) for i, _ in shifts)
        right = max(abs(j) for _, j in shifts)
        if (down, right) == (0, 0):
            return x
        padded = self.layers.ZeroPadding2D((down, right), name=f"{name}_pad")(x)
        seen = []
        for number, (i, j) in enumerate(shifts, 1):
            crop = ((down + i, down - i), (right + j, right - j))
            seen.append(self.layers.Cropping2D(crop, name=f"{name}_shift{number}")(padded))
        return self.concat(seen, f"{name}_shifts")


def spread_kernel(kernel: np.ndarray, rate: int) -> np.ndarray:
    """Returns a `(k, k, D, 1)` kernel with zeros in between: what dilation does, written out."""
    size = (kernel.shape[0] - 1) * rate + 1
    wide = np.zeros((size, size, *kernel.shape[2:]), kernel.dtype)
    wide[::rate, ::rate] = kernel
    return wide
