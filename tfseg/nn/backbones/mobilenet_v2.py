"""MobileNetV2 with the layer names of Keras Applications, whose ImageNet weights fit by name.

Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks (2018), table 2.
"""

from __future__ import annotations

import keras
from keras import layers

from tfseg.nn.layers.norm import norm

__all__ = ["convolutions", "mobilenet_v2", "round_channels"]

# (expansion, channels, repeats, stride) of table 2
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def round_channels(channels: float, divisor: int = 8) -> int:
    """Returns channels rounded to a multiple of 8, never more than a tenth below."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def convolutions(width: float = 1.0) -> list[tuple[str, str, tuple[int, ...]]]:
    """Returns `(name, name of its norm, shape of its kernel)` of each convolution, in their order.

    Args:
        width: See `mobilenet_v2`.
    """
    inputs = round_channels(32 * width)
    found, block = [("Conv1", "bn_Conv1", (3, 3, 3, inputs))], 0
    for expansion, channels, repeats, _ in _STAGES:
        for _ in range(repeats):
            prefix = f"block_{block}_" if block else "expanded_conv_"
            outputs, middle = round_channels(channels * width), expansion * inputs
            parts = {"depthwise": (3, 3, middle, 1), "project": (1, 1, middle, outputs)}
            if expansion != 1:
                parts = {"expand": (1, 1, inputs, middle), **parts}
            found += [(f"{prefix}{n}", f"{prefix}{n}_BN", shape) for n, shape in parts.items()]
            inputs, block = outputs, block + 1
    return found


def mobilenet_v2(
    *,
    input_shape: tuple = (None, None, 3),
    width: float = 1.0,
    norm_kind: str = "batch",
    epsilon: float = 1e-3,
    momentum: float = 0.95,
    dtype=None,
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` in [-1, 1] to `{"C2": ..., "C5": ...}`.

    Args:
        input_shape: Without the batch axis; the channels must be known.
        width: Multiplies all channels (the paper's alpha).
        norm_kind: See `tfseg.nn.layers.norm.norm`.
        epsilon: Of the normalisation.
        momentum: Of the normalisation's statistics. Keras Applications' 0.999 suits long
            trainings; short ones would be tested with half initial statistics.
        dtype: Dtype or policy of all layers.

    Returns:
        A functional model; stages have strides 4, 8, 16, 32 and, at width 1, 24, 32, 96 and 320
        channels.
    """
    unit = _Unit(dict(kind=norm_kind, epsilon=epsilon, momentum=momentum, dtype=dtype))
    image = keras.Input(input_shape, name="image")
    x = unit.conv(image, round_channels(32 * width), 3, "Conv1", "bn_Conv1", strides=2)
    x = layers.ReLU(6.0, name="Conv1_relu", dtype=dtype)(x)
    outputs, scale, block = {}, 2, 0
    for expansion, channels, repeats, stride in _STAGES:
        for index in range(repeats):
            strides = stride if index == 0 else 1
            if strides == 2:
                outputs[scale] = x
                scale *= 2
            x = unit.block(x, round_channels(channels * width), expansion, strides, block)
            block += 1
    outputs[scale] = x
    stages = {f"C{i}": outputs[2**i] for i in range(2, 6)}
    return keras.Model(image, stages, name="mobilenet_v2")


class _Unit:
    """Adds inverted residual blocks with one set of settings."""

    def __init__(self, norm_settings: dict):
        self.norm = norm_settings
        self.dtype = norm_settings["dtype"]

    def _normalise(self, x, name):
        layer = norm(name=name, **self.norm)
        return x if layer is None else layer(x)

    def _relu(self, x, name):
        return layers.ReLU(6.0, name=name, dtype=self.dtype)(x)

    def conv(self, x, filters, size, name, norm_name, strides=1):
        x = layers.Conv2D(
            filters,
            size,
            strides,
            "same",
            use_bias=False,
            name=name,
            dtype=self.dtype,
            kernel_initializer="he_normal",
        )(x)
        return self._normalise(x, norm_name)

    def block(self, x, channels, expansion, strides, index):
        prefix = f"block_{index}_" if index else "expanded_conv_"
        inputs = x
        if expansion != 1:
            x = self.conv(x, expansion * x.shape[-1], 1, prefix + "expand", prefix + "expand_BN")
            x = self._relu(x, prefix + "expand_relu")
        x = layers.DepthwiseConv2D(
            3,
            strides,
            "same",
            use_bias=False,
            name=prefix + "depthwise",
            dtype=self.dtype,
            depthwise_initializer="he_normal",
        )(x)
        x = self._relu(self._normalise(x, prefix + "depthwise_BN"), prefix + "depthwise_relu")
        x = self.conv(x, channels, 1, prefix + "project", prefix + "project_BN")
        if strides == 1 and inputs.shape[-1] == channels:
            x = layers.Add(name=prefix + "add", dtype=self.dtype)([inputs, x])
        return x
