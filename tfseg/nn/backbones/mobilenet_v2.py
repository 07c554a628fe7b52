"""MobileNetV2 with the layer names of Keras Applications, whose ImageNet weights fit by name.

That builder cannot keep the resolution of the last stage, and ends in 1280 channels that nobody
here wants. The layers are asked for from an object, because the portrait network is also built by
another Keras (for quantisation-aware training) and in another form (for phones).

Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks (2018), table 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who answers without Keras reads the table of the taps
    import keras

__all__ = ["convolutions", "mobilenet_v2", "mobilenet_v2_taps", "round_channels"]

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


def mobilenet_v2_taps(blocks, image, *, width: float = 1.0, output_stride: int = 32) -> dict:
    """Returns the outputs of all blocks by the name of the layer they come from, in order.

    Args:
        blocks: Makes and applies layers by name: `conv_norm(x, filters, size, name, *, norm,
            strides)` without bias, `depthwise(x, name, *, strides, rate)`, `norm(x, name)`,
            `relu(x, name, largest)`, `add(maps, name)`.
        image: `(B, H, W, D)` in [-1, 1].
        width: Multiplies all channels (the paper's alpha).
        output_stride: 32, or 16 to keep the resolution of the last stage by dilation instead of
            a stride.
    """
    x = blocks.conv_norm(image, round_channels(32 * width), 3, "Conv1", norm="bn_Conv1", strides=2)
    x = blocks.relu(x, "Conv1_relu", 6.0)
    taps, scale, rate, index = {}, 2, 1, 0
    for expansion, channels, repeats, stride in _STAGES:
        for repeat in range(repeats):
            strides, dilation = stride if repeat == 0 else 1, rate
            if strides * scale > output_stride:
                strides, rate = 1, 2  # the blocks behind this one see as far as they would have
            scale *= strides
            prefix = f"block_{index}_" if index else "expanded_conv_"
            shape = (expansion, round_channels(channels * width), strides, dilation)
            x = _block(blocks, x, shape, prefix, taps)
            index += 1
    return taps


def _block(blocks, x, shape: tuple[int, int, int, int], prefix: str, taps: dict):
    """Returns the output of an inverted residual block, and notes it under its layer's name."""
    inputs, (expansion, channels, strides, rate) = x, shape
    if expansion != 1:
        hidden = expansion * x.shape[-1]
        x = blocks.conv_norm(x, hidden, 1, f"{prefix}expand", norm=f"{prefix}expand_BN")
        x = blocks.relu(x, f"{prefix}expand_relu", 6.0)
    x = blocks.depthwise(x, f"{prefix}depthwise", strides=strides, rate=rate)
    x = blocks.norm(x, f"{prefix}depthwise_BN")
    x = blocks.relu(x, f"{prefix}depthwise_relu", 6.0)
    x = blocks.conv_norm(x, channels, 1, f"{prefix}project", norm=f"{prefix}project_BN")
    taps[f"{prefix}project_BN"] = x
    if strides == 1 and inputs.shape[-1] == channels:
        x = taps[f"{prefix}add"] = blocks.add([inputs, x], f"{prefix}add")
    return x


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
    import keras

    from tfseg.nn.layers.norm import norm

    def normalisation(name):
        return norm(norm_kind, name, epsilon=epsilon, momentum=momentum, dtype=dtype)

    image = keras.Input(input_shape, name="image")
    taps = mobilenet_v2_taps(_Blocks(keras.layers, normalisation, dtype), image, width=width)
    # The last block before each stride, and the last of all.
    last = "block_2_add", "block_5_add", "block_12_add", "block_16_project_BN"
    stages = {f"C{level}": taps[name] for level, name in enumerate(last, 2)}
    return keras.Model(image, stages, name="mobilenet_v2")


class _Blocks:
    """Makes layers with one set of settings, see `mobilenet_v2_taps`."""

    def __init__(self, layers, normalisation, dtype):
        self.layers, self.normalisation, self.dtype = layers, normalisation, dtype

    def conv_norm(self, x, filters, size, name, *, norm, strides=1):
        x = self.layers.Conv2D(
            filters,
            size,
            strides,
            "same",
            use_bias=False,
            name=name,
            dtype=self.dtype,
            kernel_initializer="he_normal",
        )(x)
        return self.norm(x, norm)

    def depthwise(self, x, name, *, strides=1, rate=1):
        return self.layers.DepthwiseConv2D(
            3,
            strides,
            "same",
            dilation_rate=rate,
            use_bias=False,
            name=name,
            dtype=self.dtype,
            depthwise_initializer="he_normal",
        )(x)

    def norm(self, x, name):
        layer = self.normalisation(name)
        return x if layer is None else layer(x)

    def relu(self, x, name, largest):
        return self.layers.ReLU(largest, name=name, dtype=self.dtype)(x)

    def add(self, maps, name):
        return self.layers.Add(name=name, dtype=self.dtype)(maps)
