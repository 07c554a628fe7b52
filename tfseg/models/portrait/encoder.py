"""MobileNetV2 as the encoder of the portrait network, in whichever Keras builds it.

Layers are named as in Keras Applications, so that its ImageNet weights fit by name. That builder
cannot keep the resolution of the last stage, and ends in 1280 channels that are not wanted here.

Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks (2018), table 2.
"""

from __future__ import annotations

import dataclasses

__all__ = ["PRESETS", "Preset", "encode"]

# (expansion, channels, stride) of each block after the first
_BLOCKS = (
    *((6, 24, 2), (6, 24, 1)),
    *((6, 32, 2), (6, 32, 1), (6, 32, 1)),
    *((6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)),
    *((6, 96, 1), (6, 96, 1), (6, 96, 1)),
    *((6, 160, 2), (6, 160, 1), (6, 160, 1)),
    (6, 320, 1),
)
_LAST_STAGE = 13  # the block whose stride output stride 16 leaves out


@dataclasses.dataclass(frozen=True)
class Preset:
    """Where the decoder taps the encoder.

    Attributes:
        taps: Names of the layers whose outputs are Mv2-1 to Mv2-4.
        strides: Pixels of the image for one pixel of each.
        channels: Of each.
        rates: Dilation rates of ASPP's three 3x3 convolutions.
        dilated: Whether the last stage keeps its resolution by dilation instead of a stride.
    """

    taps: tuple[str, str, str, str]
    strides: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    rates: tuple[int, int, int]
    dilated: bool


_FROM_4 = ("block_2_add", "block_5_add", "block_12_add", "block_16_project_BN")
_FROM_2 = ("expanded_conv_project_BN", "block_2_add", "block_5_add", "block_16_project_BN")
PRESETS = {
    "paper": Preset(_FROM_2, (2, 4, 8, 16), (16, 24, 32, 320), (6, 12, 18), True),
    "light": Preset(_FROM_4, (4, 8, 16, 32), (24, 32, 96, 320), (3, 6, 9), False),
    "dilated": Preset(_FROM_4, (4, 8, 16, 16), (24, 32, 96, 320), (6, 12, 18), True),
}
"""The four layers by preset. The rates are DeepLabv3's, scaled with the output stride."""


def encode(blocks, image, preset: Preset) -> list:
    """Returns the outputs of the four taps of an image in [-1, 1], finest first.

    Args:
        blocks: A `graph.Blocks`: makes layers in one Keras with one set of settings.
        image: `(B, H, W, 3)`.
        preset: Which taps.
    """
    x = blocks.conv_norm(image, 32, 3, "Conv1", norm="bn_Conv1", strides=2)
    x = blocks.relu(x, "Conv1_relu", 6.0)
    found = {}
    x = _bottleneck(blocks, x, None, 16, 1, 1, "expanded_conv_", found)
    for number, (expansion, channels, strides) in enumerate(_BLOCKS, 1):
        rate = 1
        if preset.dilated and number == _LAST_STAGE:
            strides = 1
        elif preset.dilated and number > _LAST_STAGE:
            rate = 2
        x = _bottleneck(blocks, x, expansion, channels, strides, rate, f"block_{number}_", found)
    return [found[name] for name in preset.taps]


def _bottleneck(blocks, x, expansion, channels, strides, rate, prefix, found):
    """Returns the output of an inverted residual block, and notes it under its layer's name."""
    inputs = x
    if expansion is not None:
        width = expansion * inputs.shape[-1]
        x = blocks.conv_norm(x, width, 1, f"{prefix}expand", norm=f"{prefix}expand_BN")
        x = blocks.relu(x, f"{prefix}expand_relu", 6.0)
    x = blocks.depthwise(x, f"{prefix}depthwise", strides=strides, rate=rate)
    x = blocks.norm(x, f"{prefix}depthwise_BN")
    x = blocks.relu(x, f"{prefix}depthwise_relu", 6.0)
    x = blocks.conv_norm(x, channels, 1, f"{prefix}project", norm=f"{prefix}project_BN")
    found[f"{prefix}project_BN"] = x
    if strides == 1 and inputs.shape[-1] == channels:
        x = found[f"{prefix}add"] = blocks.add([inputs, x], f"{prefix}add")
    return x
