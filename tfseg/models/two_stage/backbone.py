"""The backbone that the settings ask for: how it is built, fed, and cut into training stages."""

from __future__ import annotations

import re
from collections.abc import Iterable

import keras
import numpy as np
from keras import ops

from tfseg.models.two_stage.backbone_settings import BackboneSettings
from tfseg.nn.backbones.foreign import foreign_backbone, stage_layers
from tfseg.nn.backbones.foreign_names import Foreign, find, is_foreign
from tfseg.nn.backbones.mobilenet_v2 import mobilenet_v2
from tfseg.nn.backbones.resnet import BLOCKS, resnet

__all__ = ["backbone_layers", "build_backbone", "preprocess"]

_RESNET_STAGE = {
    3: r"(res[345].*)|(bn[345].*)",
    4: r"(res[45].*)|(bn[45].*)",
    5: r"(res5.*)|(bn5.*)",
}
# First block of each stage in MobileNetV2: where its stride is.
_MOBILENET_BLOCK = {3: 3, 4: 6, 5: 13}


def build_backbone(
    config: BackboneSettings, seed: int, source: Foreign | None = None
) -> keras.Model:
    """Returns the backbone: image `(B, H, W, D)` float to `{"C2": ..., "C5": ...}`.

    Args:
        config: Backbone, image, normalisation and dropout.
        seed: Of the dropout.
        source: What the name of a backbone of another library stood for when a model was saved;
            None looks it up.
    """
    side = None if config.image_fit == "padded" else config.image_size
    shape = (side, side, config.channels)
    common = dict(
        input_shape=shape,
        norm_kind=config.norm,
        momentum=config.norm_momentum,
        dtype=config.precision,
    )
    if is_foreign(config.backbone):
        source = source or find(config.backbone)
        return foreign_backbone(source, options=config.backbone_options, **common)
    common["epsilon"] = config.norm_epsilon
    if config.backbone in BLOCKS:
        return resnet(
            config.backbone,
            stride_on_3x3=config.stride_on_3x3,
            conv_bias=config.conv_bias,
            symmetric_padding=config.symmetric_padding,
            dropout=config.dropout,
            dropout_rate=config.dropout_rate,
            dropout_stages=config.dropout_stages,
            seed=seed,
            **common,
        )
    return mobilenet_v2(width=config.backbone_width, **common)


def preprocess(image, config: BackboneSettings, dtype: str):
    """Returns the image as the backbone expects it.

    The pixel mean is subtracted and the result divided by `pixel_std`, which by default are what
    the backbone's published weights want; MobileNetV2 gets [-1, 1].

    Args:
        image: uint8 or float `(B, H, W, D)`, 0 to 255.
        config: Backbone, pixel mean and deviation.
        dtype: Of the result.
    """
    image = ops.cast(image, "float32")
    if config.backbone == "mobilenet_v2":
        image = image / 127.5 - 1.0
    else:
        image = image - np.array(config.pixel_mean, np.float32)
        if any(deviation != 1 for deviation in config.pixel_std):
            image = image / np.array(config.pixel_std, np.float32)
    return ops.cast(image, dtype)


def backbone_layers(
    backbone: keras.Model, config: BackboneSettings, names: Iterable[str], stage: int
) -> set[str]:
    """Returns the names of the backbone's layers from a stage on.

    Args:
        backbone: Of `build_backbone`.
        config: Which backbone it is.
        names: Names of all layers with weights.
        stage: 3, 4 or 5.
    """
    if is_foreign(config.backbone):
        return stage_layers(backbone, stage)
    if config.backbone in BLOCKS:
        return {name for name in names if re.fullmatch(_RESNET_STAGE[stage], name)}
    first = _MOBILENET_BLOCK[stage]
    block = {n: int(n.split("_")[1]) for n in names if n.startswith("block_")}
    return {name for name, index in block.items() if index >= first}
