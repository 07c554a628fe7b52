"""Where the portrait network taps its encoder, MobileNetV2, and how wide its decoder is."""

from __future__ import annotations

import dataclasses

from tfseg.nn.backbones.mobilenet_v2 import mobilenet_v2_taps

__all__ = ["PRESETS", "Preset", "encode"]


@dataclasses.dataclass(frozen=True)
class Preset:
    """Where the decoder taps the encoder; blocks behind the last tap are left out.

    Attributes:
        taps: Names of the layers whose outputs are Mv2-1 to Mv2-4.
        strides: Pixels of the image for one pixel of each; the last one is that of the encoder.
        channels: Of each, of an encoder of width 1.
        rates: Dilation rates of ASPP's three 3x3 convolutions.
        decoder_width: Channels of the decoder's features, where the settings say nothing.
        edge_width: Of its boundary features, likewise.
    """

    taps: tuple[str, str, str, str]
    strides: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    rates: tuple[int, int, int]
    decoder_width: int = 256
    edge_width: int = 64


_FROM_4 = ("block_2_add", "block_5_add", "block_12_add", "block_16_project_BN")
_SHORT = ("block_2_add", "block_5_add", "block_9_add", "block_11_add")
_FROM_2 = ("expanded_conv_project_BN", "block_2_add", "block_5_add", "block_16_project_BN")
PRESETS = {
    "paper": Preset(_FROM_2, (2, 4, 8, 16), (16, 24, 32, 320), (6, 12, 18)),
    "light": Preset(_FROM_4, (4, 8, 16, 32), (24, 32, 96, 320), (3, 6, 9)),
    "dilated": Preset(_FROM_4, (4, 8, 16, 16), (24, 32, 96, 320), (6, 12, 18)),
    "nano": Preset(_SHORT, (4, 8, 16, 16), (24, 32, 64, 96), (3, 6, 9), 32, 16),
}
"""The four layers by preset. The rates are DeepLabv3's, scaled with the output stride; those of
"nano", made for 256 x 192 pixels, with the 16 x 12 pixels of its last map."""


def encode(blocks, image, preset: Preset, width: float = 1.0) -> list:
    """Returns the outputs of the four taps of an image in [-1, 1], finest first.

    Args:
        blocks: A `graph.Blocks`: makes layers in one Keras with one set of settings.
        image: `(B, H, W, 3)`.
        preset: Which taps.
        width: Multiplies all channels.
    """
    taps = mobilenet_v2_taps(blocks, image, width=width, output_stride=preset.strides[-1])
    return [taps[name] for name in preset.taps]
