"""What Keras Applications' weights have to become to give our backbones its outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import keras
import numpy as np

__all__ = ["adapt", "imagenet_name", "weighted_layers"]

_BRANCH = {"1": "0", "2a": "1", "2b": "2", "2c": "3"}


def imagenet_name(name: str) -> str:
    """Returns Keras Applications' name of a ResNet layer: `res2a_branch2a` is
    `conv2_block1_1_conv`. Names of MobileNetV2 are the same in both."""
    if name in ("conv1", "bn_conv1"):
        return "conv1_conv" if name == "conv1" else "conv1_bn"
    match = re.fullmatch(r"(res|bn)([2-5])([a-w])_branch(1|2[abc])", name)
    if match is None:
        return name
    kind, stage, block, branch = match.groups()
    number = ord(block) - ord("a") + 1
    leaf = "conv" if kind == "res" else "bn"
    return f"conv{stage}_block{number}_{_BRANCH[branch]}_{leaf}"


def weighted_layers(network: keras.Model) -> dict[str, keras.layers.Layer]:
    """Returns the layers that own weights, by name, however deep they lie."""
    return {
        layer.name: layer
        for layer in network._flatten_layers(include_self=False)
        if layer._trainable_variables or layer._non_trainable_variables
    }


def adapt(
    layer: keras.layers.Layer,
    values: Mapping[str, np.ndarray],
    *,
    epsilon: float,
    flip_channels: bool,
) -> dict[str, np.ndarray]:
    """Returns a layer's arrays so that our network computes what theirs did.

    Args:
        layer: Ours, which will take the arrays.
        values: Theirs, by variable name.
        epsilon: What their normalisation adds to the variance. Where ours adds another number,
            gamma makes up for it.
        flip_channels: Their images are BGR and ours RGB: turns the first convolution around,
            which is exact. It concerns the layer `conv1` alone.
    """
    values = dict(values)
    if flip_channels and layer.name == "conv1" and "kernel" in values:
        values["kernel"] = values["kernel"][:, :, ::-1]
    if hasattr(layer, "moving_variance") and {"gamma", "moving_variance"} <= set(values):
        variance = values["moving_variance"]
        values["gamma"] = values["gamma"] * np.sqrt(
            (variance + layer.epsilon) / (variance + epsilon)
        )
    return values
