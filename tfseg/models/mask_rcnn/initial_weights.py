"""ImageNet weights of Keras Applications for the body, by explicit names."""

from __future__ import annotations

import logging

import keras
import numpy as np

from tfseg.errors import WeightsError
from tfseg.nn.backbones.imagenet import adapt, imagenet_name, own_layers
from tfseg.nn.backbones.resnet import BLOCKS
from tfseg.structures import LoadReport

__all__ = ["copy_body", "load_imagenet"]

_LOG = logging.getLogger(__name__)


def copy_body(source: keras.Model, body: keras.Model, *, flip_channels: bool) -> LoadReport:
    """Copies the weights of every layer of `body` from the layer of the same meaning in `source`.

    Args:
        source: A Keras Applications model without its top.
        body: Our ResNet or MobileNetV2.
        flip_channels: The source was trained on BGR pictures and ours come as RGB, see
            `tfseg.nn.backbones.imagenet.adapt`.

    Raises:
        WeightsError: If a layer is missing or has another shape.
    """
    theirs = {layer.name: layer for layer in source.layers}
    fitting = []
    for name, layer in own_layers(body).items():
        twin = theirs.get(imagenet_name(name))
        found = {} if twin is None else {w.name: np.asarray(w) for w in twin.weights}
        wanted = {w.name: tuple(w.shape) for w in layer.weights}
        if {key: value.shape for key, value in found.items()} != wanted:
            raise WeightsError(
                f"layer {name}: expected weights {wanted} from {imagenet_name(name)!r} of "
                f"{source.name}, found { ({k: v.shape for k, v in found.items()}) }."
            )
        epsilon = getattr(twin, "epsilon", 0.0)
        fitting.append((layer, adapt(layer, found, epsilon=epsilon, flip_channels=flip_channels)))
    for layer, values in fitting:
        for weight in layer.weights:
            weight.assign(values[weight.name])
    loaded = tuple(layer.name for layer, _ in fitting)
    return LoadReport(loaded=loaded, source=f"ImageNet weights of {source.name}")


def load_imagenet(network: keras.Model) -> LoadReport:
    """Gives the body ImageNet weights, which Keras downloads once and keeps.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them, or where the body
            computes in another way than theirs.
    """
    config = network.config
    if config.backbone in BLOCKS and (config.stride_on_3x3 or not config.conv_bias):
        raise WeightsError(
            f"Keras Applications' {config.backbone} has biases, and the strides on its 1x1 "
            "convolutions; a body with stride_on_3x3=True or conv_bias=False, as origin="
            "'torchvision' has, would compute something else from its ImageNet weights. Use "
            "origin='matterport', or start from torchvision's weights by load_weights(...)."
        )
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
