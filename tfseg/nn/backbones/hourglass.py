"""The stacked hourglass, a network that looks at an image at all scales and at fine ones again.

Source: Newell et al., Stacked Hourglass Networks for Human Pose Estimation (2016), section 3; the
feature path alone, without the heat maps that its stacks predict and pass on.
"""

from __future__ import annotations

import keras
from keras import layers

from tfseg.nn.layers.norm import norm

__all__ = ["hourglass"]


def hourglass(
    *,
    input_shape: tuple = (None, None, 3),
    stacks: int = 2,
    depth: int = 4,
    channels: int = 256,
    norm_kind: str = "batch",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    dtype=None,
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` float to `{"P2": ...}`.

    Args:
        input_shape: Without the batch axis; the channels must be known. Both sides must be
            multiples of `4 * 2 ** depth`.
        stacks: Hourglasses one after another.
        depth: How often each halves its map.
        channels: Width of the result, an even number.
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        epsilon: Of the normalisation.
        momentum: Of the normalisation's statistics.
        dtype: Dtype or policy of all layers.

    Returns:
        A functional model; P2 has stride 4 and `channels` channels. Two stacks of depth 4 with 256
        channels have 6,589,312 weights.
    """
    unit = _Unit(dict(kind=norm_kind, epsilon=epsilon, momentum=momentum, dtype=dtype))
    image = keras.Input(input_shape, name="image")
    x = layers.ZeroPadding2D(3, name="stem_pad", dtype=dtype)(image)
    x = unit.conv(x, 64, 7, "stem_conv", strides=2, padding="valid")
    x = unit.activated(x, "stem_bn")
    x = unit.residual(x, channels // 2, "stem_a")
    x = layers.MaxPooling2D(2, name="stem_pool", dtype=dtype)(x)
    x = unit.residual(x, channels // 2, "stem_b")
    x = unit.residual(x, channels, "stem_c")
    for stack in range(1, stacks + 1):
        prefix = f"stack{stack}"
        y = unit.hourglass(x, channels, depth, prefix)
        y = unit.residual(y, channels, f"{prefix}_out")
        y = unit.conv(y, channels, 1, f"{prefix}_feature_conv")
        feature = unit.activated(y, f"{prefix}_feature_bn")
        if stack < stacks:
            back = unit.conv(feature, channels, 1, f"{prefix}_back_conv")
            x = layers.Add(name=f"{prefix}_back", dtype=dtype)([x, back])
    return keras.Model(image, {"P2": feature}, name="hourglass")


class _Unit:
    """Adds convolutions, residual units and hourglasses with one set of settings."""

    def __init__(self, norm_settings: dict):
        self.norm, self.dtype = norm_settings, norm_settings["dtype"]

    def conv(self, x, filters, size, name, *, strides=1, padding="same"):
        return layers.Conv2D(
            filters,
            size,
            strides,
            padding,
            name=name,
            dtype=self.dtype,
            kernel_initializer="he_normal",
        )(x)

    def activated(self, x, name):
        """Adds the normalisation and ReLU."""
        layer = norm(name=name, **self.norm)
        x = x if layer is None else layer(x)
        return layers.ReLU(name=f"{name}_relu", dtype=self.dtype)(x)

    def residual(self, x, channels, prefix):
        """Adds a residual unit that normalises before it convolves."""
        y = x
        for index, (filters, size) in enumerate(
            ((channels // 2, 1), (channels // 2, 3), (channels, 1)), start=1
        ):
            y = self.activated(y, f"{prefix}_bn{index}")
            y = self.conv(y, filters, size, f"{prefix}_conv{index}")
        if x.shape[-1] != channels:
            x = self.conv(x, channels, 1, f"{prefix}_skip")
        return layers.Add(name=f"{prefix}_add", dtype=self.dtype)([y, x])

    def hourglass(self, x, channels, depth, prefix):
        """Adds an hourglass: down by one step, the smaller hourglass, and up again."""
        label = f"{prefix}_h{depth}"
        upper = self.residual(x, channels, f"{label}_upper")
        y = layers.MaxPooling2D(2, name=f"{label}_pool", dtype=self.dtype)(x)
        y = self.residual(y, channels, f"{label}_down")
        if depth > 1:
            y = self.hourglass(y, channels, depth - 1, prefix)
        else:
            y = self.residual(y, channels, f"{label}_bottom")
        y = self.residual(y, channels, f"{label}_up")
        y = layers.UpSampling2D(2, name=f"{label}_enlarge", dtype=self.dtype)(y)
        return layers.Add(name=f"{label}_add", dtype=self.dtype)([upper, y])
