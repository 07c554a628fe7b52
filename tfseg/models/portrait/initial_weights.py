"""ImageNet weights for the encoder, from Keras Applications' MobileNetV2."""

from __future__ import annotations

import logging

import keras

from tfseg.errors import WeightsError
from tfseg.models.portrait.network import PortraitNetwork
from tfseg.structures import LoadReport

__all__ = ["copy_encoder", "load_imagenet"]

_LOG = logging.getLogger(__name__)


def load_imagenet(network: PortraitNetwork) -> LoadReport:
    """Gives the encoder ImageNet weights, which Keras downloads once and keeps.

    Raises:
        WeightsError: Where they cannot be had, naming the way without them.
    """
    try:
        source = keras.applications.MobileNetV2(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3)
        )
    except Exception as error:  # the download fails in many ways: URLError, OSError, Exception
        raise WeightsError(
            f"the ImageNet weights of MobileNetV2 cannot be had: {error}. Keras downloads them at "
            "first use and keeps them in ~/.keras/models; copy them there from a machine with "
            "network access, or set initial_weights=None to start from random weights."
        ) from error
    report = copy_encoder(source, network)
    _LOG.info("%s", report)
    return report


def copy_encoder(source: keras.Model, network: PortraitNetwork) -> LoadReport:
    """Gives every layer of the encoder the weights of the layer of its name.

    Both have the same layers and the same epsilon; images in [-1, 1] suit both.

    Raises:
        WeightsError: If a layer is missing or has another shape; nothing is changed then.
    """
    theirs = {layer.name: layer for layer in source.layers}
    pairs = []
    for layer in network.body.layers:
        if not layer.weights:
            continue
        twin = theirs.get(layer.name)
        values = [] if twin is None else twin.get_weights()
        if [value.shape for value in values] != [tuple(w.shape) for w in layer.weights]:
            raise WeightsError(
                f"layer {layer.name}: {source.name} has "
                f"{'no such layer' if twin is None else 'other shapes'}; expected MobileNetV2 at "
                "width 1."
            )
        pairs.append((layer, values))
    for layer, values in pairs:
        layer.set_weights(values)
    loaded = tuple(layer.name for layer, _ in pairs)
    return LoadReport(loaded=loaded, source=f"ImageNet weights of {source.name}")
