"""ImageNet weights of Keras Applications for the body, by explicit names."""

from __future__ import annotations

import logging
import re

import keras
import numpy as np

from tfseg.errors import WeightsError
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["copy_body", "imagenet_name", "load_imagenet"]

_LOG = logging.getLogger(__name__)
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


def copy_body(source: keras.Model, body: keras.Model, *, flip_channels: bool) -> LoadReport:
    """Copies the weights of every layer of `body` from the layer of the same meaning in `source`.

    Args:
        source: A Keras Applications model without its top.
        body: Our ResNet or MobileNetV2.
        flip_channels: The source was trained on BGR pictures and ours come as RGB: turn the
            first convolution around, which is exact.

    Raises:
        WeightsError: If a layer is missing or has another shape.
    """
    theirs = {layer.name: layer for layer in source.layers}
    loaded = []
    for layer in body.layers:
        if not layer.weights:
            continue
        name = imagenet_name(layer.name)
        values = theirs[name].get_weights() if name in theirs else []
        if [value.shape for value in values] != [tuple(w.shape) for w in layer.weights]:
            raise WeightsError(
                f"layer {layer.name}: expected weights {[tuple(w.shape) for w in layer.weights]} "
                f"from {name!r} of {source.name}, found {[v.shape for v in values]}."
            )
        if flip_channels and layer.name == "conv1":
            values[0] = values[0][:, :, ::-1]
        if hasattr(layer, "moving_variance"):
            # Ours adds another epsilon to the variance; a scale that makes up for it keeps the
            # outputs what they were.
            ours, other = values[3] + layer.epsilon, values[3] + theirs[name].epsilon
            values[0] = values[0] * np.sqrt(ours / other)
        layer.set_weights(values)
        loaded.append(layer.name)
    return LoadReport(loaded=tuple(loaded), source=f"ImageNet weights of {source.name}")


def load_imagenet(network: keras.Model) -> LoadReport:
    """Gives the body ImageNet weights, which Keras downloads once and keeps.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them.
    """
    config = network.config
    shape = (None, None, 3)
    try:
        if config.backbone in BLOCKS:
            maker = {
                "resnet50": keras.applications.ResNet50,
                "resnet101": keras.applications.ResNet101,
            }[config.backbone]
            source = maker(include_top=False, weights="imagenet", input_shape=shape)
        else:
            source = keras.applications.MobileNetV2(
                include_top=False,
                weights="imagenet",
                alpha=config.backbone_width,
                input_shape=shape,
            )
    except Exception as error:  # the download fails in many ways: URLError, OSError, Exception
        raise WeightsError(
            f"the ImageNet weights of {config.backbone} cannot be had: {error}. Keras downloads "
            "them at first use and keeps them in ~/.keras/models; copy them there from a machine "
            "with network access, or set initial_weights=None to start from random weights."
        ) from error
    report = copy_body(source, network.body, flip_channels=config.backbone in BLOCKS)
    _LOG.info("%s", report)
    return report
